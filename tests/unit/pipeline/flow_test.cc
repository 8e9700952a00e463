// The way of a record through a whole machine: order, back-pressure, the passing of time, the end of input.
#include <doctest/doctest.h>

#include <algorithm>

#include "base/format.h"
#include "support/fake_random.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

using Rows = std::vector<std::string>;

std::string config(const std::string& pipelines, const std::string& more = "") {
  return format(R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
interval = "10s"
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
[sinks.out]
type = "file"
path = "out.jsonl"
flush = "50ms"
{}
{}
)",
                pipelines, more);
}

constexpr const char* kEcho = R"(
[pipelines.echo]
from = ["in"]
select = ["v", "_received AS r"]
to = ["out"]
)";

struct World {
  Machine machine;
  SimulatedPeer peer{"p", "127.0.0.1:9999"};

  explicit World(const std::string& text) {
    const Status booted = machine.boot(text);
    REQUIRE_MESSAGE(booted, booted.error().message);
    REQUIRE(peer.connect(machine.network()));
    pass(0s);
    pass(300ms);
    peer.turn();
  }
  void pass(Duration d) {
    machine.settle();
    machine.advance(d);
  }
  void send(const std::string& line) {
    peer.measure(line);
    peer.turn();
    machine.settle();
  }
  Rows rows() { return machine.lines("/data/out.jsonl"); }
  StatusReport status() { return machine.appliance().status(); }
};

std::string random_text(FakeRandom& random, std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<char>('a' + random.below(26)));
  return out;
}

TEST_CASE("flow: arrival is stamped once a read") {
  World world(config(kEcho));
  world.peer.measure(R"({"v":1})");
  world.peer.measure(R"({"v":2})");
  world.peer.turn();
  world.pass(100ms);
  world.send(R"({"v":3})");
  world.pass(1s);
  const Rows rows = world.rows();
  REQUIRE(rows.size() == 3);
  const auto time = [&](std::size_t i) { return rows[i].substr(rows[i].find("\"r\":")); };
  CHECK(time(0) == time(1));
  CHECK(time(1) != time(2));
}

TEST_CASE("flow: a disk that does not answer stops the reading in bounds, and nothing is lost when it does") {
  World world(config(kEcho, "[journal]\nsync = \"10ms\"\nmax_size = \"1GiB\""));
  world.machine.hold_journal(true);
  FakeRandom random(4);
  std::size_t sent = 0, unread_before = 0;
  // Sixteen times as much as may wait for the disk, if nobody stopped it.
  for (int i = 0; i < 600; ++i) {
    for (int n = 0; n < 8; ++n, ++sent)
      world.peer.measure(format(R"({{"v":"{}"}})", random_text(random, 8000)));
    world.peer.turn();
    world.machine.advance(5ms);
    unread_before = static_cast<std::size_t>(world.status().journal.appended.value);
  }
  CHECK(unread_before < sent);  // most of it was not read
  CHECK(world.peer.memory().acknowledged == 0);
  const StatusReport slow = world.status();
  CHECK(slow.sources[0].state == "paused");
  CHECK(std::ranges::any_of(slow.degraded,
                            [](const std::string& why) { return why.contains("the disk is slow"); }));
  CHECK(std::ranges::any_of(slow.degraded,
                            [](const std::string& why) { return why.contains("sources are paused"); }));
  world.machine.hold_journal(false);
  for (int i = 0; i < 200 && !world.peer.all_acknowledged(); ++i) {
    world.machine.advance(50ms);
    world.peer.turn();
  }
  CHECK(world.peer.all_acknowledged());
  world.pass(2s);
  CHECK(world.rows().size() == sent);
  CHECK(world.status().degraded.empty());
}

