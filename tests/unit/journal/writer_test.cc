#include "journal/writer.h"
#include "journal/segments.h"

#include "fixture.h"

using namespace tidemark;
using namespace tidemark::test;
using Op = FaultFiles::Operation;

namespace {

struct Desk {
  Desk() : bench(files) { REQUIRE(files.make_directories(kFolder)); }
  FaultFiles files;
  Bench<ManualLane> bench;

  // Lets the lane and the loop run until neither has anything to do; no time passes.
  void settle() {
    bench.loop.run_ready();
    while (bench.lane.step()) bench.loop.run_ready();
  }
  std::unique_ptr<JournalWriter> open(const JournalWriter::Options& o) {
    auto writer = bench.open(o);
    settle();
    return writer;
  }
  std::unique_ptr<JournalWriter> open() { return open(bench.options()); }
  std::size_t segments() const { return files.all_files().size(); }
};

void append(JournalWriter& writer, std::uint64_t from, std::uint64_t to, std::size_t size = 20) {
  for (std::uint64_t i = from; i <= to; ++i) {
    std::string payload = format("entry {} ", i);
    payload.resize(std::max(size, payload.size()), '.');
    CHECK(writer.append(entry(payload)) == Position{i});
  }
}

}  // namespace

TEST_CASE("entries are durable after one write and one sync, at the end of the longest wait") {
  Desk desk;
  auto writer = desk.open();
  append(*writer, 1, 3);
  CHECK(writer->appended() == Position{3});
  desk.settle();
  CHECK(writer->written() == Position{0});
  CHECK(writer->waiting_since() == desk.bench.clock.monotonic());
  desk.bench.loop.advance(199ms);
  desk.settle();
  CHECK(writer->durable() == Position{0});
  int calls = 0;
  writer->on_progress([&] { ++calls; });
  desk.bench.loop.advance(1ms);
  desk.settle();
  CHECK(writer->durable() == Position{3});
  CHECK(writer->written() == Position{3});
  CHECK(calls == 1);
  CHECK_FALSE(writer->waiting_since());
  CHECK(desk.files.operations(Op::sync) == 1);
  CHECK(desk.files.operations(Op::write) == 1);
  CHECK(desk.bench.loop.timers() == 0);
  CHECK(read_all(folder(desk.files)).size() == 3);
}

TEST_CASE("an idle writer writes nothing and waits for nothing") {
  Desk desk;
  auto writer = desk.open();
  const std::uint64_t before = desk.files.operations();
  writer->sync_now();
  desk.bench.loop.advance(1h);
  desk.settle();
  CHECK(desk.files.operations() == before);
  CHECK(desk.bench.loop.timers() == 0);
}

TEST_CASE("sync_now does not wait") {
  Desk desk;
  auto writer = desk.open();
  append(*writer, 1, 2);
  writer->sync_now();
  desk.settle();
  CHECK(writer->durable() == Position{2});
  CHECK(desk.bench.loop.timers() == 0);
}

TEST_CASE("with sync 0 each turn of the loop is one batch, and batches gather while the disk is busy") {
  Desk desk;
  auto options = desk.bench.options();
  options.settings.sync = 0s;
  auto writer = desk.open(options);
  append(*writer, 1, 2);
  desk.bench.loop.run_ready();
  append(*writer, 3, 3);
  desk.bench.loop.run_ready();
  append(*writer, 4, 4);
  desk.bench.loop.run_ready();
  CHECK(desk.bench.lane.waiting() == 1);
  CHECK(desk.bench.lane.step());
  desk.bench.loop.run_ready();
  CHECK(writer->durable() == Position{2});
  desk.settle();
  CHECK(writer->durable() == Position{4});
  CHECK(desk.files.operations(Op::sync) == 2);
}

TEST_CASE("a full block is written at once and synced later") {
  Desk desk;
  auto writer = desk.open();
  append(*writer, 1, 20);
  desk.settle();
  CHECK(writer->written() > Position{0});
  CHECK(writer->durable() == Position{0});
  desk.bench.loop.advance(200ms);
  desk.settle();
  CHECK(writer->durable() == Position{20});
  CHECK(desk.files.operations(Op::sync) == 1);
}

TEST_CASE("a new segment's name is made durable before what it holds counts") {
  Desk desk;
  auto writer = desk.open();
  desk.files.record(true);
  append(*writer, 1, 1);
  writer->sync_now();
  desk.settle();
  const auto lines = desk.files.recorded();
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].find("open ") != std::string::npos);
  CHECK(lines[1].find("write ") != std::string::npos);
  CHECK(lines[2].find(" sync ") != std::string::npos);
  CHECK(lines[3].find("sync directory") != std::string::npos);
  append(*writer, 2, 2);
  writer->sync_now();
  desk.settle();
  CHECK(desk.files.recorded().size() == 6);  // the name is durable: write and sync suffice
}

