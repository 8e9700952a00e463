// What a running appliance is asked: its state, what passes it, its checkpoints.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "base/format.h"
#include "pipeline/state_rows.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

constexpr std::string_view kConfig = R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
interval = "1h"
retain = 5
[sources.lines]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "csv"
fields = ["k:string", "v:int"]
[pipelines.totals]
from = ["lines"]
key_by = ["k"]
select = ["sum(v) AS total", "max(v) - min(v) AS span"]
to = ["out"]
[pipelines.inner]
from = ["lines"]
select = ["k"]
[pipelines.outer]
from = ["inner"]
select = ["count(*) AS n"]
to = ["out"]
[sinks.out]
type = "null"
)";

struct Running {
  Machine machine;
  SimulatedPeer peer{"d", "127.0.0.1:9999"};

  Running() {
    REQUIRE(machine.boot(kConfig));
    REQUIRE(peer.connect(machine.network()));
  }
  void feed(int keys) {
    for (int i = 0; i < keys; ++i) peer.measure(format("k{},{}", i, i));
    for (int turns = 0; turns < 1000 && !peer.all_acknowledged(); ++turns) {
      peer.turn();
      machine.advance(10ms);
      peer.listen();
    }
    REQUIRE(peer.all_acknowledged());
  }
};

TEST_CASE("state is shown in slices; what lives all the time is shown once, whatever comes meanwhile") {
  Running running;
  running.feed(3000);
  std::multiset<std::string> shown;
  std::uint32_t from = 0;
  int slices = 0;
  for (bool more = true; more; ++slices) {
    const auto slice = running.machine.appliance().show_state(
        "totals", {}, from, 256, [&](std::string_view, const std::string& row) { shown.insert(row); });
    REQUIRE(slice.has_value());
    CHECK(slice->columns == std::vector<std::string>{"k", "total", "max(v)", "min(v)"});
    more = slice->next.has_value();
    if (more) from = *slice->next;
    if (slices == 3)
      for (int i = 0; i < 50; ++i) running.peer.measure(format("new{},1", i));
    if (slices == 3) running.feed(0);
  }
  CHECK(slices > 10);
  for (int i = 0; i < 3000; ++i)
    CHECK(shown.count(format(R"x({{"k":"k{0}","total":{0},"max(v)":{0},"min(v)":{0}}})x", i)) == 1);
}

TEST_CASE("state that there is not, or that keys do not name, is refused with what there is") {
  Running running;
  running.feed(3);
  const auto ask = [&](const std::string& pipeline, const KeyFilter& filter) {
    return running.machine.appliance().show_state(pipeline, filter, 0, 100,
                                                  [](std::string_view, const std::string&) {});
  };
  CHECK(ask("totals", {{{"k", "k1"}}}).has_value());
  const auto nobody = ask("nobody", {});
  REQUIRE(!nobody.has_value());
  CHECK(nobody.error().kind == Error::Kind::not_found);
  CHECK(nobody.error().message.contains("inner, outer, totals"));
  CHECK(ask("inner", {}).error().kind == Error::Kind::usage);
  CHECK(ask("totals", {{{"total", "1"}}}).error().message.contains("its keys are: k"));
}

TEST_CASE("a tap shows records and results, misses what it is not ready for, and ends with its handle") {
  Running running;
  std::vector<std::string> records, results, inner;
  bool ready = true;
  int missed = 0;
  const auto events = [&](std::vector<std::string>& to) {
    return TapEvents{.ready = [&ready] { return ready; },
                     .show = [&to](const std::string& json) { to.push_back(json); },
                     .missed = [&missed] { ++missed; }};
  };
  auto of_source = running.machine.appliance().tap("lines", events(records));
  auto of_pipeline = running.machine.appliance().tap("totals", events(results));
  auto of_inner = running.machine.appliance().tap("inner", events(inner));
  REQUIRE((of_source && of_pipeline && of_inner));
  running.feed(2);
  REQUIRE(records.size() == 2);
  CHECK(records[1].contains(R"("payload":"k1,1")"));
  CHECK(results ==
        std::vector<std::string>{R"({"k":"k0","total":0,"span":0})", R"({"k":"k1","total":1,"span":0})"});
  CHECK(inner == std::vector<std::string>{R"({"k":"k0"})", R"({"k":"k1"})"});

  ready = false;
  running.feed(2);
  CHECK(records.size() == 2);
  CHECK(missed == 6);
  ready = true;
  of_source->reset();
  running.feed(1);
  CHECK(records.size() == 2);
  CHECK(results.size() == 3);

  const auto nobody = running.machine.appliance().tap("nobody", events(records));
  CHECK(nobody.error().message.contains("lines, inner, outer, totals"));
  running.machine.crash(Loss::none);  // the handles outlive what they watched
}

TEST_CASE("a checkpoint is deleted, except the newest, and what is left leads on") {
  Running running;
  std::vector<CheckpointId> ids;
  for (int i = 1; i <= 3; ++i) {
    running.feed(i);
    const auto id = running.machine.create_checkpoint();
    REQUIRE(id);
    ids.push_back(*id);
  }
  const auto remove = [&](CheckpointId id) {
    std::optional<Status> done;
    running.machine.appliance().delete_checkpoint(id, [&](Status status) { done = std::move(status); });
    running.machine.settle();
    REQUIRE(done);
    return *done;
  };
  CHECK(remove(ids[2]).error().kind == Error::Kind::usage);
  CHECK(remove(ids[0]));
  CHECK(remove(ids[0]).error().kind == Error::Kind::not_found);
  running.feed(4);
  REQUIRE(running.machine.create_checkpoint());
  running.machine.crash(Loss::all_unsynced, 1);
  REQUIRE(running.machine.boot(kConfig));
  int rows = 0;
  REQUIRE(running.machine.appliance().show_state("totals", {}, 0, 10'000,
                                                 [&](std::string_view, const std::string&) { ++rows; }));
  CHECK(rows == 4);
}

TEST_CASE("a stored checkpoint is handed out in pieces that give back its rows") {
  Running running;
  running.feed(20'000);
  const auto id = running.machine.create_checkpoint();
  REQUIRE(id);
  std::optional<Manifest> manifest;
  running.machine.appliance().read_manifest(*id, [&](Result<Appliance::Piece> piece) {
    REQUIRE(piece);
    CHECK(piece->last);
    manifest = *decode_manifest(piece->bytes, "piece");
  });
  running.machine.settle();
  REQUIRE(manifest);
  const auto segment = std::ranges::find(manifest->segments, "state/totals", &SegmentReference::owner);
  REQUIRE(segment != manifest->segments.end());
  std::uint64_t read = 0;
  for (bool last = false; !last;) {
    running.machine.appliance().read_rows(*id, segment->name, read, [&](Result<Appliance::Piece> piece) {
      REQUIRE(piece);
      last = piece->last;
      read += piece->bytes.size();
    });
    running.machine.settle();
  }
  CHECK(read > 20'000 * 10);
  running.machine.appliance().read_rows(*id, "none", 0, [](const Result<Appliance::Piece>& piece) {
    CHECK(piece.error().kind == Error::Kind::not_found);
  });
  running.machine.settle();
}

}  // namespace
}  // namespace tidemark
