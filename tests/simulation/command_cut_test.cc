// The power goes before every file operation of what an operator asked for: --from none, --abandon-replay, a
// changed configuration, a stop that deletes. Whatever was asked has happened or has not, and asking again
// helps.
#include <doctest/doctest.h>

#include <functional>
#include <set>

#include "base/format.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

struct Asked {
  std::string store = "files";
  bool journal = true;
  std::string select = "count(*) AS n";
  std::string on_stop = "retain";
  BootOptions options = {};
  std::string config() const {
    return format(R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
store = "{}"
interval = "300ms"
on_stop = "{}"
[journal]
enabled = {}
sync = "0s"
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
format = "csv"
fields = ["k:string"]
[pipelines.p]
from = ["in"]
key_by = ["k"]
select = ["{}"]
to = ["out"]
[sinks.out]
type = "file"
path = "out.csv"
format = "csv"
flush = "10ms"
)",
                  store, on_stop, journal, select);
  }
};

void feed(Machine& machine, int lines) {
  const auto peer = machine.network().connect("127.0.0.1:9999");
  for (int i = 0; i < lines; ++i) peer->send("a\n");
  machine.settle();
  machine.advance(20ms);
}

// Two lines in a checkpoint, three more in the journal, and no process.
std::unique_ptr<FaultFiles> prepared(const Asked& before) {
  Machine machine;
  REQUIRE(machine.boot(before.config()));
  feed(machine, 2);
  REQUIRE(machine.create_checkpoint());
  feed(machine, 3);
  machine.crash(Loss::all_unsynced);
  return machine.disk().after_crash(Loss::none);
}

// What the next instance counts up to with one more line; "refused: …" when it does not start.
std::string next_count(std::unique_ptr<FaultFiles> disk, const Asked& asked) {
  Machine machine({.seed = 77}, std::move(disk));
  if (const Status booted = machine.boot(asked.config(), asked.options); !booted)
    return "refused: " + booted.error().message;
  feed(machine, 1);
  machine.advance(1s);
  if (!machine.stop()) return "does not stop";
  const std::vector<std::string> lines = machine.lines("/data/out.csv");
  return lines.empty() ? "nothing" : lines.back();
}

// Does `what` on a copy of `disk` again and again, the power going before each of its operations, and hands
// what is left to `judge`. How many cuts that were.
int cut_everywhere(const FaultFiles& disk, const std::function<void(Machine&)>& what,
                   const std::function<void(std::unique_ptr<FaultFiles> left)>& judge) {
  int cuts = 0;
  for (std::uint64_t cut = 1;; ++cut) {
    bool dead = false;
    for (const Loss loss : {Loss::all_unsynced, Loss::none, Loss::random}) {
      Machine machine({.seed = cut}, disk.after_crash(Loss::none));
      machine.disk().crash_at(machine.disk().operations() + cut);
      what(machine);
      dead = machine.disk().dead();
      if (!dead) break;
      CAPTURE(cut);
      CAPTURE(static_cast<int>(loss));
      ++cuts;
      judge(machine.disk().after_crash(loss, cut));
    }
    if (!dead) return cuts;
  }
}

void boot_and_run(Machine& machine, const Asked& asked) {
  if (machine.boot(asked.config(), asked.options)) machine.advance(400ms);
}

TEST_CASE("cut: --from none counts from nothing, however often it is cut and asked again") {
  for (const char* store : {"files", "sqlite"}) {
    const Asked asked{.store = store, .options = {.from = {StartPoint::Kind::none, {}}}};
    const auto disk = prepared({.store = store});
    const int cuts = cut_everywhere(
        *disk, [&](Machine& machine) { boot_and_run(machine, asked); },
        [&](std::unique_ptr<FaultFiles> left) { CHECK(next_count(std::move(left), asked) == "a,1"); });
    MESSAGE(cuts << " cuts, store " << std::string(store));
    CHECK(cuts > 60);
  }
}

TEST_CASE("cut: --abandon-replay gives up the replay, however often it is cut and asked again, or nothing") {
  for (const char* store : {"files", "sqlite"}) {
    const Asked plain{.store = store};
    const Asked asked{.store = store, .options = {.abandon_replay = true}};
    const auto disk = prepared(plain);
    std::set<std::string> without;
    const int cuts = cut_everywhere(
        *disk, [&](Machine& machine) { boot_and_run(machine, asked); },
        [&](std::unique_ptr<FaultFiles> left) {
          CHECK(next_count(left->after_crash(Loss::none), asked) == "a,3");
          without.insert(next_count(std::move(left), plain));
        });
    MESSAGE(cuts << " cuts, store " << std::string(store));
    CHECK(cuts > 60);
    CHECK(without == std::set<std::string>{"a,3", "a,6"});  // asked no more: it had happened, or it had not
  }
}

TEST_CASE("cut: a plain start after a crash leads to the same count wherever it is cut") {
  for (const char* store : {"files", "sqlite"})
    for (const bool journal : {true, false}) {
      const Asked plain{.store = store, .journal = journal};
      const auto disk = prepared(plain);
      // Without a journal what followed the checkpoint is lost: these peers do not ask for acknowledgements.
      const std::string count = journal ? "a,6" : "a,3";
      const int cuts = cut_everywhere(
          *disk, [&](Machine& machine) { boot_and_run(machine, plain); },
          [&](std::unique_ptr<FaultFiles> left) { CHECK(next_count(std::move(left), plain) == count); });
      MESSAGE(cuts << " cuts, store " << std::string(store));
      CHECK(cuts > 20);
    }
}

TEST_CASE("cut: a configuration changed after a clean stop holds from its first start on") {
  const Asked before;
  const Asked after{.select = "count(*) AS total"};
  Machine machine({}, prepared(before));
  REQUIRE(machine.boot(before.config()));
  REQUIRE(machine.stop());
  const int cuts = cut_everywhere(
      machine.disk(), [&](Machine& next) { boot_and_run(next, after); },
      [&](std::unique_ptr<FaultFiles> left) { CHECK(next_count(std::move(left), after) == "a,6"); });
  MESSAGE(cuts << " cuts");
  CHECK(cuts > 20);
}

TEST_CASE("cut: a stop that deletes leaves everything or nothing, and a start accepts either") {
  for (const char* store : {"files", "sqlite"}) {
    const Asked asked{.store = store, .on_stop = "delete"};
    const auto disk = prepared(asked);
    std::set<std::string> counts;
    const int cuts = cut_everywhere(
        *disk,
        [&](Machine& machine) {
          if (machine.boot(asked.config())) static_cast<void>(machine.stop(true));
        },
        [&](std::unique_ptr<FaultFiles> left) { counts.insert(next_count(std::move(left), asked)); });
    MESSAGE(cuts << " cuts, store " << std::string(store));
    CHECK(cuts > 40);
    std::string all;
    for (const std::string& count : counts) all += count + "; ";
    CAPTURE(all);
    CHECK(counts == std::set<std::string>{"a,1", "a,6"});
  }
}

}  // namespace
}  // namespace tidemark
