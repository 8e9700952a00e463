// The power goes before every file operation of going back: of the command, and of the first start after it.
// Whatever was asked has happened or has not, every row of what counts stands once, and what was left behind
// never comes back.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/format.h"
#include "support/line_receiver.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

using Lines = std::vector<std::string>;
using Follow = RestoreOrder::Follow;

std::string config(const std::string& store) {
  return format(R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
store = "{}"
interval = "300ms"
retain = 10
[journal]
sync = "0s"
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
[pipelines.p]
from = ["in"]
key_by = ["k"]
select = ["count(*) AS n", "sum(v) AS total"]
to = ["rows", "lines"]
[sinks.rows]
type = "sqlite"
path = "rows.db"
flush = "10ms"
[sinks.lines]
type = "file"
path = "lines.csv"
format = "csv"
flush = "10ms"
)",
                store);
}

struct Fed {
  std::unique_ptr<FaultFiles> disk;
  SimulatedPeer::Memory memory;
  Position middle;
};

constexpr int kFirst = 2, kSecond = 3, kThird = 2;

void feed(Machine& machine, SimulatedPeer& peer, int& value, int lines) {
  for (int i = 0; i < lines; ++i) peer.measure(format(R"({{"k":"a","v":{}}})", ++value));
  for (int i = 0; i < 50 && !peer.all_acknowledged() && machine.running() && !machine.disk().dead(); ++i) {
    peer.turn();
    machine.advance(20ms);
  }
}

// chk-1 at 2 values, chk-2 and more at 5, then 2 more in the journal; a savepoint at 2. Stopped by a crash.
Fed prepared(const std::string& store) {
  Machine machine;
  REQUIRE(machine.disk().make_directories("/media"));
  REQUIRE(machine.boot(config(store)));
  SimulatedPeer peer("p", "127.0.0.1:9999");
  REQUIRE(peer.connect(machine.network()));
  int value = 0;
  feed(machine, peer, value, kFirst);
  const auto first = machine.create_checkpoint();
  REQUIRE(first);
  REQUIRE(machine.create_savepoint("/media/s.savepoint"));
  feed(machine, peer, value, 1);
  const Position middle = machine.appliance().status().journal.durable;
  feed(machine, peer, value, kSecond - 1);
  REQUIRE(machine.create_checkpoint());
  feed(machine, peer, value, kThird);
  REQUIRE(peer.all_acknowledged());
  peer.disconnect();
  machine.crash(Loss::all_unsynced);
  return {machine.disk().after_crash(Loss::none), peer.memory(), middle};
}

// Both sinks' rows, "n,total", in order.
Lines rows(const Machine& machine, const char* where) {
  Lines database = machine.query("/data/rows.db", "SELECT n || ',' || total FROM p ORDER BY rowid");
  Lines file = machine.lines("/data/lines.csv");
  if (!file.empty()) file.erase(file.begin());
  for (std::string& line : file) line = line.substr(line.find(',') + 1);
  INFO(where);
  CHECK(database == file);
  return database;
}

// What the machine counts up to after two more values and a kill between them; "refused" when it does not
// start. Every row of the branch stands once.
std::string outcome(std::unique_ptr<FaultFiles> disk, const std::string& store, SimulatedPeer::Memory memory,
                    bool own_peer) {
  Machine machine({.seed = 77}, std::move(disk));
  SimulatedPeer peer(own_peer ? "p" : "q", "127.0.0.1:9999", own_peer ? memory : SimulatedPeer::Memory{});
  int value = 0;
  if (own_peer)
    for (; value < kFirst + kSecond + kThird;) peer.measure(format(R"({{"k":"a","v":{}}})", ++value));
  value = 100;
  for (int start = 0; start < 2; ++start) {
    if (const Status booted = machine.boot(config(store)); !booted)
      return "refused: " + booted.error().message;
    if (!peer.connect(machine.network())) return "nobody listens";
    feed(machine, peer, value, 1);
    if (!peer.all_acknowledged()) return "a peer is not answered";
    if (!peer.violations().empty()) return peer.violations().front();
    machine.advance(100ms);
    peer.disconnect();
    machine.crash(Loss::all_unsynced);
  }
  if (own_peer && peer.memory().acknowledged < memory.acknowledged) return "a peer was told less than before";
  const Lines got = rows(machine, "at the end");
  const std::set<std::string> once(got.begin(), got.end());
  if (once.size() != got.size()) return "a row stands twice";
  return got.empty() ? "nothing" : got.back();
}

