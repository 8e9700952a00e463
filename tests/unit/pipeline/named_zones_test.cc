// Time zones that expressions name: where their rules come from, and that a replay goes by those of then.
#include "pipeline/named_zones.h"

#include <doctest/doctest.h>

#include "config/loader.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

std::string config(std::string_view hour) {
  return R"(
[node]
data_dir = "/data"
[checkpoint]
interval = "1h"
[journal]
sync = "0s"
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
[pipelines.counts]
from = ["in"]
derive = [")" +
         std::string(hour) + R"( AS h"]
key_by = ["h"]
select = ["count(*) AS n"]
to = ["out"]
[sinks.out]
type = "file"
path = "out.jsonl"
flush = "10ms"
)";
}

const std::string kThere = config("hour(ts, 'Test/Zone')");
const std::string kHere = config("hour(ts, '+01:00')");
const Variables kThen{{"zone Test/Zone", "THEN-1"}};
const Variables kNow{{"zone Test/Zone", "NOW-5"}};

struct World {
  Machine machine;
  SimulatedPeer peer{"p", "127.0.0.1:9999"};

  void boot(const std::string& text, const Variables& variables) {
    machine.variables() = variables;
    const Status booted = machine.boot(text);
    REQUIRE_MESSAGE(booted, booted.error().message);
  }
  // Lines of noon in UTC, all of them durable.
  void feed(int lines) {
    REQUIRE(peer.connect(machine.network()));
    for (int i = 0; i < lines; ++i) peer.measure(R"({"ts":1740830400000})");
    for (int i = 0; i < 100 && !peer.all_acknowledged(); ++i) {
      peer.turn();
      machine.advance(20ms);
    }
    REQUIRE(peer.all_acknowledged());
    machine.advance(200ms);
    peer.disconnect();
  }
  std::string last() {
    const auto lines = machine.lines("/data/out.jsonl");
    return lines.empty() ? "nothing" : lines.back();
  }
};

}  // namespace

TEST_CASE("the zones of a configuration are those that its expressions name") {
  const auto settings = settings_of(R"toml(
[node]
data_dir = "/data"
[sources.in]
type = "stdin"
format = "json"
[pipelines.p]
from = ["in"]
derive = ["date_trunc('day', t, 'Test/Derive') AS d"]
where = "hour(t, 'Test/Where') > 6 AND name = 'Test/Text' AND hour(t, '+01:00') < 20"
key_by = ["format_time(t, '%F', 'Test/Key')"]
window = { type = "tumbling", size = "1m" }
select = ["max(EXTRACT(HOUR FROM t)) FILTER (WHERE year(t, 'Test/Filter') > 0) AS h", "format_time(1, '%H', 'Test/Select') AS s"]
having = "parse_time('2025', '%Y-%j', 'Test/Having') > 0 OR hour(1, 'UTC') > hour(1, NULL)"
to = ["out"]
[sinks.out]
type = "stdout"
)toml");
  REQUIRE(settings);
  CHECK(named_zones(*settings) == std::vector<std::string>{"Test/Derive", "Test/Filter", "Test/Having",
                                                           "Test/Key", "Test/Select", "Test/Where"});
  CHECK(settings->zones.size() == 6);
  CHECK_FALSE(settings->zones.at("Test/Key").zone);
}

TEST_CASE("a zone that there is not is a mistake of the configuration") {
  Machine machine;
  const Status refused = machine.boot(kThere);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.contains("configuration:15:11: error: there is no time zone 'Test/Zone'"));
}

TEST_CASE("the rules of a zone belong to the configuration") {
  const auto then = settings_of(kThere, kThen), now = settings_of(kThere, kNow),
             here = settings_of(kHere, kThen);
  REQUIRE((then && now && here));
  CHECK(then->fingerprint != now->fingerprint);
  CHECK(settings_of(kThere, kThen)->fingerprint == then->fingerprint);
  CHECK(here->fingerprint == settings_of(kHere)->fingerprint);
  Diagnostics diagnostics;
  LoaderEnvironment bare{.host_name = "sim", .variable = {}, .secret_file = {}};
  bare.variable = [](const std::string&) { return std::optional<std::string>(); };
  const auto stored =
      load_stored_settings({"stored", then->canonical_text}, bare, diagnostics, StoredValues::as_they_were);
  REQUIRE_MESSAGE(stored, diagnostics.to_text());
  CHECK(stored->fingerprint == then->fingerprint);
  CHECK(stored->canonical_text == then->canonical_text);
  CHECK(stored->zones.at("Test/Zone").zone->at(0).name == "THEN");
}

TEST_CASE("what came in under a zone's earlier rules is replayed by them") {
  World world;
  world.boot(kThere, kThen);
  world.feed(3);
  CHECK(world.last() == R"({"h":13,"n":3})");
  world.machine.crash(Loss::all_unsynced);
  world.boot(kThere, kNow);
  world.feed(1);
  CHECK(world.last() == R"({"h":17,"n":1})");
  CHECK(world.machine.lines("/data/out.jsonl").size() == 4);
  // Again, with entries of both.
  world.machine.crash(Loss::all_unsynced);
  world.boot(kThere, kThen);
  world.feed(1);
  CHECK(world.last() == R"({"h":13,"n":4})");
  CHECK(world.machine.lines("/data/out.jsonl").size() == 5);
}

TEST_CASE("a replay needs no zone's file") {
  World world;
  world.boot(kThere, kThen);
  world.feed(3);
  world.machine.crash(Loss::all_unsynced);
  world.boot(kHere, {});
  CHECK(world.machine.lines("/data/out.jsonl").size() == 3);
}

TEST_CASE("new rules of a zone take over with a reload, and keep the state") {
  World world;
  world.boot(kThere, kThen);
  world.feed(3);
  world.machine.variables() = kNow;
  REQUIRE(world.machine.reload(kThere));
  world.feed(2);
  CHECK(world.last() == R"({"h":17,"n":2})");
}

}  // namespace tidemark
