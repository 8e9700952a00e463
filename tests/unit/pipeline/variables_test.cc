// Environment variables that have changed, or are gone, when entries wait for a replay that came in before.
#include <doctest/doctest.h>

#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

// A variable wherever one can stand.
constexpr const char* kEverywhere = R"(
[node]
name = "${NAME}"
data_dir = "${TIDEMARK_DATA}"
[checkpoint]
interval = "${INTERVAL}"
[journal]
sync = "${SYNC}"
[limits]
min_free = "${FREE}"
max_depth = "${DEPTH}"
[restart]
strategy = "fixed-delay"
delay = "${DELAY}"
[sources.in]
type = "tcp"
listen = "${HOST}:9999"
ack = "${ACK}"
format = "json"
[sources.broker]
type = "mqtt"
url = "mqtt://${HOST}"
topics = ["plant/${LINE}/#"]
username = "${USER}"
password = "${PASS}"
[sources.back]
type = "tcp"
connect = "${HOST}:9998"
[sources.near]
type = "unix"
path = "/run/${NAME}.sock"
[sources.datagrams]
type = "udp"
listen = "${HOST}:9997"
[sources.log]
type = "file"
path = "/var/log/${NAME}.log"
follow = true
format = "csv"
fields = ["k", "v:int"]
[pipelines.counts]
from = ["in", "broker", "back", "near", "datagrams", "log"]
where = "v > ${LIMIT}"
key_by = ["k"]
select = ["count(*) AS n"]
to = ["out", "rows", "alerts", "screen"]
[sinks.out]
type = "file"
path = "${NAME}.jsonl"
flush = "${FLUSH}"
[sinks.rows]
type = "sqlite"
path = "${NAME}.db"
table = "${NAME}"
flush = "${FLUSH}"
[sinks.alerts]
type = "mqtt"
url = "mqtts://${HOST}"
topic = "${NAME}/{k}"
password = "${PASS}"
username = "${USER}"
[sinks.screen]
type = "stdout"
format = "json"
)";

// The same pipeline without any of it.
constexpr const char* kNowhere = R"(
[node]
data_dir = "/data"
[limits]
max_depth = 9
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
[pipelines.counts]
from = ["in"]
where = "v > 1"
key_by = ["k"]
select = ["count(*) AS n"]
to = ["out"]
[sinks.out]
type = "file"
path = "again.jsonl"
flush = "10ms"
)";

const Variables kThen{{"NAME", "press"}, {"INTERVAL", "1h"}, {"SYNC", "0s"},  {"FREE", "1MiB"},
                      {"DEPTH", "9"},    {"DELAY", "1s"},    {"ACK", "true"}, {"HOST", "127.0.0.1"},
                      {"LINE", "a"},     {"USER", "u"},      {"PASS", "p"},   {"LIMIT", "1"},
                      {"FLUSH", "10ms"}};
const Variables kOthers{{"NAME", "weld"}, {"INTERVAL", "2h"}, {"SYNC", "10ms"},  {"FREE", "2MiB"},
                        {"DEPTH", "9"},   {"DELAY", "2s"},    {"ACK", "true"},   {"HOST", "127.0.0.2"},
                        {"LINE", "b"},    {"USER", "v"},      {"PASS", "other"}, {"LIMIT", "1"},
                        {"FLUSH", "20ms"}};

struct World {
  Machine machine;
  SimulatedPeer peer{"p", "127.0.0.1:9999"};

  void feed(int lines) {
    for (int i = 0; i < lines; ++i) peer.measure(R"({"k":"a","v":2})");
    for (int i = 0; i < 100 && !peer.all_acknowledged(); ++i) {
      peer.turn();
      machine.advance(20ms);
    }
    REQUIRE(peer.all_acknowledged());
    machine.advance(200ms);
  }
  // Three lines come in under these, and the power goes: the journal holds what no checkpoint does.
  void before(const Variables& variables) {
    machine.variables() = variables;
    const Status booted = machine.boot(kEverywhere);
    REQUIRE_MESSAGE(booted, booted.error().message);
    REQUIRE(peer.connect(machine.network()));
    feed(3);
    peer.disconnect();
    machine.crash(Loss::all_unsynced);
  }
  std::string counted(const char* address, const std::string& path) {
    auto connection = machine.network().connect(address);
    if (!connection) return "nobody listens";
    connection->send("{\"k\":\"a\",\"v\":2}\n");
    machine.advance(200ms);
    const auto lines = machine.lines(path);
    return lines.empty() ? "nothing" : lines.back();
  }
};