TEST_CASE("flow: a sink that takes nothing stops the reading in bounds, and goes on when it is back") {
  World world(
      config("buffer = \"1MiB\"\n" + std::string(kEcho), "[journal]\nsync = \"10ms\"\nmax_size = \"1GiB\""));
  world.machine.disk().fail(
      {.operation = FaultFiles::Operation::write, .path_part = "out.jsonl", .times = 100'000});
  FakeRandom random(4);
  std::size_t sent = 0;
  for (int i = 0; i < 300; ++i) {
    for (int n = 0; n < 8; ++n, ++sent)
      world.peer.measure(format(R"({{"v":"{}"}})", random_text(random, 8000)));
    world.peer.turn();
    world.machine.advance(20ms);
  }
  CHECK(world.status().sources[0].state == "paused");
  CHECK(world.status().sinks[0].waiting_bytes < 10u << 20);
  CHECK(std::ranges::any_of(world.status().degraded,
                            [](const std::string& why) { return why.contains("sinks.out.buffer, 1MiB"); }));
  world.machine.disk().heal();
  for (int i = 0; i < 2000 && !world.peer.all_acknowledged(); ++i) {
    world.machine.advance(50ms);
    world.peer.turn();
  }
  CHECK(world.peer.all_acknowledged());
  world.pass(60s);
  CHECK(world.rows().size() == sent);
}

// interface: journal.max_size
TEST_CASE("flow: a journal at its max_size takes checkpoints until there is room, and input goes on") {
  World world(
      config(kEcho, "[journal]\nsync = \"10ms\"\nmax_size = \"256KiB\"\n[limits]\nmax_record = \"16KiB\""));
  FakeRandom random(4);
  for (int i = 0; i < 300; ++i) {
    world.peer.measure(format(R"({{"v":"{}"}})", random_text(random, 8000)));
    world.peer.turn();
    world.machine.advance(15ms);
  }
  for (int i = 0; i < 200 && !world.peer.all_acknowledged(); ++i) {
    world.machine.advance(50ms);
    world.peer.turn();
  }
  CHECK(world.peer.all_acknowledged());
  CHECK(world.status().journal.bytes_on_disk < 512u << 10);
  CHECK(world.status().checkpoint.completed > 5);
}

TEST_CASE("flow: with nothing pending no tick is journaled; with a window open, one when it is due") {
  World world(config(R"(
[pipelines.w]
from = ["in"]
time = "processing"
window = { type = "tumbling", size = "1m" }
select = ["count(*) AS n"]
to = ["out"]
)"));
  const Position before = world.status().journal.appended;
  world.pass(1h);
  CHECK(world.status().journal.appended == before);
  world.send(R"({"v":1})");
  world.pass(10min);
  CHECK(world.status().journal.appended.value == before.value + 2);
  CHECK(world.rows().size() == 1);
}

TEST_CASE("flow: the clock set back is an entry, windows of processing time end, and counting goes on") {
  World world(config(R"(
[pipelines.w]
from = ["in"]
time = "processing"
window = { type = "tumbling", size = "1m" }
select = ["count(*) AS n"]
to = ["out"]
)"));
  world.send(R"({"v":1})");
  world.machine.step_wall(-2h);
  world.send(R"({"v":2})");
  world.pass(1s);
  CHECK(world.rows().size() == 1);
  world.send(R"({"v":3})");
  world.pass(2min);
  const Rows rows = world.rows();
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].contains("\"window_start\":\"2025-03-01T12:00:00Z\""));
  CHECK(rows[1].contains("\"window_start\":\"2025-03-01T10:00:00Z\""));
  CHECK(rows[1].contains("\"n\":2"));
}

TEST_CASE("flow: a clock that is not synchronised and goes back is not followed") {
  World world(config(kEcho));
  world.machine.set_synchronised(false);
  world.send(R"({"v":1})");
  world.machine.step_wall(-2h);
  world.send(R"({"v":2})");
  world.pass(1s);
  const Rows rows = world.rows();
  REQUIRE(rows.size() == 2);
  const auto time = [&](std::size_t i) { return rows[i].substr(rows[i].find("\"r\":")); };
  CHECK(time(0) <= time(1));
}

TEST_CASE("flow: when every bounded source has ended, it is said once") {
  Machine machine;
  machine.disk().put("/in.csv", "a\nb\nc");
  REQUIRE(machine.boot(R"(
[node]
name = "test"
data_dir = "/data"
[sources.f]
type = "file"
path = "/in.csv"
format = "csv"
fields = ["k:string"]
[sources.i]
type = "stdin"
format = "csv"
fields = ["k:string"]
[pipelines.p]
from = ["f", "i"]
select = ["k"]
to = ["out"]
[sinks.out]
type = "file"
path = "out.csv"
format = "csv"
)"));
  int ended = 0;
  machine.appliance().on_ended([&] { ++ended; });
  machine.advance(1s);
  CHECK(ended == 0);
  machine.network().standard_input_peer().send("d\ne");
  machine.network().standard_input_peer().close();
  machine.advance(1s);
  CHECK(ended == 1);
  REQUIRE(machine.stop());
  CHECK(machine.lines("/data/out.csv") == Rows{"k", "a", "b", "c", "d", "e"});
}

}  // namespace
}  // namespace tidemark
