// Checkpoints of a whole machine: what they cover, and what becomes of them when the disk does not play
// along.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "base/format.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

std::string config(const std::string& checkpoint, const std::string& pipeline,
                   const std::string& journal = "") {
  return format(R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
{}
[journal]
sync = "0s"
{}
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
timestamp = {{ field = "ts", format = "ms" }}
[pipelines.p]
from = ["in"]
{}
[sinks.out]
type = "file"
path = "out.jsonl"
)",
                checkpoint, journal, pipeline);
}

constexpr std::int64_t kBegin = 1'740'830'400'000;

std::string line(const std::string& key, std::int64_t after_ms) {
  return format(R"({{"k":"{}","ts":{}}})", key, kBegin + after_ms);
}

struct World {
  Machine machine;
  SimulatedPeer peer{"p", "127.0.0.1:9999"};

  void boot(const std::string& text) {
    const Status booted = machine.boot(text);
    REQUIRE_MESSAGE(booted, booted.error().message);
    REQUIRE(peer.connect(machine.network()));
    machine.settle();
    peer.turn();
    machine.settle();
  }
};

// A running count a key; feeds `lines` lines of each key named and waits until they are acknowledged.
struct Counting : World {
  std::string text;
  explicit Counting(const std::string& checkpoint, const std::string& journal = "")
      : text(config(checkpoint, "key_by = [\"k\"]\nselect = [\"count(*) AS n\"]\nto = [\"out\"]", journal)) {
    boot(text);
  }
  void feed(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) peer.measure(line(key, 0));
    peer.turn();
    machine.settle();
    peer.turn();
  }
  Result<CheckpointId> checkpoint() { return machine.create_checkpoint(); }
  void crash_and_boot() {
    peer.disconnect();
    machine.crash(Loss::all_unsynced);
    boot(text);
  }
  std::vector<Manifest> manifests() {
    std::vector<Manifest> out;
    machine.appliance().list_checkpoints([&](Result<std::vector<Appliance::Listed>> listed) {
      REQUIRE(listed);
      for (Appliance::Listed& one : *listed) {
        REQUIRE(one.manifest);
        out.push_back(std::move(*one.manifest));
      }
    });
    machine.settle();
    return out;
  }
  // The last row of each key, in key order, after a clean stop.
  std::vector<std::string> counts() {
    REQUIRE(machine.stop());
    std::map<std::string, std::string> last;
    for (const std::string& row : machine.lines("/data/out.jsonl")) last[row.substr(0, row.find(','))] = row;
    std::vector<std::string> out;
    for (const auto& [key, row] : last) out.push_back(row);
    return out;
  }
  static std::string row(const std::string& key, int n) { return format(R"({{"k":"{}","n":{}}})", key, n); }
  std::size_t files_under(const std::string& folder) {
    std::size_t n = 0;
    for (const std::string& path : machine.disk().all_files()) n += path.starts_with(folder);
    return n;
  }
};

using Rows = std::vector<std::string>;

// interface: checkpoint.timeout
TEST_CASE(
    "checkpoint: one that outlasts its timeout is abandoned, and the next holds what it had set aside") {
  Counting world("interval = \"1h\"\ntimeout = \"1s\"");
  world.feed({"a", "b"});
  REQUIRE(world.checkpoint());
  world.feed({"a", "c"});
  world.machine.hold_bulk(true);
  const auto failed = world.checkpoint();
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.contains("not done within checkpoint.timeout (1s)"));
  world.machine.hold_bulk(false);
  world.machine.settle();
  world.feed({"b"});
  REQUIRE(world.checkpoint());
  world.crash_and_boot();
  CHECK(world.machine.log().contains("0 entries replayed"));
  world.feed({"a", "b", "c"});
  CHECK(world.counts() == Rows{Counting::row("a", 3), Counting::row("b", 3), Counting::row("c", 2)});
}

// interface: checkpoint.tolerable_failures
TEST_CASE("checkpoint: one whose segment or manifest cannot be written is abandoned, and status says so") {
  for (const char* part : {"checkpoints/shared", "manifest"}) {
    CAPTURE(part);
    Counting world("interval = \"1h\"\ntolerable_failures = 1");
    world.feed({"a", "b"});
    REQUIRE(world.checkpoint());
    world.feed({"a"});
    world.machine.disk().fail({.operation = FaultFiles::Operation::write, .path_part = part, .times = 2});
    CHECK_FALSE(world.checkpoint());
    CHECK_FALSE(world.checkpoint());
    const StatusReport status = world.machine.appliance().status();
    CHECK(status.checkpoint.failed == 2);
    REQUIRE_FALSE(status.degraded.empty());
    CHECK(status.degraded.front().contains("2 checkpoints in a row failed, more than tolerable_failures"));
    REQUIRE(world.checkpoint());
    CHECK(world.machine.appliance().status().degraded.empty());
    world.crash_and_boot();
    world.feed({"a"});
    CHECK(world.counts() == Rows{Counting::row("a", 3), Counting::row("b", 1)});
  }
}