TEST_CASE("small syncs write over zeros that were put ahead, which go when the writer is closed") {
  Desk desk;
  auto options = desk.bench.options();
  options.zeroed_ahead = 1000;
  auto writer = desk.open(options);
  const auto size = [&] { return desk.files.status(segment_path(kFolder, 1))->size; };
  std::vector<std::uint64_t> sizes;
  std::uint64_t written = 0;
  for (std::uint64_t n = 1; n <= 4; ++n) {
    append(*writer, n, n);
    writer->sync_now();
    desk.settle();
    sizes.push_back(size());
    written = writer->bytes_written();
  }
  CHECK(sizes.front() > 1000);
  CHECK(sizes == std::vector(4, sizes.front()));
  CHECK(writer->size_on_disk() == sizes.front());
  CHECK(written > sizes.front());  // zeros count as written: the flash has to take them
  writer.reset();
  CHECK(size() < sizes.front() - 400);
  CHECK(read_all(folder(desk.files)).size() == 4);
}

TEST_CASE(
    "where zeros cannot be put ahead for want of room the block is written all the same, else the file is "
    "left") {
  for (const bool no_space : {true, false}) {
    CAPTURE(no_space);
    Desk desk;
    auto options = desk.bench.options();
    options.zeroed_ahead = 1000;
    auto writer = desk.open(options);
    desk.files.fail({Op::write, "", 0, 1, no_space});  // that of the zeros
    append(*writer, 1, 1);
    writer->sync_now();
    desk.settle();
    CHECK(writer->trouble().has_value() == !no_space);
    CHECK(writer->durable() == (no_space ? Position{1} : Position{}));
    desk.bench.loop.advance(100ms);
    desk.settle();
    CHECK(writer->durable() == Position{1});
    CHECK(read_all(folder(desk.files)).size() == 1);
  }
}

TEST_CASE("the writer is full at its bound, and says so when there is room again") {
  Desk desk;
  auto options = desk.bench.options();
  options.max_unsynced = 2000;
  auto writer = desk.open(options);
  desk.bench.lane.hold();
  int calls = 0;
  bool full_when_called = false;
  writer->on_progress([&] {
    ++calls;
    full_when_called = writer->full();
  });
  std::uint64_t n = 0;
  while (!writer->full()) append(*writer, n + 1, n + 1), ++n;
  CHECK(n < 120);
  desk.bench.loop.run_ready();
  CHECK(writer->full());
  desk.bench.lane.release();
  desk.settle();  // half of the bound was reached: it does not wait for the time
  CHECK_FALSE(writer->full());
  CHECK(calls > 0);
  CHECK_FALSE(full_when_called);
  writer->sync_now();
  desk.settle();
  CHECK(writer->durable() == Position{n});
}

TEST_CASE("segments are rolled at their size, and each is synced before the next begins") {
  Desk desk;
  auto options = desk.bench.options();
  options.settings.compress = false;
  auto writer = desk.open(options);
  append(*writer, 1, 200, 40);
  writer->sync_now();
  desk.settle();
  CHECK(writer->durable() == Position{200});
  CHECK(desk.segments() >= 4);
  std::uint64_t bytes = 0;
  for (const std::string& path : desk.files.all_files()) {
    CHECK(desk.files.content(path).size() <= 2048);
    bytes += desk.files.content(path).size();
  }
  CHECK(writer->size_on_disk() == bytes);
  CHECK(writer->bytes_written() == bytes);
  CHECK(read_all(folder(desk.files)).size() == 200);
}

TEST_CASE("after a failed sync the file is never touched again and everything is written anew") {
  Desk desk;
  auto writer = desk.open();
  append(*writer, 1, 3);
  writer->sync_now();
  desk.settle();
  append(*writer, 4, 6);
  desk.files.fail({Op::sync, "", 0, 1, false});
  writer->sync_now();
  desk.settle();
  CHECK(writer->durable() == Position{3});
  CHECK(writer->written() == Position{3});
  REQUIRE(writer->trouble());
  CHECK(desk.bench.log.count(LogLevel::error) == 1);
  desk.files.record(true);
  append(*writer, 7, 7);
  desk.bench.loop.advance(100ms);
  desk.settle();
  CHECK_FALSE(writer->trouble());
  CHECK(writer->durable() == Position{7});
  for (const std::string& line : desk.files.recorded()) CHECK(line.find("0000000001") == std::string::npos);
  CHECK(desk.bench.log.contains("writes again"));
  // What the first segment holds of 4 to 6 was forgotten by the kernel.
  const auto disk = desk.files.after_crash(Loss::all_unsynced);
  CHECK(read_all(folder(*disk)).size() == 7);
}

