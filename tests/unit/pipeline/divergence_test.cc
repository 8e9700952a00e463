// The chain hash at work: a replay that makes other results than the sink holds is noticed, not skipped over.
#include <doctest/doctest.h>

#include <algorithm>

#include "platform/sqlite.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"
#include "support/sqlite_vfs.h"

namespace tidemark {
namespace {

constexpr const char* kConfig = R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
interval = "1h"
[journal]
sync = "0s"
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "csv"
fields = ["k:string"]
[pipelines.p]
from = ["in"]
key_by = ["k"]
select = ["count(*) AS n"]
to = ["rows", "file"]
[sinks.rows]
type = "sqlite"
path = "rows.db"
flush = "10ms"
[sinks.file]
type = "file"
path = "rows.csv"
format = "csv"
flush = "10ms"
)";

struct World {
  Machine machine;
  SimulatedPeer peer{"p", "127.0.0.1:9999"};
  void boot() {
    const Status booted = machine.boot(kConfig);
    REQUIRE_MESSAGE(booted, booted.error().message);
    REQUIRE(peer.connect(machine.network()));
  }
  void feed(int lines) {
    for (int i = 0; i < lines; ++i) peer.measure("a");
    for (int i = 0; i < 20; ++i) {
      machine.advance(20ms);
      peer.turn();
    }
    REQUIRE(peer.all_acknowledged());
  }
  void crash() {
    peer.disconnect();
    machine.crash(Loss::all_unsynced);
  }
  std::vector<std::string> rows() { return machine.query("/data/rows.db", "SELECT n FROM p ORDER BY rowid"); }
};

TEST_CASE(
    "divergence: results that differ from what a sink holds begin a new timeline, and none is swallowed") {
  World world;
  world.boot();
  world.feed(5);
  world.crash();
  {
    // As if another program had made the rows: the same numbers, another hash.
    const SqliteVfs vfs(world.machine.disk());
    const auto database = make_sqlite_opener(vfs.name())->open("/data/rows.db", {});
    REQUIRE(database);
    REQUIRE((*database)->execute("UPDATE _tidemark SET chain = chain + 1"));
  }
  world.boot();
  const StatusReport status = world.machine.appliance().status();
  CHECK(status.timeline == Timeline{2});
  CHECK(std::ranges::any_of(status.degraded, [](const std::string& why) {
    return why.contains("result 5 of p (main) differs from the one that the sink holds");
  }));
  world.feed(2);
  CHECK(world.rows() == std::vector<std::string>{"1", "2", "3", "4", "5", "6", "7"});

  // It is settled with that: the next start finds nothing wrong, and numbers on.
  world.crash();
  world.machine.log().clear();
  world.boot();
  CHECK(world.machine.appliance().status().timeline == Timeline{2});
  CHECK_FALSE(world.machine.log().contains("differs"));
  world.feed(1);
  CHECK(world.rows().size() == 8);
  CHECK(world.machine.lines("/data/rows.csv").size() == 9);
}

TEST_CASE("divergence: after it rows stand once, over any number of restarts") {
  World world;
  world.boot();
  world.feed(3);
  world.crash();
  {
    const SqliteVfs vfs(world.machine.disk());
    const auto database = make_sqlite_opener(vfs.name())->open("/data/rows.db", {});
    REQUIRE(database);
    REQUIRE((*database)->execute("UPDATE _tidemark SET chain = chain + 1"));
  }
  world.boot();
  CHECK(world.machine.appliance().status().timeline == Timeline{2});
  world.feed(2);
  for (int restart = 0; restart < 3; ++restart) {
    REQUIRE(world.machine.create_checkpoint());
    world.crash();
    world.boot();
    world.feed(1);
  }
  CHECK(world.rows() == std::vector<std::string>{"1", "2", "3", "4", "5", "6", "7", "8"});
  CHECK(world.machine.lines("/data/rows.csv").size() == 9);
}

}  // namespace
}  // namespace tidemark
