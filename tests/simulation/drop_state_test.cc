// `state drop` with the power cut before every single file operation of it: the state is there or it is not,
// and whatever follows stands in the sink once.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/format.h"
#include "platform/sqlite.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

constexpr std::string_view kConfig = R"(
[node]
name = "sim"
data_dir = "/data"
[checkpoint]
interval = "1h"
[sources.device]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "csv"
fields = ["k:string", "v:int"]
[pipelines.totals]
from = ["device"]
key_by = ["k"]
select = ["sum(v) AS total"]
to = ["totals"]
[pipelines.kept]
from = ["device"]
select = ["count(*) AS n"]
to = ["kept"]
[sinks.totals]
type = "file"
path = "totals.jsonl"
[sinks.kept]
type = "file"
path = "kept.jsonl"
)";

void feed(Machine& machine, SimulatedPeer& peer, const std::string& line) {
  peer.measure(line);
  REQUIRE(peer.connect(machine.network()));
  for (int turns = 0; turns < 1000 && !peer.all_acknowledged(); ++turns) {
    peer.turn();
    machine.advance(10ms);
    peer.listen();
  }
  REQUIRE(peer.all_acknowledged());
  peer.disconnect();
}

TEST_CASE("drop: cut anywhere, the state is there or it is not, and results are numbered on") {
  Machine machine;
  const auto settings = settings_of(kConfig);
  REQUIRE(settings);
  REQUIRE(machine.boot(kConfig));
  SimulatedPeer peer("d", "127.0.0.1:9999");
  for (const char* line : {"a,1", "b,2", "a,3"}) feed(machine, peer, line);
  REQUIRE(machine.stop());
  REQUIRE(machine.lines("/data/totals.jsonl").size() == 3);

  const auto sqlite = make_sqlite_opener();
  std::vector<std::unique_ptr<FaultFiles>> cuts;
  auto disk = machine.disk().after_crash(Loss::none);
  std::uint64_t seed = 0;
  disk->before_operation([&](FaultFiles::Operation, const std::string&) {
    for (const Loss loss : {Loss::all_unsynced, Loss::none, Loss::random})
      cuts.push_back(disk->after_crash(loss, ++seed));
  });
  const auto dropped = drop_state_offline({*disk, *sqlite}, *settings, "totals", 0);
  REQUIRE(dropped);
  CHECK(dropped->keys == 2);
  disk->before_operation({});
  cuts.push_back(disk->after_crash(Loss::all_unsynced));
  CHECK(cuts.size() > 10);

  std::size_t forgotten = 0;
  for (auto& cut : cuts) {
    Machine again({.seed = 5}, std::move(cut));
    REQUIRE(again.boot(kConfig));
    SimulatedPeer later("later", "127.0.0.1:9999");
    feed(again, later, "a,10");
    REQUIRE(again.stop());
    const auto totals = again.lines("/data/totals.jsonl");
    REQUIRE(totals.size() == 4);
    CHECK((totals[3] == R"({"k":"a","total":10})" || totals[3] == R"({"k":"a","total":14})"));
    forgotten += totals[3] == R"({"k":"a","total":10})" ? 1 : 0;
    const auto kept = again.lines("/data/kept.jsonl");
    REQUIRE(kept.size() == 4);
    CHECK(kept[3] == R"({"n":4})");
  }
  CHECK(forgotten > 0);
  CHECK(forgotten < cuts.size());
}

TEST_CASE("drop: refused after a stop that was not clean, and for what there is not") {
  Machine machine;
  const auto settings = settings_of(kConfig);
  const auto sqlite = make_sqlite_opener();
  REQUIRE(machine.boot(kConfig));
  SimulatedPeer peer("d", "127.0.0.1:9999");
  feed(machine, peer, "a,1");
  REQUIRE(machine.create_checkpoint());
  const auto nobody =
      drop_state_offline({*machine.disk().after_crash(Loss::none), *sqlite}, *settings, "x", 0);
  CHECK(nobody.error().kind == Error::Kind::not_found);
  feed(machine, peer, "a,2");
  machine.crash(Loss::none);
  const auto unclean = drop_state_offline({machine.disk(), *sqlite}, *settings, "totals", 0);
  REQUIRE(!unclean);
  CHECK(unclean.error().message.contains("not clean"));
}

}  // namespace
}  // namespace tidemark
