// Results that sinks have not taken travel with a savepoint: none is lost by moving to another machine, and
// none comes twice to a sink that can tell.
#include <doctest/doctest.h>

#include "base/format.h"
#include "base/json.h"
#include "pipeline/savepoint.h"
#include "support/line_receiver.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

using Lines = std::vector<std::string>;

constexpr const char* kFile = "/media/s.savepoint";

struct World {
  explicit World(std::uint64_t seed = 1, std::unique_ptr<FaultFiles> disk = std::make_unique<FaultFiles>())
      : machine({.seed = seed}, std::move(disk)) {
    REQUIRE(machine.disk().make_directories("/media"));
  }
  Machine machine;
  std::string peer_name = "p";
  bool journal = true;
  std::string to = R"("lines", "alerts", "plant")";
  std::string more = {};
  SimulatedPeer peer{"p", "127.0.0.1:9999"};
  int value = 0;

  std::string text() const {
    std::string out = format(R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
interval = "1h"
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
to = [{}]
[sinks.lines]
type = "file"
path = "lines.jsonl"
{}
)",
                             journal, to, more);
    if (to.contains("alerts"))
      out += "[sinks.alerts]\ntype = \"mqtt\"\nurl = \"mqtt://localhost\"\ntopic = \"t\"\nids = true\n";
    if (to.contains("plant"))
      out += "[sinks.plant]\ntype = \"tcp\"\nconnect = \"plant:9999\"\nack = true\nids = true\n";
    return out;
  }
  void boot(const BootOptions& options = {}) {
    const Status booted = machine.boot(text(), options);
    REQUIRE_MESSAGE(booted, booted.error().message);
    peer.disconnect();
    REQUIRE(peer.connect(machine.network()));
    machine.settle();
  }
  void boot_from_savepoint() {
    peer = SimulatedPeer("q", "127.0.0.1:9999");
    boot({.from = {StartPoint::Kind::savepoint, {}, kFile}});
  }
  void feed(int lines) {
    for (int i = 0; i < lines; ++i) peer.measure(format(R"({{"k":"a","v":{}}})", ++value));
    for (int i = 0; i < 100 && !peer.all_acknowledged(); ++i) {
      peer.turn();
      machine.advance(20ms);
      if (!journal && i % 10 == 9) REQUIRE(machine.create_checkpoint());
    }
    REQUIRE(peer.all_acknowledged());
    machine.advance(200ms);
  }
  void save(bool stop) {
    const Status saved = machine.create_savepoint(kFile, stop);
    REQUIRE_MESSAGE(saved, saved.error().message);
  }
  // Another machine, with the savepoint of this one.
  std::unique_ptr<FaultFiles> medium() const {
    auto disk = std::make_unique<FaultFiles>();
    REQUIRE(disk->make_directories("/media"));
    disk->put(kFile, machine.file(kFile));
    return disk;
  }
  // The broker is there, and takes everything.
  void broker() {
    for (int i = 0; i < 20; ++i) {
      FakeMqtt& last = machine.mqtt().last();
      if (last.alive && last.connecting) last.connected(false);
      if (last.alive) last.take_all_publications();
      machine.advance(50ms);
    }
  }
  Lines published() {
    Lines out;
    for (const auto& client : machine.mqtt().clients)
      for (const auto& publication : client->published) out.push_back(publication.payload);
    return out;
  }
  std::uint64_t waiting(const std::string& sink) {
    for (const SinkReport& report : machine.appliance().status().sinks)
      if (report.name == sink) return report.waiting;
    return 0;
  }
  std::uint64_t carried() {
    const auto savepoint = Savepoint::open(machine.disk(), kFile);
    REQUIRE(savepoint);
    REQUIRE(savepoint->verify());
    return savepoint->results();
  }
};

// "n" of each line, and that its id is the one that it was given where it was made.
Lines numbers(const std::string& text) {
  Lines out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const auto row = JsonValue::parse(std::string_view(text).substr(at, end - at));
    REQUIRE(row);
    out.push_back(std::to_string(row->integer_of("n")));
    CHECK(row->text_of("_id").ends_with(format("/counts/{}", row->integer_of("n"))));
    at = end + 1;
  }
  return out;
}
Lines numbers(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return numbers(text);
}

TEST_CASE("savepoint: results that wait for sinks arrive from the machine that goes on, in order and once") {
  for (const bool journal : {true, false})
    for (const bool stop : {true, false}) {
      CAPTURE(journal);
      CAPTURE(stop);
      World old;
      old.journal = journal;
      old.boot();
      old.feed(3);
      REQUIRE(old.machine.create_checkpoint());  // these stand in the outboxes
      old.feed(2);
      old.save(stop);
      CHECK(old.carried() == 10);

      World other(2, old.medium());
      other.journal = journal;
      LineReceiver plant(true);
      other.boot_from_savepoint();
      plant.serve(other.machine.network(), "plant:9999");
      other.value = 100;
      other.feed(1);
      REQUIRE(other.machine.create_checkpoint());
      for (int i = 0; i < 100; ++i) {
        plant.turn();
        other.machine.advance(50ms);
      }
      other.broker();
      CHECK(numbers(other.published()) == Lines{"1", "2", "3", "4", "5", "6"});
      CHECK(numbers(plant.text()) == Lines{"1", "2", "3", "4", "5", "6"});
      CHECK(other.machine.lines("/data/lines.jsonl").size() == 1);  // the others are where they were made
      CHECK(other.waiting("alerts") == 0);
      CHECK(other.waiting("plant") == 0);
      CHECK(other.machine.log().count(LogLevel::error) == 0);
    }
}

