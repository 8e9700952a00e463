// Checkpoints of a whole machine: what they cover, and what becomes of them when the disk does not play
// along.
#include <doctest/doctest.h>

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
