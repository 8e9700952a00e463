#include "journal/reader.h"

#include "fixture.h"
#include "journal/segments.h"

using namespace tidemark;
using namespace tidemark::test;

namespace {

struct BlockSpec {
  std::uint64_t first, count, durable;
  std::uint32_t timeline = 1;
  std::uint32_t run = 1;
  Lineage of = lineage();
};

std::string payload_of(std::uint64_t position) {
  return format("entry {}", position);
}

std::string block(const BlockSpec& spec) {
  SourceTable sources;
  BlockBuilder builder;
  for (std::uint64_t i = 0; i < spec.count; ++i)
    builder.add(entry(payload_of(spec.first + i), 0, static_cast<std::int64_t>(spec.first + i) * 1000),
                sources);
  return seal_block(
      builder.take({}),
      {spec.of, Timeline{spec.timeline}, RunId{spec.run}, Position{spec.first}, Position{spec.durable}},
      true);
}

void put(FaultFiles& files, std::uint64_t number, const std::string& bytes) {
  files.put(segment_path(kFolder, number), bytes);
}
std::string get(FaultFiles& files, std::uint64_t number) {
  return files.content(segment_path(kFolder, number));
}
bool has(FaultFiles& files, std::uint64_t number) {
  return files.exists(segment_path(kFolder, number));
}

std::string broken(std::string bytes, std::size_t at) {
  bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
  return bytes;
}

struct Disk {
  Disk() { REQUIRE(files.make_directories(kFolder)); }
  FaultFiles files;

  JournalExtent open(Position known = {}, Position needed = {}, Ancestry a = {}) {
    return must_open(folder(files, std::move(a)), known, needed);
  }
  Error refusal(Position known = {}, Position needed = {}, Ancestry a = {}) {
    auto extent = open_journal(folder(files, std::move(a)), known, needed);
    REQUIRE_FALSE(extent);
    return extent.error();
  }
  std::uint64_t entries(Position after = {}, Ancestry a = {}) {
    const auto read = read_all(folder(files, std::move(a)), after);
    for (std::size_t i = 0; i < read.size(); ++i) {
      REQUIRE(read[i].position == after.value + 1 + i);
      REQUIRE(read[i].payload == payload_of(read[i].position));
    }
    return read.size();
  }
};

bool names_the_way_on(const Error& error) {
  return error.kind == Error::Kind::corrupt &&
         error.message.find("tidemark run --from chk-N --abandon-replay") != std::string::npos;
}

}  // namespace

TEST_CASE("an absent journal is made and is empty") {
  FaultFiles files;
  CHECK(inspect_journal(folder(files))->end == Position{0});
  CHECK_FALSE(files.status(kFolder));
  const JournalExtent extent = must_open(folder(files));
  CHECK(extent.first == Position{1});
  CHECK(extent.end == Position{0});
  CHECK(extent.bytes == 0);
  CHECK(files.status(kFolder));
}

TEST_CASE("entries are read in order over segments, from any position on") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}) + block({6, 5, 5}));
  put(disk.files, 2, block({11, 5, 10}));
  const JournalExtent extent = disk.open();
  CHECK(extent.first == Position{1});
  CHECK(extent.end == Position{15});
  CHECK(to_ns(extent.last_time) == 15'000);
  for (std::uint64_t after = 0; after <= 15; ++after) CHECK(disk.entries(Position{after}) == 15 - after);
}

TEST_CASE("a trimmed journal begins where it begins") {
  Disk disk;
  put(disk.files, 4, block({101, 5, 100}));
  put(disk.files, 5, block({106, 5, 105}));
  const JournalExtent extent = disk.open(Position{110});
  CHECK(extent.first == Position{101});
  CHECK(extent.end == Position{110});
  Error error;
  read_all(folder(disk.files), Position{50}, &error);
  CHECK(names_the_way_on(error));
}

TEST_CASE("an empty newest segment is what a crash at its making leaves") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}));
  put(disk.files, 2, "");
  CHECK(disk.open().end == Position{5});
  CHECK(disk.entries() == 5);
}