TEST_CASE("a failed first write leaves no litter and pauses grow to five seconds") {
  Desk desk;
  auto writer = desk.open();
  desk.files.fail({Op::write, "", 0, 1000, true});
  int troubles = 0;
  writer->on_progress([&] { troubles += writer->trouble().has_value(); });
  append(*writer, 1, 1);
  writer->sync_now();
  desk.settle();
  REQUIRE(writer->trouble());
  CHECK(writer->trouble()->kind == Error::Kind::no_space);
  CHECK(writer->trouble()->message.find("journal.max_size") != std::string::npos);
  CHECK(troubles == 1);
  CHECK(desk.segments() == 0);
  std::vector<std::int64_t> pauses;
  for (int i = 0; i < 9; ++i) {
    const MonotonicTime before = desk.bench.clock.monotonic();
    const auto next = desk.bench.loop.next_timer();
    REQUIRE(next);
    pauses.push_back((*next - before) / 1ms);
    desk.bench.loop.advance(*next - before);
    desk.settle();
  }
  CHECK(pauses == std::vector<std::int64_t>{100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000});
  CHECK(desk.segments() == 0);
  CHECK(desk.bench.log.count(LogLevel::error) == 1);
}

TEST_CASE("a full disk stops acknowledgements, loses nothing, and is over when there is space") {
  Desk desk;
  auto options = desk.bench.options();
  options.settings.compress = false;
  auto writer = desk.open(options);
  append(*writer, 1, 10);
  writer->sync_now();
  desk.settle();
  desk.files.quota(writer->size_on_disk() + 100);
  append(*writer, 11, 40);
  writer->sync_now();
  desk.settle();
  CHECK(writer->durable() == Position{10});
  CHECK(writer->trouble());
  desk.bench.loop.advance(1min);
  desk.settle();
  CHECK(writer->durable() == Position{10});
  desk.files.heal();
  desk.bench.loop.advance(5s);
  desk.settle();
  CHECK_FALSE(writer->trouble());
  CHECK(writer->durable() == Position{40});
  const auto disk = desk.files.after_crash(Loss::all_unsynced);
  CHECK(read_all(folder(*disk)).size() == 40);
}

TEST_CASE("on a full disk trimming makes the room that the writer waits for") {
  Desk desk;
  auto options = desk.bench.options();
  options.settings.compress = false;
  auto writer = desk.open(options);
  append(*writer, 1, 100, 40);
  writer->sync_now();
  desk.settle();
  REQUIRE(desk.segments() > 2);
  desk.files.quota(writer->size_on_disk() + 100);
  append(*writer, 101, 120, 40);
  writer->sync_now();
  desk.settle();
  REQUIRE(writer->trouble());
  writer->trim(Position{100});
  desk.settle();
  CHECK_FALSE(writer->trouble());
  CHECK(writer->durable() == Position{120});
  const auto rest = read_all(folder(desk.files), Position{100});
  CHECK(rest.size() == 20);
}

TEST_CASE(
    "trim removes what holds nothing after the position, oldest first, each durably, and never the newest") {
  Desk desk;
  auto options = desk.bench.options();
  options.settings.compress = false;
  auto writer = desk.open(options);
  append(*writer, 1, 100, 40);
  writer->sync_now();
  desk.settle();
  const std::size_t before = desk.segments();
  REQUIRE(before >= 3);

  writer->trim(Position{0});
  desk.settle();
  CHECK(desk.segments() == before);

  desk.files.record(true);
  writer->trim(Position{50});
  desk.settle();
  CHECK(desk.segments() < before);
  const auto rest = read_all(folder(desk.files), Position{50});
  REQUIRE(rest.size() == 50);
  CHECK(rest.front().position == 51);
  const auto lines = desk.files.recorded();
  for (std::size_t i = 0; i < lines.size(); ++i)
    CHECK((lines[i].find(i % 2 == 0 ? " remove " : " sync directory ") != std::string::npos));

  writer->trim(Position{1000});
  desk.settle();
  CHECK(desk.segments() == 1);
  CHECK_FALSE(read_all(folder(desk.files), Position{99}).empty());
  CHECK(writer->size_on_disk() == desk.files.content(desk.files.all_files().front()).size());
}