TEST_CASE(
    "checkpoint: the first is a base, those after it hold what has changed, and nothing when nothing has") {
  Counting world("interval = \"1h\"\nretain = 10");
  std::vector<std::string> keys;
  for (int i = 0; i < 500; ++i) keys.push_back(format("key{}", i));
  world.feed(keys);
  REQUIRE(world.checkpoint());
  world.feed({"key7"});
  REQUIRE(world.checkpoint());
  REQUIRE(world.checkpoint());
  const std::vector<Manifest> manifests = world.manifests();
  REQUIRE(manifests.size() == 3);
  CHECK_FALSE(manifests[0].incremental);
  REQUIRE(manifests[0].segments.size() == 1);
  CHECK(manifests[0].segments[0].rows == 500);
  CHECK(manifests[1].incremental);
  REQUIRE(manifests[1].segments.size() == 2);
  CHECK(manifests[1].segments[0].name == manifests[0].segments[0].name);
  CHECK(manifests[1].segments[1].rows == 1);
  CHECK(manifests[2].segments.size() == 2);
}

TEST_CASE(
    "checkpoint: when the increments have outgrown the base twice, a base is written and the old ones go") {
  Counting world("interval = \"1h\"\nretain = 1");
  std::vector<std::string> keys;
  for (int i = 0; i < 1500; ++i)
    keys.push_back(format("a rather long key that does not shrink much {:x}", i * 2654435761u));
  std::size_t bases = 0, most_segments = 0;
  for (int i = 0; i < 16; ++i) {
    world.feed(keys);
    REQUIRE(world.checkpoint());
    const std::vector<Manifest> manifests = world.manifests();
    REQUIRE(manifests.size() == 1);
    bases += !manifests[0].incremental;
    most_segments = std::max(most_segments, manifests[0].segments.size());
    CHECK(world.files_under("data/checkpoints/shared/") == manifests[0].segments.size());
  }
  CHECK(bases >= 2);
  CHECK(bases <= 8);
  CHECK(most_segments < 10);
  world.crash_and_boot();
  world.feed({keys[3]});
  CHECK(world.counts().size() == keys.size());
}

TEST_CASE("checkpoint: after too many segments a base is written, however small they are") {
  Counting world("interval = \"1h\"\nretain = 1");
  std::size_t most = 0;
  for (int i = 0; i < 140; ++i) {
    world.feed({format("k{}", i % 5)});
    REQUIRE(world.checkpoint());
    most = std::max(most, world.manifests()[0].segments.size());
  }
  CHECK(most <= 82);
  world.crash_and_boot();
  world.feed({"k0"});
  CHECK(world.counts()[0] == Counting::row("k0", 29));
}

TEST_CASE(
    "checkpoint: so many are retained as the configuration says, and the journal reaches back to the "
    "oldest") {
  Counting world("interval = \"1h\"\nretain = 3", "max_size = \"2MiB\"");
  for (int i = 0; i < 6; ++i) {
    world.feed({"a"});
    REQUIRE(world.checkpoint());
  }
  const std::vector<Manifest> manifests = world.manifests();
  REQUIRE(manifests.size() == 3);
  CHECK(manifests.front().id == CheckpointId{4});
  for (const Manifest& manifest : manifests) {
    std::optional<Status> verified;
    world.machine.appliance().verify_checkpoint(manifest.id,
                                                [&](Status done) { verified = std::move(done); });
    world.machine.settle();
    REQUIRE(verified);
    CHECK(*verified);
  }
}

TEST_CASE(
    "checkpoint: what a sink that is away has not taken stands in its outbox, or where that takes nothing in "
    "the checkpoint, and is delivered by the next instance") {
  for (const bool outbox : {true, false}) {
    CAPTURE(outbox);
    Counting world("interval = \"1h\"");
    if (!outbox)
      world.machine.disk().fail(
          {.operation = FaultFiles::Operation::any, .path_part = "outbox", .times = 1000});
    world.machine.disk().fail(
        {.operation = FaultFiles::Operation::write, .path_part = "out.jsonl", .times = 1000});
    world.feed({"a", "b", "a"});
    REQUIRE(world.checkpoint());
    const std::vector<Manifest> manifests = world.manifests();
    const auto pending =
        std::ranges::find(manifests.back().segments, "pending/out", &SegmentReference::owner);
    REQUIRE((pending == manifests.back().segments.end()) == outbox);
    if (outbox)
      CHECK(*manifests.back().section("outbox") == "out 1 4\n");
    else
      CHECK(pending->rows == 3);
    CHECK(world.machine.appliance().status().sinks[0].state == "away");
    world.crash_and_boot();
    CHECK(world.machine.log().contains("0 entries replayed"));
    world.feed({"b"});
    CHECK(world.counts() == Rows{Counting::row("a", 2), Counting::row("b", 2)});
    CHECK(world.machine.lines("/data/out.jsonl").size() == 4);
  }
}

