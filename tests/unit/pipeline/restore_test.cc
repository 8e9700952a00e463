// Going back: restore of a checkpoint or a savepoint, all that follows it, until a moment, or nothing; and
// what is refused.
#include "pipeline/restore.h"

#include <doctest/doctest.h>

#include "base/format.h"
#include "pipeline/savepoint.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

using Lines = std::vector<std::string>;
using Follow = RestoreOrder::Follow;

std::string config(const std::string& store, bool journal = true, int retain = 10) {
  return format(R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
store = "{}"
interval = "1h"
retain = {}
[journal]
enabled = {}
sync = "0s"
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
[pipelines.counts]
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
                store, retain, journal);
}

struct World {
  explicit World(std::string its_store = "files", std::uint64_t seed = 1,
                 std::unique_ptr<FaultFiles> disk = std::make_unique<FaultFiles>())
      : machine({.seed = seed}, std::move(disk)), text(config(its_store)) {}
  Machine machine;
  std::string text;
  SimulatedPeer peer{"p", "127.0.0.1:9999"};
  int value = 0;

  void boot(const BootOptions& options = {}) {
    const Status booted = machine.boot(text, options);
    REQUIRE_MESSAGE(booted, booted.error().message);
    REQUIRE(peer.connect(machine.network()));
    machine.settle();
  }
  void feed(int lines) {
    for (int i = 0; i < lines; ++i) peer.measure(format(R"({{"k":"a","v":{}}})", ++value));
    for (int i = 0; i < 100 && !peer.all_acknowledged(); ++i) {
      peer.turn();
      machine.advance(20ms);
    }
    REQUIRE(peer.all_acknowledged());
    CHECK(peer.violations().empty());
    machine.advance(200ms);
  }
  CheckpointId checkpoint() {
    const auto taken = machine.create_checkpoint();
    REQUIRE(taken);
    return *taken;
  }
  void stop() {
    REQUIRE(machine.stop());
    peer.disconnect();
  }
  std::string refusal(const RestoreRequest& request) {
    const auto noted = machine.restore(text, request);
    REQUIRE_FALSE(noted);
    return noted.error().message;
  }
  void restore(const RestoreRequest& request) {
    const auto noted = machine.restore(text, request);
    REQUIRE_MESSAGE(noted, noted.error().message);
  }
  // count and total of every row, in order; both sinks hold the same.
  Lines rows() {
    Lines out = machine.query("/data/rows.db", "SELECT n || ',' || total FROM counts ORDER BY rowid");
    Lines file = machine.lines("/data/lines.csv");
    if (!file.empty()) file.erase(file.begin());
    for (std::string& line : file) line = line.substr(line.find(',') + 1);
    CHECK(file == out);
    return out;
  }
};

std::string last_of(const Lines& lines) {
  return lines.empty() ? "nothing" : lines.back();
}

TEST_CASE("restore: what followed is replayed, sinks skip what they hold, and nothing is lost") {
  for (const char* store : {"files", "sqlite"}) {
    World world(store);
    world.boot();
    world.feed(2);
    const CheckpointId first = world.checkpoint();
    world.feed(2);
    world.checkpoint();
    world.feed(1);
    world.stop();
    world.restore({.checkpoint = first});
    world.boot();
    CHECK(world.machine.log().contains("resumed from chk-1, 3 entries replayed"));
    CHECK(world.machine.appliance().status().timeline == Timeline{1});
    world.feed(1);
    world.stop();
    CHECK(world.rows() == Lines{"1,1", "2,3", "3,6", "4,10", "5,15", "6,21"});
    // It is carried out: the next start is a plain one.
    world.machine.log().clear();
    world.boot();
    CHECK_FALSE(world.machine.log().contains("resumed from chk-1"));
  }
}