TEST_CASE("who waits for room hears of each segment that has gone") {
  Desk desk;
  auto options = desk.bench.options();
  options.settings.compress = false;
  auto writer = desk.open(options);
  append(*writer, 1, 100, 40);
  writer->sync_now();
  desk.settle();
  const std::size_t before = desk.segments();
  std::vector<std::uint64_t> sizes{writer->size_on_disk()};
  writer->on_progress([&] { sizes.push_back(writer->size_on_disk()); });
  writer->trim(Position{100});
  desk.settle();
  CHECK(sizes.size() == before);
  CHECK(std::ranges::is_sorted(sizes, std::greater()));
  CHECK(sizes.back() == desk.files.content(desk.files.all_files().front()).size());
}

TEST_CASE("a segment of an earlier run goes only when the new run's first entry is durable") {
  Desk desk;
  {
    auto writer = desk.open();
    append(*writer, 1, 5);
    writer->sync_now();
    desk.settle();
  }
  const JournalExtent extent = must_open(folder(desk.files));
  CHECK(extent.end == Position{5});
  auto options = desk.bench.options();
  options.run = RunId{2};
  options.after = extent.end;
  auto writer = desk.open(options);
  const std::size_t before = desk.segments();
  writer->trim(Position{5});
  append(*writer, 6, 20);
  desk.settle();
  CHECK(writer->written() > Position{5});
  CHECK(desk.segments() == before + 1);
  writer->sync_now();
  desk.settle();
  CHECK(desk.segments() == 1);
  CHECK(must_open(folder(desk.files), {}, Position{5}).end == Position{20});
}

TEST_CASE("a removal that fails is tried again and is no trouble for the entries") {
  Desk desk;
  auto options = desk.bench.options();
  options.settings.compress = false;
  auto writer = desk.open(options);
  append(*writer, 1, 100, 40);
  writer->sync_now();
  desk.settle();
  desk.files.fail({Op::remove, "", 0, 1, false});
  writer->trim(Position{100});
  desk.settle();
  CHECK_FALSE(writer->trouble());
  CHECK(desk.segments() > 1);
  CHECK(desk.bench.log.contains("trim"));
  desk.bench.loop.advance(5s);
  desk.settle();
  CHECK(desk.segments() == 1);
}

TEST_CASE("later blocks carry the new timeline and earlier ones keep theirs") {
  Desk desk;
  auto writer = desk.open();
  append(*writer, 1, 3);
  writer->set_timeline(Timeline{2});
  append(*writer, 4, 5);
  writer->sync_now();
  desk.settle();
  CHECK(writer->durable() == Position{5});
  const auto read = read_all(folder(desk.files, Ancestry{}.forked(Position{3})));
  REQUIRE(read.size() == 5);
  CHECK(read[2].timeline == 1);
  CHECK(read[3].timeline == 2);
  // For the old timeline's present they do not exist.
  CHECK(read_all(folder(desk.files)).size() == 3);
}

TEST_CASE("a record larger than a block and a segment is kept whole") {
  Desk desk;
  auto options = desk.bench.options();
  options.settings.compress = false;
  auto writer = desk.open(options);
  append(*writer, 1, 1, 5000);
  append(*writer, 2, 2, 10);
  append(*writer, 3, 3, 6000);
  writer->sync_now();
  desk.settle();
  const auto read = read_all(folder(desk.files));
  REQUIRE(read.size() == 3);
  CHECK(read[0].payload.size() == 5000);
  CHECK(read[2].payload.size() == 6000);
}

TEST_CASE("a writer that goes while its work is on the lane leaves nothing that calls it") {
  Desk desk;
  auto writer = desk.open();
  append(*writer, 1, 3);
  writer->on_progress([] { FAIL("called after its end"); });
  writer->sync_now();
  CHECK(desk.bench.lane.waiting() == 1);
  writer.reset();
  desk.settle();
  desk.bench.loop.advance(1s);
  CHECK(desk.segments() == 0);
}

TEST_CASE("a folder that cannot be read at first is trouble, and then none") {
  Desk desk;
  desk.files.fail({Op::read, "", 0, 1, false});
  auto writer = desk.open();
  append(*writer, 1, 1);
  desk.settle();
  CHECK(writer->trouble());
  desk.bench.loop.advance(1s);
  desk.settle();
  CHECK_FALSE(writer->trouble());
  CHECK(writer->durable() == Position{1});
}
