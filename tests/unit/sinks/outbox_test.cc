#include "sinks/outbox.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "sinks/outbox_format.h"
#include "support/fake_random.h"
#include "support/fault_files.h"
#include "support/source_tree.h"

namespace tidemark {
namespace {

constexpr const char* kFolder = "/data/outbox/alerts";

std::shared_ptr<const OutboxOrigin> origin_of(std::uint32_t timeline, std::uint8_t lineage = 0xab) {
  auto origin = std::make_shared<OutboxOrigin>();
  ResultSchema& schema = origin->schema;
  schema.channel.lineage.bytes[0] = lineage;
  schema.channel.timeline = Timeline{timeline};
  schema.channel.uid = "health";
  schema.pipeline = "machine_health";
  schema.columns = {
      {"device"}, {"window_start", ResultColumn::Kind::time}, {"n"}, {"frequent", ResultColumn::Kind::json}};
  schema.identity = 2;
  origin->id_prefix = "press-hall-3";
  return origin;
}

// Rows of one channel, numbered on.
struct Maker {
  std::shared_ptr<const OutboxOrigin> origin = origin_of(1);
  std::uint64_t number = 0;

  std::vector<OutboxRow> rows(std::size_t count, std::size_t size = 20) {
    std::vector<OutboxRow> out;
    for (std::size_t i = 0; i < count; ++i) {
      ++number;
      out.push_back({origin, ResultNumber{number}, number * 7, Position{number * 3},
                     std::to_string(number) + std::string(size, 'x')});
    }
    return out;
  }
};

// What is in it, as numbers, without consuming it.
std::vector<std::uint64_t> numbers(Outbox& outbox) {
  std::vector<std::uint64_t> out;
  for (std::uint64_t at = outbox.extent().first;;) {
    const auto rows = outbox.read(at);
    REQUIRE(rows);
    if (rows->empty()) return out;
    for (const OutboxRow& row : *rows) {
      CHECK(row.bytes.starts_with(std::to_string(row.number.value) + "x"));
      CHECK(row.chain == row.number.value * 7);
      CHECK(row.position.value == row.number.value * 3);
      CHECK(row.origin->id_prefix == "press-hall-3");
      out.push_back(row.number.value);
      at = row.sequence + 1;
    }
  }
}

std::vector<std::uint64_t> range(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> out;
  for (; from <= to; ++from) out.push_back(from);
  return out;
}

TEST_CASE("outbox: rows come back in order, whole, over appends, reads in between and restarts") {
  FaultFiles disk;
  Maker maker;
  for (int run = 0; run < 3; ++run) {
    Outbox outbox(disk, {.folder = kFolder, .buffer = 64u << 10});
    REQUIRE(outbox.open());
    CHECK(outbox.take_reports().empty());
    for (int i = 0; i < 3; ++i) {
      const auto rows = maker.rows(40);
      const auto done = outbox.append(rows);
      REQUIRE(done);
      CHECK(done->taken == 40);
      CHECK(numbers(outbox) == range(1, maker.number));
    }
    CHECK(outbox.marks().begin()->second.number.value == maker.number);
    CHECK(outbox.marks().begin()->second.chain == maker.number * 7);
    CHECK(outbox.origins().size() == (run == 0 ? 0 : 1));
  }
}

TEST_CASE("outbox: what was consumed goes with its segments, and is remembered as marks") {
  FaultFiles disk;
  Maker maker;
  {
    Outbox outbox(disk, {.folder = kFolder, .buffer = 8u << 10});
    REQUIRE(outbox.open());
    REQUIRE(outbox.append(maker.rows(60)));
    const std::uint64_t bytes = outbox.extent().bytes;
    REQUIRE(outbox.consume(40));
    CHECK(outbox.extent().bytes < bytes);
    CHECK(numbers(outbox) == range(40, 60));
    REQUIRE(outbox.close());
  }
  {
    Outbox outbox(disk, {.folder = kFolder, .buffer = 8u << 10});
    REQUIRE(outbox.open());
    CHECK(numbers(outbox) == range(40, 60));
    REQUIRE(outbox.consume(61));
    CHECK(disk.all_files() == std::vector<std::string>{"data/outbox/alerts/state"});
  }
  Outbox outbox(disk, {.folder = kFolder, .buffer = 8u << 10});
  REQUIRE(outbox.open());
  CHECK(outbox.extent().first == 61);
  CHECK(outbox.extent().end == 61);
  CHECK(outbox.marks().begin()->second.number.value == 60);
  REQUIRE(outbox.append(maker.rows(5)));
  CHECK(numbers(outbox) == range(61, 65));
}

TEST_CASE("outbox: rows behind a megabyte that was consumed without being read are read") {
  FaultFiles disk;
  Maker maker;
  Outbox outbox(disk, {.folder = kFolder, .buffer = 64u << 20});
  REQUIRE(outbox.open());
  REQUIRE(outbox.append(maker.rows(1500, 1000)));
  REQUIRE(outbox.consume(1200));
  CHECK(numbers(outbox) == range(1200, 1500));
}

TEST_CASE("outbox: an absent one is empty, and stays absent") {
  FaultFiles disk;
  Outbox outbox(disk, {.folder = kFolder});
  REQUIRE(outbox.open());
  REQUIRE(outbox.close());
  CHECK(disk.all_files().empty());
  CHECK(disk.operations() == 0);
}

TEST_CASE("outbox: full, it takes no more, or gives up the oldest segment and counts its rows") {
  for (const bool drop : {false, true}) {
    CAPTURE(drop);
    FaultFiles disk;
    Maker maker;
    Outbox outbox(disk, {.folder = kFolder, .buffer = 8u << 10, .drop_oldest = drop});
    REQUIRE(outbox.open());
    std::uint64_t taken = 0, dropped = 0;
    for (int i = 0; i < 10; ++i) {
      const auto done = outbox.append(maker.rows(30, 50));
      REQUIRE(done);
      taken += done->taken;
      dropped += done->dropped;
      CHECK(outbox.extent().bytes <= (8u << 10));
      if (!drop && done->taken < 30) break;
    }
    CHECK(taken > 60);
    CHECK((taken < 300) != drop);
    CHECK((dropped > 100) == drop);
    CHECK(outbox.extent().dropped == dropped);
    CHECK(numbers(outbox) == range(dropped + 1, taken));
    Outbox next(disk, {.folder = kFolder, .buffer = 8u << 10, .drop_oldest = drop});
    REQUIRE(next.open());
    CHECK(next.extent().dropped == dropped);
    CHECK(numbers(next) == range(dropped + 1, taken));
  }
}

TEST_CASE("outbox: rows given up while they were with the sink count as dropped unless it got them") {
  for (const bool got : {false, true}) {
    CAPTURE(got);
    FaultFiles disk;
    Maker maker;
    const OutboxOptions options{.folder = kFolder, .buffer = 8u << 10, .drop_oldest = true};
    Outbox outbox(disk, options);
    REQUIRE(outbox.open());
    REQUIRE(outbox.append(maker.rows(30, 50)));
    std::uint64_t dropped = 0;
    for (int i = 0; i < 9; ++i) dropped += outbox.append(maker.rows(30, 50), 11)->dropped;
    CHECK(outbox.extent().first > 31);
    CHECK(dropped == outbox.extent().first - 11);
    if (got) REQUIRE(outbox.consume(11));
    CHECK(outbox.extent().dropped == dropped);
    Outbox next(disk, options);
    REQUIRE(next.open());
    CHECK(next.extent().dropped == dropped + (got ? 0 : 10));
  }
}

TEST_CASE("outbox: a row larger than all of its buffer is taken when nothing else is in it") {
  FaultFiles disk;
  Maker maker;
  Outbox outbox(disk, {.folder = kFolder, .buffer = 4u << 10});
  REQUIRE(outbox.open());
  CHECK(outbox.append(maker.rows(1, 10'000))->taken == 1);
  CHECK(outbox.append(maker.rows(1, 10))->taken == 0);
  REQUIRE(outbox.consume(2));
  CHECK(outbox.append(maker.rows(1, 10))->taken == 1);
}

TEST_CASE("outbox: rows of other timelines, columns and lineages keep what they are") {
  FaultFiles disk;
  Outbox outbox(disk, {.folder = kFolder});
  REQUIRE(outbox.open());
  Maker first, second, third;
  second.origin = origin_of(2);
  third.origin = origin_of(1, 0xcd);
  for (Maker* maker : {&first, &second, &third}) REQUIRE(outbox.append(maker->rows(2)));
  Outbox next(disk, {.folder = kFolder});
  REQUIRE(next.open());
  CHECK(next.origins().size() == 3);
  const auto rows = next.read(1);
  REQUIRE(rows->size() == 6);
  CHECK((*rows)[0].origin->schema.channel == first.origin->schema.channel);
  CHECK((*rows)[2].origin->schema.channel == second.origin->schema.channel);
  CHECK((*rows)[5].origin->schema.channel == third.origin->schema.channel);
  CHECK((*rows)[5].origin->schema.columns == third.origin->schema.columns);
  CHECK(next.marks().size() == 3);
  REQUIRE(next.consume(7));
  CHECK(next.marks().size() == 1);  // of the newest lineage: no other one's result is ever made again
}

TEST_CASE("outbox: after a failed write or sync nothing is lost and nothing stands twice") {
  for (const auto operation : {FaultFiles::Operation::write, FaultFiles::Operation::sync,
                               FaultFiles::Operation::open, FaultFiles::Operation::sync_directory})
    for (std::uint64_t skip = 0; skip < 6; ++skip)
      for (const Loss loss : {Loss::all_unsynced, Loss::none, Loss::random}) {
        CAPTURE(name_of(operation));
        CAPTURE(skip);
        auto disk = std::make_unique<FaultFiles>();
        Maker maker;
        std::uint64_t taken = 0;
        {
          Outbox outbox(*disk, {.folder = kFolder, .buffer = 16u << 10});
          REQUIRE(outbox.open());
          REQUIRE(outbox.append(maker.rows(20)));
          disk->fail({.operation = operation, .skip = skip, .times = 1});
          for (int i = 0; i < 4; ++i) {
            const auto rows = maker.rows(25);
            auto done = outbox.append(rows);
            if (!done) done = outbox.append(rows);
            REQUIRE(done);
            CHECK(done->taken == 25);
            CHECK(numbers(outbox) == range(1, maker.number));
          }
          taken = maker.number;
        }
        disk = disk->after_crash(loss, skip + 1);
        Outbox outbox(*disk, {.folder = kFolder, .buffer = 16u << 10});
        REQUIRE(outbox.open());
        CHECK(outbox.take_reports().empty());
        CHECK(numbers(outbox) == range(1, taken));
      }
}

// Appends and consumes until the power goes; what was taken and not consumed is there afterwards, in order.
TEST_CASE("outbox: a power cut at any operation loses nothing that was taken, and reports no damage") {
  std::uint64_t operations = 0;
  const auto work = [](FaultFiles& disk, Maker& maker, std::uint64_t& taken, std::uint64_t& consumed) {
    Outbox outbox(disk, {.folder = kFolder, .buffer = 8u << 10});
    if (!outbox.open()) return;
    for (int i = 0; i < 12; ++i) {
      const std::uint64_t before = maker.number;
      const auto done = outbox.append(maker.rows(9, 60));
      if (!done) return;
      taken = before + done->taken;
      maker.number = taken;
      if (i % 3 == 2) {
        consumed = taken - 4;
        if (!outbox.consume(taken - 3)) return;
      }
    }
    if (!outbox.close()) return;
  };
  {
    FaultFiles disk;
    Maker maker;
    std::uint64_t taken = 0, consumed = 0;
    work(disk, maker, taken, consumed);
    CHECK(taken == 108);
    operations = disk.operations();
    CHECK(operations > 60);
  }
  for (const Loss loss : {Loss::all_unsynced, Loss::none, Loss::random})
    for (std::uint64_t at = 1; at <= operations; ++at) {
      CAPTURE(at);
      CAPTURE(static_cast<int>(loss));
      auto disk = std::make_unique<FaultFiles>();
      disk->crash_at(at);
      Maker maker;
      std::uint64_t taken = 0, consumed = 0;
      work(*disk, maker, taken, consumed);
      disk = disk->after_crash(loss, at);
      // What is found is durable: the next cut does not take it back.
      for (int again = 0; again < 2; ++again) {
        Outbox outbox(*disk, {.folder = kFolder, .buffer = 8u << 10});
        REQUIRE(outbox.open());
        CHECK(outbox.take_reports().empty());
        const auto found = numbers(outbox);
        const std::uint64_t end = found.empty() ? outbox.extent().first - 1 : found.back();
        CHECK(end >= taken);
        if (!found.empty()) CHECK(found == range(found.front(), end));
        if (!found.empty()) CHECK(found.front() <= consumed + 1);
        if (taken > 0) CHECK(outbox.marks().begin()->second.number.value >= taken);
        taken = end;
        disk = disk->after_crash(Loss::all_unsynced);
      }
    }
}

TEST_CASE("outbox: a folder that was made and not synced is durable before rows in it are") {
  const auto rows_after_a_cut = [](const FaultFiles& before) {
    const auto disk = before.after_crash(Loss::all_unsynced);
    Outbox outbox(*disk, {.folder = kFolder, .buffer = 8u << 10});
    REQUIRE(outbox.open());
    return numbers(outbox);
  };
  for (std::uint64_t at = 1; at <= 12; ++at) {
    CAPTURE(at);
    Maker maker;
    const auto append = [&maker](FaultFiles& disk) {
      Outbox outbox(disk, {.folder = kFolder, .buffer = 8u << 10});
      const auto rows = maker.rows(3);
      bool taken = outbox.open() && outbox.append(rows);
      if (!taken) taken = outbox.append(rows).has_value();
      return taken;
    };
    {  // the program was killed within it
      FaultFiles disk;
      REQUIRE(disk.make_directories("/data"));
      disk.crash_at(disk.operations() + at);
      append(disk);
      const auto next = disk.after_crash(Loss::none);
      maker.number = 0;
      REQUIRE(append(*next));
      CHECK(rows_after_a_cut(*next).size() >= 3);
    }
    {  // the sync failed, and it tried again
      FaultFiles disk;
      REQUIRE(disk.make_directories("/data"));
      disk.fail({.operation = FaultFiles::Operation::sync_directory, .skip = at - 1});
      maker.number = 0;
      REQUIRE(append(disk));
      CHECK(rows_after_a_cut(disk) == range(1, 3));
    }
  }
}

TEST_CASE("outbox: what an append left whose sync failed is durable before it counts") {
  Maker maker;
  std::unique_ptr<FaultFiles> disk;
  {
    FaultFiles before;
    Outbox outbox(before, {.folder = kFolder, .buffer = 8u << 10});
    REQUIRE(outbox.open());
    REQUIRE(outbox.append(maker.rows(3)));
    before.fail({.operation = FaultFiles::Operation::sync});
    CHECK_FALSE(outbox.append(maker.rows(3)));
    disk = before.after_crash(Loss::none);  // killed before it tries again
  }
  std::vector<std::uint64_t> found;
  {
    Outbox outbox(*disk, {.folder = kFolder, .buffer = 8u << 10});
    REQUIRE(outbox.open());
    found = numbers(outbox);
    CHECK(found == range(1, 6));
  }
  disk = disk->after_crash(Loss::all_unsynced);
  Outbox outbox(*disk, {.folder = kFolder, .buffer = 8u << 10});
  REQUIRE(outbox.open());
  CHECK(numbers(outbox) == found);
}

TEST_CASE("outbox: of damaged files what reads is kept, in order, and the rest is reported with its number") {
  FaultFiles whole;
  Maker maker;
  {
    Outbox outbox(whole, {.folder = kFolder, .buffer = 8u << 10});
    REQUIRE(outbox.open());
    for (int i = 0; i < 8; ++i) REQUIRE(outbox.append(maker.rows(8, 60)));
    REQUIRE(outbox.consume(20));
  }
  const auto files = whole.all_files();
  REQUIRE(files.size() >= 4);
  FakeRandom random(7);
  for (const std::string& name : files)
    for (int cut = 0; cut < 2; ++cut)
      for (std::size_t step = 0; step < 40; ++step) {
        CAPTURE(name);
        CAPTURE(cut);
        const auto disk = whole.after_crash(Loss::none);
        std::string bytes = disk->content(name);
        const std::size_t at = random.below(bytes.size());
        CAPTURE(at);
        if (cut == 1)
          bytes.resize(at);
        else
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
        disk->put(name, bytes);
        Outbox outbox(*disk, {.folder = kFolder, .buffer = 8u << 10});
        const Status opened = outbox.open();
        if (!opened) {  // it says to be of a newer version
          CHECK(opened.error().message.find("newer") != std::string::npos);
          continue;
        }
        const auto reports = outbox.take_reports();
        std::uint64_t before = 0;
        std::size_t found = 0;
        for (const std::uint64_t number : numbers(outbox)) {
          CHECK(number > before);
          before = number;
          ++found;
        }
        const bool last = name == files[files.size() - 2];  // its end may be torn for all that one can see
        const bool state = name.ends_with("state");
        if (!state && found < 45 && !last) CHECK_FALSE(reports.empty());
        if (state) CHECK(found >= 45);
        CHECK(found + 40 >= 45);
        // It goes on from there.
        REQUIRE(outbox.append(maker.rows(1)));
        CHECK(numbers(outbox).back() == maker.number);
      }
}

TEST_CASE("outbox: version 1 is read as it was when it was released") {
  FaultFiles disk;
  Maker maker;
  Outbox outbox(disk, {.folder = kFolder, .buffer = 8u << 10});
  REQUIRE(outbox.open());
  REQUIRE(outbox.append(maker.rows(3)));
  OutboxState state{.first = 2, .end = 4, .dropped = 5, .marks = {}};
  state.marks[maker.origin->schema.channel] = {ResultNumber{3}, 21};
  const std::string path = source_tree() + "/tests/golden/v1/outbox-";
  if (std::getenv("TIDEMARK_WRITE_GOLDEN")) {
    std::ofstream(path + "segment", std::ios::binary) << disk.content("/data/outbox/alerts/0000000000000001");
    std::ofstream(path + "state", std::ios::binary) << encode(state);
  }
  const auto golden = [&](const std::string& name) {
    std::ifstream file(path + name, std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  };
  CHECK(encode(state) == golden("state"));
  FaultFiles old;
  REQUIRE(old.make_directories(kFolder));
  old.put("/data/outbox/alerts/0000000000000001", golden("segment"));
  old.put("/data/outbox/alerts/state", golden("state"));
  Outbox read(old, {.folder = kFolder});
  REQUIRE(read.open());
  CHECK(numbers(read) == range(2, 3));
  CHECK(read.extent().dropped == 5);
}

}  // namespace
}  // namespace tidemark