int cut_everywhere(const FaultFiles& disk, const std::function<void(Machine&)>& what,
                   const std::function<void(std::unique_ptr<FaultFiles> left)>& judge) {
  int cuts = 0;
  for (std::uint64_t cut = 1;; cut += 1) {
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

struct Asked {
  const char* name;
  RestoreRequest request;
  std::string with, without;  // the last row when it was carried out, and when it was never noted
  bool own_peer = true;
};

// 1+…+7 = 28; the values after going back are 101 and 102.
std::vector<Asked> all_asked(const Fed& fed) {
  RestoreRequest until{.checkpoint = CheckpointId{1}, .follow = Follow::until_position};
  until.until_position = fed.middle;
  return {
      {"all", {.checkpoint = CheckpointId{1}}, "9,231", "9,231"},
      {"nothing", {.checkpoint = CheckpointId{1}, .follow = Follow::nothing}, "4,206", "9,231"},
      {"until", until, "5,209", "9,231"},
      {"own savepoint", {.savepoint = "/media/s.savepoint", .follow = Follow::nothing}, "4,206", "9,231"}};
}

TEST_CASE("cut: going back, the command and the first start, wherever it is cut") {
  for (const char* store : {"files", "sqlite"}) {
    const Fed fed = prepared(store);
    for (const Asked& asked : all_asked(fed)) {
      CAPTURE(asked.name);
      std::set<std::string> commanded;
      const int cuts = cut_everywhere(
          *fed.disk,
          [&](Machine& machine) { static_cast<void>(machine.restore(config(store), asked.request)); },
          [&](std::unique_ptr<FaultFiles> left) {
            commanded.insert(outcome(std::move(left), store, fed.memory, asked.own_peer));
          });
      for (const std::string& count : commanded) {
        CAPTURE(count);
        CHECK((count == asked.with || count == asked.without));
      }
      Machine noted({}, fed.disk->after_crash(Loss::none));
      REQUIRE(noted.restore(config(store), asked.request));
      const int start_cuts = cut_everywhere(
          noted.disk(),
          [&](Machine& machine) {
            if (machine.boot(config(store))) machine.advance(400ms);
          },
          [&](std::unique_ptr<FaultFiles> left) {
            CHECK(outcome(std::move(left), store, fed.memory, asked.own_peer) == asked.with);
          });
      MESSAGE(std::string(store) << ", " << std::string(asked.name) << ": " << cuts << " and " << start_cuts
                                 << " cuts");
      CHECK(cuts > 5);
      CHECK(start_cuts > 30);
    }
  }
}

TEST_CASE("cut: a savepoint taken in where another history is, wherever it is cut") {
  for (const char* store : {"files", "sqlite"}) {
    const Fed fed = prepared(store == std::string("files") ? "sqlite" : "files");
    Machine other({.seed = 9});
    REQUIRE(other.disk().make_directories("/media"));
    other.disk().put("/media/s.savepoint", fed.disk->content("/media/s.savepoint"));
    REQUIRE(other.boot(config(store)));
    SimulatedPeer peer("q", "127.0.0.1:9999");
    REQUIRE(peer.connect(other.network()));
    int value = 50;
    feed(other, peer, value, 1);
    REQUIRE(other.stop());
    peer.disconnect();
    Machine noted({.seed = 10}, other.disk().after_crash(Loss::none));
    REQUIRE(noted.restore(config(store), {.savepoint = "/media/s.savepoint"}));
    const int cuts = cut_everywhere(
        noted.disk(),
        [&](Machine& machine) {
          if (machine.boot(config(store))) machine.advance(400ms);
        },
        [&](std::unique_ptr<FaultFiles> left) {
          CHECK(outcome(std::move(left), store, {}, false) == "4,206");
        });
    MESSAGE(std::string(store) << ": " << cuts << " cuts");
    CHECK(cuts > 40);
  }
}

// Results that wait where a savepoint is made arrive once where it goes on, wherever taking it in is cut.
TEST_CASE("cut: results that a savepoint carries, wherever taking it in is cut") {
  for (const char* store : {"files", "sqlite"}) {
    const std::string text =
        config(store) +
        "[pipelines.copies]\nfrom = [\"in\"]\nselect = [\"v\"]\nto = [\"plant\", \"alerts\"]\n"
        "[sinks.plant]\ntype = \"tcp\"\nconnect = \"plant:9999\"\nack = true\n"
        "[sinks.alerts]\ntype = \"mqtt\"\nurl = \"mqtt://localhost\"\ntopic = \"t\"\n";
    Machine old({.seed = 9});
    LineReceiver plant(true);
    REQUIRE(old.disk().make_directories("/media"));
    REQUIRE(old.boot(text));
    plant.serve(old.network(), "plant:9999");
    for (int i = 0; i < 60; ++i) {
      plant.turn();
      old.advance(50ms);
    }
    plant.holds_sync = true;
    SimulatedPeer peer("p", "127.0.0.1:9999");
    REQUIRE(peer.connect(old.network()));
    int value = 0;
    feed(old, peer, value, 5);
    plant.turn(2);
    REQUIRE(old.create_savepoint("/media/s.savepoint", true));
    plant.leave();
    plant.sync();

    Machine noted({.seed = 10});
    REQUIRE(noted.disk().make_directories("/media"));
    noted.disk().put("/media/s.savepoint", old.file("/media/s.savepoint"));
    REQUIRE(noted.restore(text, {.savepoint = "/media/s.savepoint"}));
    const int cuts = cut_everywhere(
        noted.disk(),
        [&](Machine& machine) {
          if (machine.boot(text)) machine.advance(400ms);
        },
        [&](std::unique_ptr<FaultFiles> left) {
          Machine machine({.seed = 77}, std::move(left));
          const Status booted = machine.boot(text);
          REQUIRE_MESSAGE(booted, booted.error().message);
          LineReceiver goes_on(true, plant.memory());
          goes_on.serve(machine.network(), "plant:9999");
          for (int i = 0; i < 60; ++i) {
            goes_on.turn();
            FakeMqtt& broker = machine.mqtt().last();
            if (broker.alive && broker.connecting) broker.connected(false);
            if (broker.alive) broker.take_all_publications();
            machine.advance(50ms);
          }
          CHECK(goes_on.text() == "{\"v\":1}\n{\"v\":2}\n{\"v\":3}\n{\"v\":4}\n{\"v\":5}\n");
          Lines published;
          for (const auto& client : machine.mqtt().clients)
            for (const auto& publication : client->published) published.push_back(publication.payload);
          CHECK(published == Lines{"{\"v\":1}", "{\"v\":2}", "{\"v\":3}", "{\"v\":4}", "{\"v\":5}"});
        });
    MESSAGE(std::string(store) << ": " << cuts << " cuts");
    CHECK(cuts > 40);
  }
}

}  // namespace
}  // namespace tidemark