TEST_CASE("variables of sources and sinks may have other values when the journal is replayed") {
  World world;
  world.before(kThen);
  world.machine.variables() = kOthers;
  const Status booted = world.machine.boot(kEverywhere);
  REQUIRE_MESSAGE(booted, booted.error().message);
  CHECK(world.counted("127.0.0.2:9999", "/data/weld.jsonl") == R"({"k":"a","n":4})");
  // What the sink of that name had got stays where it was.
  CHECK(world.machine.lines("/data/press.jsonl").size() == 3);
  CHECK(world.machine.query("/data/weld.db", "SELECT group_concat(n) FROM weld") ==
        std::vector<std::string>{"1,2,3,4"});
  // And once more, out of the checkpoint that the change has brought.
  world.machine.crash(Loss::all_unsynced);
  world.machine.variables()["HOST"] = "127.0.0.3";
  REQUIRE(world.machine.boot(kEverywhere));
  CHECK(world.counted("127.0.0.3:9999", "/data/weld.jsonl") == R"({"k":"a","n":5})");
}

TEST_CASE("variables that the file no longer names need not be set when the journal is replayed") {
  World world;
  world.before(kThen);
  world.machine.variables() = {{"LIMIT", "1"}, {"DEPTH", "9"}};
  const Status booted = world.machine.boot(kNowhere);
  REQUIRE_MESSAGE(booted, booted.error().message);
  CHECK(world.counted("127.0.0.1:9999", "/data/again.jsonl") == R"({"k":"a","n":4})");
}

TEST_CASE("a variable in what decides results must be as it was, or the replay is refused") {
  struct Refused {
    Variables variables;
    const char* reason;
  };
  Variables changed = kOthers, deeper = kOthers;
  changed["LIMIT"] = "5";
  deeper["DEPTH"] = "10";
  const Variables unset;
  for (const auto& [variables, reason] : {
           Refused{changed, "this refers to an environment variable that has another value now"},
           Refused{deeper, "max_depth = \"${DEPTH}\""},
           Refused{unset, "the environment variable LIMIT is not set"},
       }) {
    CAPTURE(reason);
    World world;
    world.before(kThen);
    world.machine.variables() = variables;
    const char* config = variables.empty() ? kNowhere : kEverywhere;
    const Status refused = world.machine.boot(config);
    REQUIRE(!refused);
    CHECK(refused.error().message.contains(reason));
    CHECK(refused.error().message.contains("${"));
    CHECK(refused.error().message.contains("/data/config/"));
    CHECK(refused.error().message.contains("tidemark run --abandon-replay"));
    // Both ways out.
    world.machine.variables() = kThen;
    REQUIRE(world.machine.boot(kEverywhere));
    CHECK(world.counted("127.0.0.1:9999", "/data/press.jsonl") == R"({"k":"a","n":4})");
    world.machine.crash(Loss::all_unsynced);
    world.machine.variables() = variables;
    REQUIRE(!world.machine.boot(config));
    CHECK(world.machine.boot(config, {.abandon_replay = true}));
  }
}

// Where nothing is left to be replayed there is nothing to compare.
TEST_CASE("any variable may have another value after a clean stop") {
  World world;
  world.machine.variables() = kThen;
  REQUIRE(world.machine.boot(kEverywhere));
  REQUIRE(world.peer.connect(world.machine.network()));
  world.feed(3);
  world.peer.disconnect();
  REQUIRE(world.machine.stop());
  world.machine.variables() = kOthers;
  world.machine.variables()["LIMIT"] = "0";
  const Status booted = world.machine.boot(kEverywhere);
  REQUIRE_MESSAGE(booted, booted.error().message);
  CHECK(world.counted("127.0.0.2:9999", "/data/weld.jsonl") == R"({"k":"a","n":4})");
}

}  // namespace
}  // namespace tidemark