TEST_CASE("restore --discard-later: a new timeline begins, its rows follow, and peers are never told less") {
  for (const char* store : {"files", "sqlite"}) {
    World world(store);
    world.boot();
    world.feed(2);
    const CheckpointId first = world.checkpoint();
    world.feed(2);
    world.checkpoint();
    world.feed(1);
    world.stop();
    world.restore({.checkpoint = first, .follow = Follow::nothing});
    world.boot();
    CHECK(world.machine.appliance().status().timeline == Timeline{2});
    world.feed(1);  // the sixth value: the peer does not send the others again
    // What was left does not come back, whatever is killed.
    world.peer.disconnect();
    world.machine.crash(Loss::all_unsynced);
    world.boot();
    world.feed(1);
    world.stop();
    CHECK(world.rows() == Lines{"1,1", "2,3", "3,6", "4,10", "5,15", "3,9", "4,16"});
    // The branch that was left can be gone back to, as long as it is there.
    CHECK(
        world.refusal({.checkpoint = CheckpointId{2}}).contains("`tidemark restore chk-2 --discard-later`"));
    world.restore({.checkpoint = CheckpointId{2}, .follow = Follow::nothing});
    world.boot();
    CHECK(world.machine.appliance().status().timeline == Timeline{3});
    world.feed(1);
    world.stop();
    CHECK(last_of(world.rows()) == "5,18");
  }
}

TEST_CASE("restore --until: replays up to there, and rows up to there are not written twice") {
  for (const char* store : {"files", "sqlite"})
    for (const bool by_time : {true, false}) {
      World world(store);
      world.boot();
      world.feed(2);
      const CheckpointId first = world.checkpoint();
      world.feed(1);
      const JournalTime moment = world.machine.wall();
      const Position position = world.machine.appliance().status().journal.durable;
      world.machine.advance(1s);
      world.feed(2);
      world.stop();
      RestoreRequest request{.checkpoint = first};
      request.follow = by_time ? Follow::until_time : Follow::until_position;
      request.until_time = moment;
      request.until_position = position;
      world.restore(request);
      world.boot();
      CHECK(world.machine.appliance().status().timeline == Timeline{2});
      CHECK(last_of(world.rows()) == "5,15");
      world.feed(1);
      world.stop();
      CHECK(world.rows() == Lines{"1,1", "2,3", "3,6", "4,10", "5,15", "4,12"});
      world.boot();
      world.feed(1);
      CHECK(last_of(world.rows()) == "5,19");
    }
}

TEST_CASE("restore: what cannot be done is refused, with the ways out, and nothing is noted") {
  World world;
  CHECK(world.refusal({.checkpoint = CheckpointId{1}}).contains("nothing has run"));
  world.boot();
  world.feed(2);
  world.checkpoint();
  CHECK(world.refusal({.checkpoint = CheckpointId{1}}).contains("tidemark stop"));
  world.feed(2);
  const CheckpointId second = world.checkpoint();
  world.stop();
  CHECK(world.refusal({.checkpoint = CheckpointId{9}}).contains("tidemark checkpoint list"));
  RestoreRequest early{.checkpoint = second, .follow = Follow::until_position};
  early.until_position = Position{1};
  CHECK(world.refusal(early).contains("name an older one"));
  CHECK(world.refusal({.savepoint = "/media/none.savepoint"}).contains("/media/none.savepoint"));
  // The journal no longer reaches back.
  for (const std::string& path : world.machine.disk().all_files())
    if (path.starts_with("data/journal/")) world.machine.disk().erase(path);
  CHECK(world.refusal({.checkpoint = CheckpointId{1}}).contains("`tidemark restore chk-1 --discard-later`"));
  world.boot();
  CHECK(world.machine.appliance().status().timeline == Timeline{1});
}

