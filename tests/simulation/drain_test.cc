// `stop --drain` with the power cut before every single file operation of it: whatever is left, an instance
// that starts on it and is drained again has every window in its sinks once, as if nothing had happened.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>

#include "base/format.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

std::string config(std::string_view store, bool journal) {
  return format(R"(
[node]
name = "sim"
data_dir = "/data"
[checkpoint]
store = "{}"
interval = "300ms"
[journal]
enabled = {}
sync = "50ms"
[sources.device]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "csv"
fields = ["k:string", "v:int", "ts:int"]
timestamp = {{ field = "ts", format = "ms" }}
max_out_of_orderness = "2s"
[pipelines.minutes]
from = ["device"]
key_by = ["k"]
window = {{ type = "tumbling", size = "1m" }}
select = ["count(*) AS n", "sum(v) AS total"]
to = ["minutes"]
late_to = "late"
[pipelines.corrected]
from = ["device"]
key_by = ["k"]
window = {{ type = "tumbling", size = "1m" }}
allowed_lateness = "30s"
select = ["count(*) AS n"]
to = ["corrected"]
[pipelines.hours]
from = ["minutes"]
key_by = ["k"]
window = {{ type = "tumbling", size = "1h" }}
select = ["count(*) AS windows", "sum(total) AS total"]
to = ["hours"]
[pipelines.arrivals]
from = ["device"]
window = {{ type = "tumbling", size = "1h" }}
time = "processing"
select = ["count(*) AS n"]
to = ["arrivals"]
[pipelines.beats]
from = ["device"]
key_by = ["k"]
select = ["sum(v) AS total"]
emit = "every 1h"
to = ["beats"]
[sinks.minutes]
type = "file"
path = "minutes.jsonl"
[sinks.hours]
type = "sqlite"
path = "out.db"
table = "hours"
mode = "append"
[sinks.corrected]
type = "sqlite"
path = "out.db"
table = "corrected"
mode = "upsert"
[sinks.arrivals]
type = "file"
path = "arrivals.jsonl"
[sinks.beats]
type = "file"
path = "beats.jsonl"
[sinks.late]
type = "file"
path = "late.jsonl"
)",
                store, journal);
}

void feed(SimulatedPeer& peer) {
  constexpr std::int64_t kBegin = 1'740'830'400'000;  // 2025-03-01T12:00:00Z
  for (int i = 0; i < 60; ++i) peer.measure(format("k{},{},{}", i % 7, i, kBegin + i * 4000));
}

// What the sinks hold, in one text.
std::string outcome(const Machine& machine) {
  std::string out;
  for (const char* path :
       {"/data/minutes.jsonl", "/data/arrivals.jsonl", "/data/beats.jsonl", "/data/late.jsonl"}) {
    out += format("{}\n", path);
    for (const std::string& line : machine.lines(path)) out += line + "\n";
  }
  for (const std::string& row : machine.query(
           "/data/out.db", "SELECT k||' '||window_start||' '||windows||' '||total FROM hours ORDER BY rowid"))
    out += row + "\n";
  for (const std::string& row :
       machine.query("/data/out.db", "SELECT k||' '||window_start||' '||n FROM corrected ORDER BY 1"))
    out += row + "\n";
  return out;
}

void drain_under_cuts(std::string_view store, bool journal) {
  const std::string text = config(store, journal);
  CAPTURE(text);
  Machine machine;
  REQUIRE(machine.boot(text));
  SimulatedPeer peer("d", "127.0.0.1:9999");
  feed(peer);
  REQUIRE(peer.connect(machine.network()));
  REQUIRE(machine.run_until([&] {
    peer.turn(5);
    return peer.all_acknowledged();
  }));
  peer.disconnect();
  machine.settle();
  REQUIRE(machine.lines("/data/arrivals.jsonl").empty());  // its windows are open

  struct Cut {
    std::unique_ptr<FaultFiles> disk;
    std::string before;
    std::int64_t wall_ns;
  };
  std::vector<Cut> cuts;
  std::uint64_t seed = 0;
  machine.disk().before_operation([&](FaultFiles::Operation, const std::string& path) {
    for (const Loss loss : {Loss::all_unsynced, Loss::none, Loss::random})
      cuts.push_back({machine.disk().after_crash(loss, ++seed), path, 0});
  });
  REQUIRE(machine.drain());
  const std::string whole = outcome(machine);
  CHECK(whole.contains("\"n\":60"));  // the hour of arrivals
  CHECK(std::ranges::count(whole, '\n') >
        7 + 7 + 7 + 2 + 1);  // a line a key of hours, beats and more of minutes
  CHECK(machine.lines("/data/late.jsonl").empty());
  CHECK(cuts.size() > 30);

  for (Cut& cut : cuts) {
    CAPTURE(cut.before);
    Machine again({.seed = 3}, std::move(cut.disk));
    REQUIRE(again.boot(text));
    REQUIRE(again.drain());
    CHECK(outcome(again) == whole);
  }
}

}  // namespace

TEST_CASE("drain: cut anywhere, files") {
  drain_under_cuts("files", true);
}
TEST_CASE("drain: cut anywhere, SQLite") {
  drain_under_cuts("sqlite", true);
}
TEST_CASE("drain: cut anywhere, journal off") {
  drain_under_cuts("files", false);
}

TEST_CASE("drain: what it closed stays closed, and what comes later is counted in windows of its own") {
  const std::string text = config("files", true);
  Machine machine;
  REQUIRE(machine.boot(text));
  SimulatedPeer peer("d", "127.0.0.1:9999");
  peer.measure("a,1,1740830400000");
  REQUIRE(peer.connect(machine.network()));
  const auto acknowledged = [&] {
    peer.turn();
    return peer.all_acknowledged();
  };
  REQUIRE(machine.run_until(acknowledged));
  peer.disconnect();
  REQUIRE(machine.drain());
  CHECK(machine.lines("/data/minutes.jsonl").size() == 1);

  REQUIRE(machine.boot(text));
  peer.measure("b,2,1740830405000");  // of the minute that was closed
  peer.measure("c,4,1740830465000");  // of the next one
  REQUIRE(peer.connect(machine.network()));
  REQUIRE(machine.run_until(acknowledged));
  peer.disconnect();
  REQUIRE(machine.drain());
  const auto lines = machine.lines("/data/minutes.jsonl");
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].starts_with(R"({"k":"c","window_start":"2025-03-01T12:01:00Z")"));
  CHECK(machine.lines("/data/late.jsonl").size() == 1);
  // Within the allowed lateness the window takes it still, and is corrected.
  CHECK(machine.query("/data/out.db", "SELECT group_concat(k) FROM (SELECT k FROM corrected ORDER BY k)") ==
        std::vector<std::string>{"a,b,c"});
}

}  // namespace tidemark