TEST_CASE("a torn tail is cut off at every byte, and what was whole stays") {
  const std::string first = block({1, 5, 0});
  const std::string second = block({6, 5, 0});
  for (std::size_t n = first.size(); n < first.size() + second.size(); ++n) {
    CAPTURE(n);
    Disk disk;
    put(disk.files, 1, (first + second).substr(0, n));
    const JournalExtent extent = disk.open();
    CHECK(extent.end == Position{5});
    const std::string torn = second.substr(0, n - first.size());
    CHECK(extent.cut_bytes == torn.find_last_not_of('\0') + 1);  // zeros at its end look like those put ahead
    CHECK(extent.notes.size() == (n > first.size() ? 1 : 0));
    CHECK(disk.entries() == 5);
    const auto after = disk.files.after_crash(Loss::all_unsynced);
    CHECK(must_open(folder(*after)).cut_bytes == 0);
    CHECK(read_all(folder(*after)).size() == 5);
  }
}

TEST_CASE("zeros that were put ahead of the next block are no torn tail, and go") {
  const std::string whole = block({1, 5, 0});
  Disk disk;
  put(disk.files, 1, whole + std::string(3000, '\0'));
  CHECK(inspect_journal(folder(disk.files))->cut_bytes == 0);
  const JournalExtent extent = disk.open();
  CHECK(extent.end == Position{5});
  CHECK(extent.cut_bytes == 0);
  CHECK(extent.notes.empty());
  CHECK(extent.bytes == whole.size());
  CHECK(disk.entries() == 5);
}

TEST_CASE("zeros behind the last block of a segment do not part it from the next") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}) + std::string(100, '\0'));
  put(disk.files, 2, block({6, 5, 5}));
  CHECK(disk.open().end == Position{10});
  CHECK(disk.entries() == 10);
}

TEST_CASE("a block torn within zeros that were put ahead is cut off with them") {
  const std::string whole = block({1, 5, 0});
  std::string torn = block({6, 5, 5});
  for (std::size_t i = 100; i < 120; ++i) torn[i] = '\0';
  Disk disk;
  put(disk.files, 1, whole + torn + std::string(500, '\0'));
  const JournalExtent extent = disk.open();
  CHECK(extent.end == Position{5});
  CHECK(extent.cut_bytes > 100);
  CHECK(extent.cut_bytes <= torn.size());
  CHECK(extent.bytes == whole.size());
}

TEST_CASE("blocks behind a torn one are tail too when nothing calls it durable") {
  Disk disk;
  const std::string torn = broken(block({6, 5, 5}), 130);
  put(disk.files, 1, block({1, 5, 0}) + torn + block({11, 5, 5}));
  put(disk.files, 2, block({16, 5, 5}));
  CHECK(inspect_journal(folder(disk.files))->end == Position{5});
  const JournalExtent extent = disk.open(Position{5});
  CHECK(extent.end == Position{5});
  CHECK(get(disk.files, 1).size() == block({1, 5, 0}).size());
  CHECK_FALSE(has(disk.files, 2));
  CHECK(disk.entries() == 5);
}

TEST_CASE("a bad block that a later one calls durable is damage, named with its positions and the way on") {
  for (const std::size_t at : {std::size_t{0}, std::size_t{9}, std::size_t{50}, std::size_t{95}}) {
    CAPTURE(at);
    Disk disk;
    const std::string bad = broken(block({6, 5, 5}), at);
    put(disk.files, 1, block({1, 5, 0}) + bad + block({11, 5, 10}));
    const auto before = get(disk.files, 1);
    const Error error = disk.refusal();
    CHECK(names_the_way_on(error));
    CHECK(error.message.find("0000000001") != std::string::npos);
    CHECK(error.message.find("entries 6 to 10") != std::string::npos);
    CHECK(get(disk.files, 1) == before);
    CHECK_FALSE(inspect_journal(folder(disk.files)));
  }
}

