// The journal under power cuts: at every operation, with everything, nothing or random parts of the unsynced
// lost, several times in a row, with failing writes and syncs among them.
#include "fixture.h"
#include "support/fake_random.h"

using namespace tidemark;
using namespace tidemark::test;

namespace {

// What the world outside knows.
struct Story {
  std::vector<std::string> appended;  // payloads by position - 1; cut back to what a restart found
  Position acknowledged;              // was durable, says the writer
  Position checkpoint;                // trimmed up to here
  std::uint32_t run = 0;
  std::uint64_t made = 0;
};

void check_against(const Story& story, const JournalFolder& from, std::uint64_t& found) {
  const auto read = read_all(from, story.checkpoint);
  for (std::size_t i = 0; i < read.size(); ++i) {
    REQUIRE(read[i].position == story.checkpoint.value + 1 + i);
    REQUIRE(read[i].position <= story.appended.size());
    REQUIRE(read[i].payload == story.appended[read[i].position - 1]);
  }
  found = story.checkpoint.value + read.size();
  REQUIRE(found >= story.acknowledged.value);
}

// Opens, checks, appends for a while; returns early when the power goes.
void live(FaultFiles& files, Story& story, std::uint64_t seed, int steps) {
  FakeRandom random(seed);
  auto extent = open_journal(folder(files), story.acknowledged, story.checkpoint);
  if (!extent) {
    // A disk that fails at start: the program ends and is started again.
    const bool disk_failed = files.dead() || extent.error().kind == Error::Kind::no_space ||
                             extent.error().message.ends_with("input/output error");
    if (!disk_failed) FAIL("open journal: ", extent.error().message);
    return;
  }
  if (files.dead()) return;
  // What is replayed now has effects: it must survive from here on.
  std::uint64_t found = 0;
  check_against(story, folder(files), found);
  REQUIRE(found == extent->end.value);
  story.appended.resize(found);
  story.acknowledged = extent->end;

  Bench<InlineLane> bench(files);
  auto options = bench.options();
  options.segment_size = 1200;
  options.zeroed_ahead = random.one_in(2) ? 0 : 700;
  options.run = RunId{++story.run};
  options.after = extent->end;
  options.settings.sync = random.one_in(3) ? 0ms : 200ms;
  auto writer = bench.open(options);
  const auto hear = [&] { story.acknowledged = std::max(story.acknowledged, writer->durable()); };
  for (int step = 0; step < steps && !files.dead(); ++step) {
    for (std::uint64_t n = random.below(6); n > 0; --n) {
      std::string payload = format("{}:", ++story.made);
      payload.resize(payload.size() + random.below(random.one_in(10) ? 600 : 60), 'p');
      for (char& c : payload)
        if (c == 'p') c = static_cast<char>('a' + random.below(26));
      story.appended.push_back(payload);
      REQUIRE(writer->append(entry(payload)) == Position{story.appended.size()});
    }
    if (random.one_in(3)) writer->sync_now();
    bench.loop.advance(Duration(static_cast<std::int64_t>(random.below(150'000'000))));
    hear();
    if (random.one_in(8)) {
      story.checkpoint = std::max(story.checkpoint, Position{random.below(story.acknowledged.value + 1)});
      writer->trim(story.checkpoint);
      bench.loop.run_ready();
    }
  }
  hear();
}

constexpr Loss kLosses[] = {Loss::all_unsynced, Loss::none, Loss::random};

}  // namespace

TEST_CASE("a power cut at any operation loses nothing acknowledged and invents nothing") {
  std::uint64_t operations = 0;
  {
    FaultFiles files;
    REQUIRE(files.make_directories("/d"));
    Story story;
    live(files, story, 1, 110);
    operations = files.operations();
    REQUIRE(story.acknowledged.value > 200);
    REQUIRE(story.checkpoint.value > 50);
  }
  REQUIRE(operations > 150);
  std::uint64_t lost = 0;
  for (std::uint64_t n = 2; n <= operations; ++n) {
    for (const Loss loss : kLosses) {
      CAPTURE(n);
      CAPTURE(static_cast<int>(loss));
      FaultFiles files;
      REQUIRE(files.make_directories("/d"));
      files.crash_at(n);
      Story story;
      live(files, story, 1, 110);
      REQUIRE(files.dead());
      auto disk = files.after_crash(loss, n);
      const std::size_t before = story.appended.size();
      live(*disk, story, 2, 0);
      lost += before - story.appended.size();
    }
  }
  CHECK(lost > 0);  // else the power was never cut
}

TEST_CASE("several power cuts in a row, also during repair, with failing operations among them") {
  const std::uint64_t base = 20'250'301;
  INFO("base seed ", base);
  std::uint64_t acknowledged = 0;
  for (std::uint64_t trial = 0; trial < 400; ++trial) {
    CAPTURE(trial);
    FakeRandom random(base + trial);
    auto disk = std::make_unique<FaultFiles>();
    REQUIRE(disk->make_directories("/d"));
    Story story;
    for (int life = 0; life < 6; ++life) {
      CAPTURE(life);
      disk->crash_at(disk->operations() + 1 + random.below(random.one_in(3) ? 8 : 90));
      using Op = FaultFiles::Operation;
      if (random.one_in(2)) {
        const Op op = random.one_in(2) ? Op::sync : random.one_in(2) ? Op::write : Op::sync_directory;
        disk->fail({op, "", random.below(20), 1 + random.below(3), random.one_in(2)});
      }
      live(*disk, story, random.next(), 25);
      if (!disk->dead()) disk->crash();
      disk = disk->after_crash(kLosses[random.below(3)], random.next());
    }
    live(*disk, story, random.next(), 5);
    acknowledged += story.acknowledged.value;
  }
  CHECK(acknowledged > 10'000);
}

TEST_CASE("control: without real syncs acknowledged entries are lost and the journal is found short") {
  bool seen = false;
  for (std::uint64_t seed = 0; seed < 20 && !seen; ++seed) {
    FaultFiles files;
    REQUIRE(files.make_directories("/d"));
    files.ignore_sync(true);
    Story story;
    live(files, story, seed, 30);
    const auto disk = files.after_crash(Loss::all_unsynced);
    seen = story.acknowledged > story.checkpoint &&
           !open_journal(folder(*disk), story.acknowledged, story.checkpoint);
  }
  CHECK(seen);
}

TEST_CASE("control: without directory syncs acknowledged entries are lost and the journal is found short") {
  bool seen = false;
  for (std::uint64_t seed = 0; seed < 20 && !seen; ++seed) {
    FaultFiles files;
    REQUIRE(files.make_directories("/d"));
    files.ignore_directory_sync(true);
    Story story;
    live(files, story, seed, 30);
    const auto disk = files.after_crash(Loss::all_unsynced);
    seen = story.acknowledged > story.checkpoint &&
           !open_journal(folder(*disk), story.acknowledged, story.checkpoint);
  }
  CHECK(seen);
}