TEST_CASE("restore: while it waits, --from is refused; another restore takes its place") {
  World world;
  world.boot();
  world.feed(2);
  world.checkpoint();
  world.feed(2);
  world.checkpoint();
  world.stop();
  world.restore({.checkpoint = CheckpointId{1}, .follow = Follow::nothing});
  const Status booted =
      world.machine.boot(world.text, {.from = {StartPoint::Kind::checkpoint, CheckpointId{2}}});
  REQUIRE_FALSE(booted);
  CHECK(booted.error().message.contains("the restore of chk-1 without what followed it waits"));
  const auto noted = world.machine.restore(world.text, {});
  REQUIRE(noted);
  CHECK(noted->replaced == "the restore of chk-1 without what followed it");
  world.boot();
  world.feed(1);
  CHECK(world.rows() == Lines{"1,1", "2,3", "3,6", "4,10", "5,15"});
}

TEST_CASE("restore: checkpoints of a branch that was left go when enough new ones are there") {
  World world;
  world.text = config("files", true, 2);
  world.boot();
  world.feed(1);
  world.checkpoint();
  world.feed(1);
  world.checkpoint();
  world.stop();
  world.restore({.checkpoint = CheckpointId{1}, .follow = Follow::nothing});
  world.boot();
  CHECK(world.machine.disk().exists("/data/checkpoints/chk-2/manifest"));
  world.peer.disconnect();
  world.machine.crash(Loss::all_unsynced);
  world.boot();  // it is known after a restart too
  for (int i = 0; i < 2; ++i) {
    world.feed(1);
    world.checkpoint();
  }
  CHECK_FALSE(world.machine.disk().exists("/data/checkpoints/chk-2/manifest"));
}

// ---- savepoints

std::unique_ptr<FaultFiles> disk_with(const std::string& bytes) {
  auto disk = std::make_unique<FaultFiles>();
  REQUIRE(disk->make_directories("/media"));
  disk->put("/media/s.savepoint", bytes);
  return disk;
}

TEST_CASE("savepoint: one made with --stop goes on in another directory and another store") {
  for (const char* from : {"files", "sqlite"})
    for (const char* to : {"files", "sqlite"})
      for (const bool by_run : {false, true}) {
        World world(from);
        REQUIRE(world.machine.disk().make_directories("/media"));
        world.boot();
        world.feed(3);
        const Status saved = world.machine.create_savepoint("/media/s.savepoint", true);
        REQUIRE_MESSAGE(saved, saved.error().message);
        const Status twice = world.machine.boot(world.text);
        REQUIRE(twice);
        CHECK(world.machine.log().contains("0 entries replayed"));  // nothing was processed beyond it

        World other(to, 2, disk_with(world.machine.file("/media/s.savepoint")));
        const BootOptions with_file{.from = {StartPoint::Kind::savepoint, {}, "/media/s.savepoint"}};
        if (!by_run) other.restore({.savepoint = "/media/s.savepoint"});
        // The medium leaves after the first mention of it.
        if (!by_run) other.machine.disk().erase("media/s.savepoint");
        other.boot(by_run ? with_file : BootOptions{});
        CHECK(other.machine.appliance().status().timeline == Timeline{2});
        CHECK(other.machine.appliance().status().lineage != world.machine.appliance().status().lineage);
        other.value = 10;
        other.peer = SimulatedPeer("q", "127.0.0.1:9999");
        REQUIRE(other.peer.connect(other.machine.network()));
        other.feed(1);
        if (by_run) {  // a service manager starts it again
          other.machine.disk().erase("media/s.savepoint");
          other.peer.disconnect();
          other.machine.crash(Loss::all_unsynced);
          other.boot(with_file);
          other.feed(1);
        }
        CHECK(other.rows() == (by_run ? Lines{"4,17", "5,29"} : Lines{"4,17"}));
        for (const std::string& path : other.machine.disk().all_files())
          CHECK_FALSE(path.contains(".savepoint"));
      }
}