TEST_CASE("damage within a durable block is found when it is read") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}) + broken(block({6, 5, 5}), 120) + block({11, 5, 10}));
  CHECK(disk.open().end == Position{15});
  Error error;
  const auto read = read_all(folder(disk.files), {}, &error);
  CHECK(read.size() == 5);
  CHECK(names_the_way_on(error));
  CHECK(error.message.find("entries 6 to 10") != std::string::npos);
  CHECK(disk.entries(Position{10}) == 5);
}

TEST_CASE("a missing segment is damage") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}));
  put(disk.files, 3, block({11, 5, 10}));
  const Error error = disk.refusal();
  CHECK(names_the_way_on(error));
  CHECK(error.message.find("entries 6 to 10") != std::string::npos);
}

TEST_CASE("a journal that ends before what is known to be durable is damage") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}) + broken(block({6, 5, 5}), 130));
  CHECK(names_the_way_on(disk.refusal(Position{10})));
  CHECK(disk.open(Position{5}).end == Position{5});
}

TEST_CASE("damage at or before the checkpoint that is started from is noted and hurts nobody") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}) + broken(block({6, 5, 5}), 3) + block({11, 5, 10}));
  put(disk.files, 2, block({16, 5, 15}));
  CHECK(names_the_way_on(disk.refusal(Position{15}, Position{9})));
  const JournalExtent extent = disk.open(Position{20}, Position{10});
  CHECK(extent.first == Position{11});
  CHECK(extent.end == Position{20});
  REQUIRE(extent.notes.size() == 1);
  CHECK(extent.notes[0].find("entries 6 to 10") != std::string::npos);
  CHECK(disk.entries(Position{10}) == 10);
}

TEST_CASE("a journal that lost its end below the checkpoint says so: nobody knows what followed") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}));
  const JournalExtent extent = disk.open(Position{8}, Position{8});
  CHECK(extent.end == Position{8});
  REQUIRE_FALSE(extent.notes.empty());
  CHECK(extent.notes.back().find("ends at entry 5, but entry 8 was durable") != std::string::npos);
}

TEST_CASE("an emptied journal says that an entry was durable in it") {
  Disk disk;
  const JournalExtent extent = disk.open(Position{8}, Position{8});
  REQUIRE_FALSE(extent.notes.empty());
  CHECK(extent.notes.back().find("holds no entry") != std::string::npos);
}

TEST_CASE("where the present timeline begins, a journal may end") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}));
  CHECK(disk.open(Position{8}, Position{8}, Ancestry{}.forked(Position{8})).notes.empty());
}

TEST_CASE("a journal that was off until the checkpoint continues behind it") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}));
  const JournalExtent extent = disk.open(Position{5}, Position{8});
  CHECK(extent.end == Position{8});
  CHECK(extent.first == Position{9});
  put(disk.files, 2, block({9, 3, 8, 1, 2}));
  CHECK(disk.open(Position{8}, Position{8}).end == Position{11});
  CHECK(disk.entries(Position{8}) == 3);
  CHECK(names_the_way_on(disk.refusal()));  // for an older checkpoint there is a gap
}

TEST_CASE("blocks rewritten after a failed sync are read once") {
  const std::string one = block({1, 5, 0}), two = block({6, 5, 5}), three = block({11, 5, 5});
  const std::string four = block({16, 5, 15});
  SUBCASE("the first copy is whole") {
    Disk disk;
    put(disk.files, 1, one + two + three);
    put(disk.files, 2, two + three + four);
    CHECK(disk.open().end == Position{20});
    CHECK(disk.entries() == 20);
    CHECK(disk.entries(Position{7}) == 13);
  }
  SUBCASE("the first copy is torn, though later blocks call those positions durable") {
    for (std::size_t cut = one.size(); cut < one.size() + two.size() + three.size(); ++cut) {
      CAPTURE(cut);
      Disk disk;
      put(disk.files, 1, (one + two + three).substr(0, cut));
      put(disk.files, 2, two + three + four);
      CHECK(disk.open().end == Position{20});
      CHECK(disk.entries() == 20);
      CHECK(disk.entries(Position{12}) == 8);
    }
  }
  SUBCASE("the second copy is torn") {
    for (std::size_t cut = 0; cut < two.size() + three.size(); ++cut) {
      CAPTURE(cut);
      Disk disk;
      put(disk.files, 1, one + two + three);
      put(disk.files, 2, (two + three).substr(0, cut));
      CHECK(disk.open().end == Position{15});
      CHECK(disk.entries() == 15);
      // However the journal is entered, it ends at the same place.
      CHECK(disk.open({}, Position{6}).end == Position{15});
    }
  }
}