TEST_CASE("checkpoint: when the sink has taken its results before the manifest, none stand in it") {
  Counting world("interval = \"1h\"");
  world.feed({"a", "b"});
  REQUIRE(world.checkpoint());
  CHECK(world.manifests().back().segments.size() == 1);
  CHECK(world.machine.lines("/data/out.jsonl").size() == 2);
}

TEST_CASE("checkpoint: a full disk fails it, and room makes it succeed") {
  Counting world("interval = \"1h\"");
  world.feed({"a"});
  REQUIRE(world.checkpoint());
  world.feed({"a"});
  world.machine.disk().quota(0);
  CHECK_FALSE(world.checkpoint());
  world.machine.disk().heal();
  world.machine.advance(10s);
  REQUIRE(world.checkpoint());
  world.crash_and_boot();
  world.feed({"a"});
  CHECK(world.counts() == Rows{Counting::row("a", 3)});
}

// interface: checkpoint.interval, checkpoint.min_pause
TEST_CASE("checkpoint: periodic ones keep the interval, and min_pause after a slow one") {
  Counting world("interval = \"1s\"\nmin_pause = \"800ms\"\nretain = 20");
  world.feed({"a"});
  world.machine.advance(990ms);
  CHECK(world.machine.appliance().status().checkpoint.completed == 0);
  world.machine.advance(20ms);
  CHECK(world.machine.appliance().status().checkpoint.completed == 1);
  world.feed({"a"});
  world.machine.hold_bulk(true);
  world.machine.advance(1500ms);  // the second one has begun half a second ago
  world.machine.hold_bulk(false);
  world.machine.settle();
  CHECK(world.machine.appliance().status().checkpoint.completed == 2);
  world.feed({"a"});
  world.machine.advance(750ms);
  CHECK(world.machine.appliance().status().checkpoint.completed == 2);
  world.machine.advance(100ms);
  CHECK(world.machine.appliance().status().checkpoint.completed == 3);
}

TEST_CASE("checkpoint: orphans that a crash left behind are gone after the next start") {
  Counting world("interval = \"1h\"");
  world.feed({"a"});
  REQUIRE(world.checkpoint());
  world.machine.disk().put("data/checkpoints/shared/9-9-1", "half a segment");
  world.crash_and_boot();
  CHECK_FALSE(world.machine.disk().exists("data/checkpoints/shared/9-9-1"));
}

TEST_CASE("checkpoint: it waits until everything is applied that sources have handed over and remember") {
  World world;
  const std::string text = config("interval = \"1h\"", R"(
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
select = ["count(*) AS n"]
to = ["out"]
)");
  world.boot(text);
  for (int i = 0; i < 3000; ++i) world.peer.measure(line(format("k{}", i), 1000));
  // One read: the first line closes the window in many slices, and all the others wait behind it.
  world.peer.measure(line("z", 10'000));
  for (int i = 0; i < 2000; ++i) world.peer.measure(line("y", 11'000));
  world.peer.turn(3000);
  world.machine.settle();
  bool taken = false;
  world.peer.turn();
  world.machine.appliance().create_checkpoint([&](Result<CheckpointId> done) { taken = done.has_value(); });
  REQUIRE(world.machine.run_until([&] { return taken; }));
  world.machine.settle();
  world.peer.turn();
  CHECK(world.peer.all_acknowledged());
  world.machine.crash(Loss::all_unsynced);
  world.peer.disconnect();
  world.boot(text);
  CHECK(world.peer.memory().acknowledged == 5001);
  for (const std::string& violation : world.peer.violations()) FAIL_CHECK(violation);
  // And what is counted is what was sent.
  world.peer.measure(line("z", 20'000));
  world.peer.turn();
  world.machine.settle();
  REQUIRE(world.machine.stop());
  const std::vector<std::string> rows = world.machine.lines("/data/out.jsonl");
  REQUIRE(rows.size() == 3002);
  CHECK(rows[3000].contains(
      R"("k":"y","window_start":"2025-03-01T12:00:10Z","window_end":"2025-03-01T12:00:20Z","n":2000)"));
}

}  // namespace
}  // namespace tidemark