TEST_CASE("savepoint: taken in where another history is, that one is set aside") {
  World world;
  REQUIRE(world.machine.disk().make_directories("/media"));
  world.boot();
  world.feed(3);
  REQUIRE(world.machine.create_savepoint("/media/s.savepoint"));
  World other("files", 2, disk_with(world.machine.file("/media/s.savepoint")));
  other.boot();
  other.feed(5);
  other.checkpoint();
  other.stop();
  RestoreRequest until{.savepoint = "/media/s.savepoint", .follow = Follow::until_position};
  CHECK(other.refusal(until).contains("made by another history"));
  const auto noted = other.machine.restore(other.text, {.savepoint = "/media/s.savepoint"});
  REQUIRE(noted);
  CHECK(noted->foreign);
  other.peer = SimulatedPeer("q", "127.0.0.1:9999");
  other.boot();
  CHECK(other.machine.disk().exists("/data/previous/checkpoints/chk-1/manifest"));
  other.value = 100;
  other.feed(1);
  CHECK(last_of(other.rows()) == "4,107");
  CHECK(other.rows().size() == 6);
}

TEST_CASE("savepoint: its own machine goes back to it, replays what followed, or leaves that") {
  World world;
  REQUIRE(world.machine.disk().make_directories("/media"));
  world.boot();
  world.feed(2);
  REQUIRE(world.machine.create_savepoint("/media/s.savepoint"));
  world.feed(2);
  world.checkpoint();
  world.stop();
  world.restore({.savepoint = "/media/s.savepoint"});
  world.boot();
  CHECK(world.machine.log().contains("2 entries replayed"));
  world.feed(1);
  CHECK(world.rows() == Lines{"1,1", "2,3", "3,6", "4,10", "5,15"});
  world.stop();
  world.restore({.savepoint = "/media/s.savepoint", .follow = Follow::nothing});
  world.boot();
  world.feed(1);
  CHECK(last_of(world.rows()) == "3,9");
}

TEST_CASE("savepoint: damage is found anywhere in it, before anything is noted") {
  World world;
  REQUIRE(world.machine.disk().make_directories("/media"));
  world.boot();
  world.feed(2);
  REQUIRE(world.machine.create_savepoint("/media/s.savepoint"));
  world.stop();
  const std::string good = world.machine.file("/media/s.savepoint");
  for (std::size_t at = 0; at < good.size(); at += 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    world.machine.disk().put("/media/s.savepoint", bad);
    CAPTURE(at);
    CHECK(world.refusal({.savepoint = "/media/s.savepoint"}).contains("/media/s.savepoint"));
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, good.size() / 2, good.size() - 1}) {
    world.machine.disk().put("/media/s.savepoint", good.substr(0, size));
    CHECK(world.refusal({.savepoint = "/media/s.savepoint"}).contains("/media/s.savepoint"));
  }
  world.boot();
  CHECK(world.machine.appliance().status().timeline == Timeline{1});
}

TEST_CASE(
    "savepoint: where it cannot be written, the instance says so; with --stop it has stopped all the same") {
  World world;
  REQUIRE(world.machine.disk().make_directories("/media"));
  world.boot();
  world.feed(2);
  const auto broken = [] {
    return SavepointTarget{.write = [](std::string_view) -> Status { return fail("the stick is full"); },
                           .sync = [] { return Status(); }};
  };
  std::optional<Result<CheckpointId>> taken;
  world.machine.appliance().create_savepoint(broken(),
                                             [&](Result<CheckpointId> done) { taken = std::move(done); });
  REQUIRE(world.machine.run_until([&] { return taken.has_value(); }));
  REQUIRE_FALSE(*taken);
  CHECK(taken->error().message == "the stick is full");
  std::optional<Status> stopped;
  world.machine.appliance().stop_with_savepoint(broken(), [&](Status done) { stopped = std::move(done); });
  REQUIRE(world.machine.run_until([&] { return stopped.has_value(); }));
  REQUIRE_FALSE(*stopped);
  CHECK(stopped->error().message == "the stick is full");
}

}  // namespace
}  // namespace tidemark