TEST_CASE("what was never called durable is copied and synced before it counts") {
  Disk disk;
  auto written = disk.files.open(segment_path(kFolder, 1), Files::Open::create);
  REQUIRE(written);
  REQUIRE((*written)->write_at(0, block({1, 5, 0})));
  REQUIRE((*written)->sync());
  REQUIRE(disk.files.sync_directory(kFolder));
  // The sync of the second block fails; the kernel forgets the pages, and a later sync would succeed.
  REQUIRE((*written)->write_at(block({1, 5, 0}).size(), block({6, 5, 5})));
  disk.files.fail({FaultFiles::Operation::sync, "", 0, 1, false});
  REQUIRE_FALSE((*written)->sync());
  CHECK(disk.open().end == Position{10});
  const auto after = disk.files.after_crash(Loss::all_unsynced);
  CHECK(must_open(folder(*after)).end == Position{10});
  CHECK(read_all(folder(*after)).size() == 10);
}

TEST_CASE("a program that restarts for ever does not fill the disk with copies") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}) + block({6, 5, 5}));
  for (int i = 0; i < 10; ++i) CHECK(disk.open().end == Position{10});
  CHECK(disk.files.all_files().size() == 2);
  CHECK(disk.entries() == 10);
}

TEST_CASE("on a full disk the tail is synced where it stands") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}) + block({6, 5, 5}));
  disk.files.quota(0);
  CHECK(disk.open().end == Position{10});
  CHECK(disk.files.all_files().size() == 1);
}

TEST_CASE("no copy is made of what a manifest calls durable") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}) + block({6, 5, 5}));
  CHECK(disk.open(Position{10}).end == Position{10});
  CHECK(disk.files.all_files().size() == 1);
}

TEST_CASE("an abandoned branch is passed over and kept") {
  const Ancestry forked = Ancestry{}.forked(Position{7});
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}) + block({6, 5, 5}) + block({11, 5, 10}));
  const std::string before = get(disk.files, 1);
  const JournalExtent extent = disk.open(Position{7}, {}, forked);
  CHECK(extent.end == Position{7});
  CHECK(to_ns(extent.last_time) == 7000);
  CHECK(get(disk.files, 1) == before);
  put(disk.files, 2, block({8, 4, 7, 2, 2}));
  CHECK(disk.open(Position{7}, {}, forked).end == Position{11});
  const auto read = read_all(folder(disk.files, forked));
  REQUIRE(read.size() == 11);
  CHECK(read[6].timeline == 1);
  CHECK(read[7].timeline == 2);
  for (std::uint64_t after = 0; after <= 11; ++after)
    CHECK(read_all(folder(disk.files, forked), Position{after}).size() == 11 - after);
}

TEST_CASE("a branch that was abandoned may itself be gone on from") {
  // 2 forks from 1 at 7; 3 forks from 1 at 12.
  const Ancestry third({{Timeline{2}, Timeline{1}, Position{7}}, {Timeline{3}, Timeline{1}, Position{12}}});
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}) + block({6, 5, 5}) + block({11, 5, 10}));
  put(disk.files, 2, block({8, 2, 7, 2, 2}));
  put(disk.files, 3, block({13, 2, 12, 3, 3}));
  CHECK(disk.open(Position{12}, {}, third).end == Position{14});
  CHECK(read_all(folder(disk.files, third)).size() == 14);
  CHECK(read_all(folder(disk.files, third), Position{9}).size() == 5);
}