TEST_CASE("savepoint: what sinks have taken is not in it, and with --stop they take what they can before") {
  for (const bool journal : {true, false}) {
    World world;
    world.journal = journal;
    LineReceiver plant(true);
    world.boot();
    plant.serve(world.machine.network(), "plant:9999");
    for (int i = 0; i < 60; ++i) {
      plant.turn();
      world.machine.advance(50ms);
    }
    world.broker();
    world.feed(1);
    std::optional<Status> saved;
    world.machine.appliance().stop_with_savepoint(
        {.write =
             [&](std::string_view bytes) {
               const std::string before =
                   world.machine.disk().exists(kFile) ? world.machine.file(kFile) : std::string();
               world.machine.disk().put(kFile, before + std::string(bytes));
               return Status();
             },
         .sync = [] { return Status(); }},
        [&](Status done) { saved = std::move(done); });
    for (int i = 0; i < 400 && !saved; ++i) {
      plant.turn();
      world.machine.mqtt().last().take_all_publications();
      world.machine.advance(50ms);
    }
    REQUIRE(saved);
    REQUIRE(*saved);
    CHECK(world.carried() == 0);
    CHECK(numbers(plant.text()) == Lines{"1"});
    CHECK(numbers(world.published()) == Lines{"1"});
  }
}

TEST_CASE(
    "savepoint: lines that were on their way to a peer that acknowledges come once, from the other machine") {
  World old;
  LineReceiver plant(true);
  old.boot();
  plant.serve(old.machine.network(), "plant:9999");
  for (int i = 0; i < 60; ++i) {
    plant.turn();
    old.machine.advance(50ms);
  }
  plant.holds_sync = true;
  old.feed(5);
  plant.turn(3);  // it has three of the five, and has not said so
  old.save(true);
  CHECK(old.carried() == 10);
  plant.leave();
  plant.sync();

  World other(2, old.medium());
  plant.holds_sync = false;
  other.boot_from_savepoint();
  plant.serve(other.machine.network(), "plant:9999");
  other.value = 100;
  other.feed(1);
  for (int i = 0; i < 100; ++i) {
    plant.turn();
    other.machine.advance(50ms);
  }
  CHECK(numbers(plant.text()) == Lines{"1", "2", "3", "4", "5", "6"});
  CHECK(plant.streams() == 1);
}

TEST_CASE("savepoint: results for a sink that is not configured where it goes on wait until it is") {
  World old;
  old.boot();
  old.feed(3);
  old.save(true);
  World other(2, old.medium());
  other.to = R"("lines")";
  other.boot_from_savepoint();
  bool said = false;
  for (const std::string& why : other.machine.appliance().status().degraded)
    said = said || (why.contains("3 results wait in /data/outbox/alerts") && why.contains("\"alerts\""));
  CHECK(said);
  other.peer.disconnect();
  REQUIRE(other.machine.stop());
  other.to = R"("lines", "alerts")";
  other.boot();
  other.broker();
  CHECK(numbers(other.published()) == Lines{"1", "2", "3"});
}

TEST_CASE("savepoint: gone back to on its own machine, results that left since do not leave again") {
  World world;
  world.to = R"("alerts")";
  world.boot();
  world.feed(3);
  world.save(false);
  CHECK(world.carried() == 3);
  world.broker();
  CHECK(world.published().size() == 3);
  world.peer.disconnect();
  REQUIRE(world.machine.stop());
  REQUIRE(world.machine.restore(world.text(), {.savepoint = kFile, .follow = RestoreOrder::Follow::nothing}));
  world.peer = SimulatedPeer("p", "127.0.0.1:9999", world.peer.memory());
  for (int i = 1; i <= 3; ++i) world.peer.measure(format(R"({{"k":"a","v":{}}})", i));
  world.boot();
  world.feed(1);
  world.broker();
  CHECK(numbers(world.published()) == Lines{"4"});
}

TEST_CASE("savepoint: results for what is no sink are damage") {
  World old;
  old.boot();
  old.feed(1);
  old.save(true);
  std::string bytes = old.machine.file(kFile);
  // A segment's name is covered by its checksum: it is written anew, as somebody else would.
  const auto savepoint = Savepoint::open(old.machine.disk(), kFile);
  REQUIRE(savepoint);
  std::string forged;
  SavepointWriter writer({.write =
                              [&](std::string_view part) {
                                forged += part;
                                return Status();
                              },
                          .sync = [] { return Status(); }},
                         savepoint->manifest(), savepoint->origin());
  auto origin = std::make_shared<OutboxOrigin>();
  origin->schema.columns = {{"n", ResultColumn::Kind::plain}};
  OutboxRow row;
  row.origin = origin;
  row.number = ResultNumber{1};
  REQUIRE(writer.write_results("../../etc", {&row, 1}));
  REQUIRE(writer.finish());
  auto disk = std::make_unique<FaultFiles>();
  REQUIRE(disk->make_directories("/media"));
  disk->put(kFile, forged);
  World other(2, std::move(disk));
  const Status booted = other.machine.boot(other.text(), {.from = {StartPoint::Kind::savepoint, {}, kFile}});
  REQUIRE_FALSE(booted);
  CHECK(booted.error().message.contains("which is no sink"));
}

}  // namespace
}  // namespace tidemark