TEST_CASE("damage is left behind by going on from a checkpoint on a new timeline") {
  for (const std::uint64_t checkpoint : {5u, 7u, 3u, 10u}) {
    CAPTURE(checkpoint);
    Disk disk;
    put(disk.files, 1, block({1, 5, 0}) + broken(block({6, 5, 5}), 3) + block({11, 5, 10}));
    REQUIRE(names_the_way_on(disk.refusal(Position{10}, Position{5})));
    const Ancestry forked = Ancestry{}.forked(Position{checkpoint});
    const JournalExtent extent = disk.open(Position{checkpoint}, Position{checkpoint}, forked);
    CHECK(extent.end == Position{checkpoint});
    CHECK(has(disk.files, 1));
    put(disk.files, 2, block({checkpoint + 1, 4, checkpoint, 2, 2}));
    CHECK(disk.open({}, Position{checkpoint}, forked).end == Position{checkpoint + 4});
    CHECK(read_all(folder(disk.files, forked), Position{checkpoint}).size() == 4);
  }
}

TEST_CASE("a journal of another lineage is refused") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0, 1, 1, lineage(9)}));
  const Error error = disk.refusal();
  CHECK(error.kind == Error::Kind::corrupt);
  CHECK(error.message.find(to_text(lineage(9))) != std::string::npos);
  CHECK(has(disk.files, 1));
}

TEST_CASE("other files in the folder are passed over") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}));
  disk.files.put(kFolder + "/notes.txt", "hello");
  disk.files.put(kFolder + "/12", "hello");
  CHECK(disk.open().end == Position{5});
}

TEST_CASE("erasing the journal leaves an empty one") {
  Disk disk;
  put(disk.files, 1, block({1, 5, 0}));
  put(disk.files, 2, block({6, 5, 5}));
  REQUIRE(erase_journal(disk.files, kFolder));
  CHECK(disk.files.after_crash(Loss::all_unsynced)->all_files().empty());
  CHECK(disk.open().end == Position{0});
  CHECK(erase_journal(disk.files, "/nowhere"));
}

TEST_CASE("every damaged byte, every length, no file: recovered exactly, or refused, never silently wrong") {
  // Three segments; everything up to 20 is known to be durable, 21 to 25 is not.
  const std::vector<std::string> whole = {block({1, 5, 0}) + block({6, 5, 5}), block({11, 5, 10}),
                                          block({16, 5, 15}) + block({21, 5, 20})};
  std::size_t refused = 0, shorter = 0, later = 0;
  const auto judge = [&](Disk& disk) {
    auto extent = open_journal(folder(disk.files), Position{20});
    if (!extent) {
      CHECK(extent.error().message.find("entries ") != std::string::npos);
      CHECK(names_the_way_on(extent.error()));
      ++refused;
      return;
    }
    CHECK((extent->end == Position{25} || extent->end == Position{20}));
    shorter += extent->end == Position{20};
    Error error;
    const auto read = read_all(folder(disk.files), {}, &error);
    for (std::size_t i = 0; i < read.size(); ++i) {
      REQUIRE(read[i].position == i + 1);
      REQUIRE(read[i].payload == payload_of(i + 1));
    }
    if (!error.message.empty()) {
      CHECK(names_the_way_on(error));
      ++later;
    } else {
      CHECK(read.size() == extent->end.value);
    }
  };
  for (std::size_t s = 0; s < whole.size(); ++s) {
    for (std::size_t at = 0; at < whole[s].size() * 2; ++at) {
      const bool cut = at >= whole[s].size();
      CAPTURE(s);
      CAPTURE(at);
      Disk disk;
      for (std::size_t i = 0; i < whole.size(); ++i) put(disk.files, i + 1, whole[i]);
      put(disk.files, s + 1, cut ? whole[s].substr(0, at - whole[s].size()) : broken(whole[s], at));
      judge(disk);
    }
    Disk disk;
    for (std::size_t i = 0; i < whole.size(); ++i)
      if (i != s) put(disk.files, i + 1, whole[i]);
    // Without its first segment a journal is a trimmed one: whoever needs more sees where it begins.
    if (s == 0)
      CHECK(disk.open(Position{20}).first == Position{11});
    else
      judge(disk);
  }
  CHECK(refused > 0);
  CHECK(shorter > 0);
  CHECK(later > 0);
}
