// From an empty process to the first connection: what a start finds, what it refuses, and what it tells the
// operator to do about it.
#include <doctest/doctest.h>

#include "base/format.h"
#include "pipeline/delivery.h"
#include "platform/sqlite.h"
#include "support/fake_random.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"
#include "support/sqlite_vfs.h"

namespace tidemark {
namespace {

using Lines = std::vector<std::string>;

struct Config {
  std::string checkpoint = "interval = \"1s\"";
  std::string journal = "sync = \"0s\"";
  std::string select = "count(*) AS n";
  std::string pipeline = "counts";
  std::string sink = "type = \"file\"\npath = \"out.jsonl\"";
  std::string limits = {};
  std::string text() const {
    return format(R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
{}
[journal]
{}
[limits]
max_record = "4KiB"
{}
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
[pipelines.{}]
from = ["in"]
key_by = ["k"]
select = ["{}"]
to = ["out"]
[sinks.out]
{}
flush = "100ms"
)",
                  checkpoint, journal, limits, pipeline, select, sink);
  }
};

// A machine with a peer that counts up: {"k":"a"} line after line.
struct World {
  Machine machine;
  SimulatedPeer peer{"p", "127.0.0.1:9999"};

  void boot(const Config& config = {}, const BootOptions& options = {}) {
    const Status booted = machine.boot(config.text(), options);
    REQUIRE_MESSAGE(booted, booted.error().message);
    REQUIRE(peer.connect(machine.network()));
    machine.settle();
  }
  // What the start answers when it refuses.
  std::string refusal(const Config& config = {}, const BootOptions& options = {}) {
    const Status booted = machine.boot(config.text(), options);
    REQUIRE_FALSE(booted);
    return booted.error().message;
  }
  void feed(int lines, const std::string& pad = {}) {
    for (int i = 0; i < lines; ++i) peer.measure(R"({"k":"a","pad":")" + pad + "\"}");
    for (int i = 0; i < 100 && !peer.all_acknowledged(); ++i) {
      peer.turn();
      machine.advance(20ms);
    }
    REQUIRE(peer.all_acknowledged());
    machine.advance(200ms);  // the sink's flush
  }
  void crash(Loss loss = Loss::all_unsynced) {
    peer.disconnect();
    machine.crash(loss);
  }
  void stop() {
    REQUIRE(machine.stop());
    peer.disconnect();
  }
  // The last count that stands in the file, and how many rows do.
  std::string last() {
    const Lines lines = machine.lines("/data/out.jsonl");
    return lines.empty() ? "nothing" : lines.back();
  }
  std::size_t rows() { return machine.lines("/data/out.jsonl").size(); }
  Lines files_under(const std::string& folder) {
    Lines out;
    for (const std::string& path : machine.disk().all_files())
      if (path.starts_with(folder)) out.push_back(path);
    return out;
  }
  void damage(const std::string& path) {
    std::string bytes = machine.disk().content(path);
    REQUIRE(!bytes.empty());
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x20);
    machine.disk().put(path, bytes);
  }
};

std::string row(int n) {
  return format(R"({{"k":"a","n":{}}})", n);
}

TEST_CASE("start: on nothing it is ready, and after a crash it counts on without an option") {
  World world;
  world.boot();
  world.feed(3);
  world.crash();
  world.boot();
  world.feed(2);
  world.stop();
  CHECK(world.last() == row(5));
  CHECK(world.rows() == 5);
}

TEST_CASE("start: after a clean stop nothing is replayed") {
  World world;
  world.boot();
  world.feed(3);
  world.stop();
  world.boot();
  CHECK(world.machine.log().contains("0 entries replayed"));
  world.feed(1);
  world.stop();
  CHECK(world.last() == row(4));
}

TEST_CASE("start: a second instance on the same directory is refused") {
  World world;
  REQUIRE(world.machine.disk().make_directories("/data"));
  auto other = world.machine.disk().lock("/data/LOCK", "other\n");
  REQUIRE(other);
  CHECK(world.refusal().contains("another instance runs on /data; stop it with `tidemark stop`"));
  other->reset();
  world.boot();
}

TEST_CASE("start: state without its lineage file is refused, and --from none sets it aside") {
  World world;
  world.boot();
  world.feed(3);
  world.crash();
  world.machine.disk().erase("/data/lineage");
  CHECK(world.refusal().contains("begin anew with `tidemark run --from none`"));
  CHECK(world.refusal().contains("/data/lineage is missing"));  // refusing changes nothing
  world.boot({}, {.from = {StartPoint::Kind::none, {}}});
  CHECK_FALSE(world.files_under("data/previous/journal").empty());
}

TEST_CASE("start: --from none counts from nothing once, not again when a service manager repeats it") {
  World world;
  world.boot();
  world.feed(3);
  world.stop();
  const BootOptions from_none{.from = {StartPoint::Kind::none, {}}};
  world.peer = SimulatedPeer("p", "127.0.0.1:9999");
  world.boot({}, from_none);
  world.feed(2);
  CHECK(world.last() == row(2));
  world.crash();
  world.boot({}, from_none);
  world.feed(1);
  CHECK(world.last() == row(3));
  world.stop();  // a clean stop ends it: then it means what it says again
  world.peer = SimulatedPeer("p", "127.0.0.1:9999");
  world.boot({}, from_none);
  world.feed(1);
  world.stop();
  CHECK(world.last() == row(1));
}

TEST_CASE("start: a damaged lineage file is refused, naming it and --from none") {
  World world;
  world.boot();
  world.feed(1);
  world.crash();
  world.damage("data/lineage");
  const std::string refusal = world.refusal();
  CHECK(refusal.contains("/data/lineage"));
  CHECK(refusal.contains("tidemark run --from none"));
}

TEST_CASE("start: of a damaged newest checkpoint the log speaks, and the one before it is taken") {
  for (const char* what : {"manifest", "segment"}) {
    CAPTURE(what);
    World world;
    world.boot();
    world.feed(2);
    REQUIRE(world.machine.create_checkpoint());
    world.feed(2);
    const auto second = world.machine.create_checkpoint();
    REQUIRE(second);
    world.feed(1);
    world.crash();
    const Lines segments = world.files_under("data/checkpoints/shared/");
    world.damage(std::string(what) == "manifest" ? format("data/checkpoints/{}/manifest", to_text(*second))
                                                 : segments.back());
    world.boot();
    CHECK(world.machine.log().contains(to_text(*second) + " is damaged"));
    world.feed(1);
    world.stop();
    CHECK(world.last() == row(6));
    CHECK(world.rows() == 6);
  }
}

TEST_CASE("start: when no checkpoint verifies it refuses, naming verify and --from none") {
  World world;
  world.boot();
  world.feed(2);
  world.stop();
  for (const std::string& path : world.files_under("data/checkpoints/chk-")) world.damage(path);
  const std::string refusal = world.refusal();
  CHECK(refusal.contains("tidemark checkpoint verify"));
  CHECK(refusal.contains("tidemark run --from none"));
}

TEST_CASE("start: a gap between checkpoint and journal is refused, and --abandon-replay goes on without") {
  World world;
  const Config config{.checkpoint = "interval = \"1h\"", .journal = "sync = \"0s\"\nmax_size = \"1MiB\""};
  world.boot(config);
  world.feed(10);
  REQUIRE(world.machine.create_checkpoint());
  // Several segments after the checkpoint, hard to compress.
  FakeRandom random(1);
  for (int i = 0; i < 200; ++i) {
    std::string pad;
    for (int c = 0; c < 3500; ++c) pad.push_back(static_cast<char>('a' + random.below(26)));
    world.feed(1, pad);
  }
  world.crash();
  const Lines segments = world.files_under("data/journal/");
  REQUIRE(segments.size() >= 2);
  world.machine.disk().erase(segments.front());
  const std::string refusal = world.refusal(config);
  CHECK(refusal.contains("/data/journal"));
  CHECK(refusal.contains("chk-1 ends at"));
  CHECK(refusal.contains("--abandon-replay"));
  // What is gone cannot be remembered: the peer is asked for it again.
  world.peer = SimulatedPeer("p", "127.0.0.1:9999");
  world.boot(config, {.abandon_replay = true});
  CHECK(world.machine.appliance().status().timeline == Timeline{2});
  world.feed(12);
  world.stop();
  CHECK(world.last() == row(12));
}

// interface: run --abandon-replay
TEST_CASE("start: --abandon-replay gives up what followed the checkpoint for good, also over a crash") {
  World world;
  const Config config{.checkpoint = "interval = \"1h\""};
  world.boot(config);
  world.feed(2);
  REQUIRE(world.machine.create_checkpoint());
  world.feed(3);
  world.crash();
  world.boot(config, {.abandon_replay = true});
  world.feed(1);
  CHECK(world.last() == row(3));
  world.crash();
  world.boot(config, {.abandon_replay = true});  // given again by a service manager: nothing more is given up
  world.feed(1);
  world.stop();
  CHECK(world.last() == row(4));
  world.boot(config);
  world.feed(1);
  world.stop();
  CHECK(world.last() == row(5));
  CHECK(world.rows() == 5 + 3);  // the five of timeline 1 stay, then 3, 4 and 5
}

TEST_CASE(
    "start: entries of an earlier configuration are replayed under it, then the present one takes over") {
  World world;
  const Config before{.checkpoint = "interval = \"1h\""};
  Config after = before;
  after.select = "count(*) AS total";
  world.boot(before);
  world.feed(2);
  REQUIRE(world.machine.create_checkpoint());
  world.feed(1);
  world.crash();
  world.boot(after);
  world.feed(1);
  CHECK(world.last() == R"({"k":"a","total":4})");
  world.crash();  // before the first checkpoint under the new configuration
  world.boot(after);
  world.feed(1);
  world.stop();
  CHECK(world.last() == R"({"k":"a","total":5})");
  CHECK(world.rows() == 5);
}

TEST_CASE("start: a changed configuration before the very first checkpoint is taken over as well") {
  World world;
  const Config before{.checkpoint = "interval = \"1h\""};
  Config after = before;
  after.select = "count(*) AS total";
  world.boot(before);
  world.feed(2);
  world.crash();
  world.boot(after);
  world.feed(1);
  world.stop();
  CHECK(world.last() == R"({"k":"a","total":3})");
  CHECK(world.rows() == 3);
}

TEST_CASE("start: state of a pipeline that is gone is refused, naming its uid") {
  World world;
  world.boot();
  world.feed(2);
  world.stop();
  Config renamed;
  renamed.pipeline = "other";
  const std::string refusal = world.refusal(renamed);
  CHECK(refusal.contains("pipeline \"counts\" has state of 1 keys and is not in the configuration"));
  CHECK(refusal.contains("uid \"counts\""));
  CHECK(refusal.contains("tidemark state drop counts"));
  CHECK(refusal.contains("--allow-non-restored-state"));
  world.boot(renamed, {.allow_non_restored_state = true});
  world.feed(1);
  CHECK(world.last() == row(1));
  world.stop();
  world.boot(renamed);
}

TEST_CASE("start: --from of a checkpoint replays what followed it, and an unknown one is refused") {
  World world;
  const Config config{.checkpoint = "interval = \"1h\"\nretain = 5"};
  world.boot(config);
  world.feed(2);
  const auto first = world.machine.create_checkpoint();
  REQUIRE(first);
  world.feed(2);
  REQUIRE(world.machine.create_checkpoint());
  world.feed(2);
  world.stop();
  CHECK(world.refusal(config, {.from = {StartPoint::Kind::checkpoint, CheckpointId{77}}})
            .contains("tidemark checkpoint list"));
  world.boot(config, {.from = {StartPoint::Kind::checkpoint, *first}});
  CHECK(world.machine.log().contains("running, resumed from chk-1, 4 entries replayed"));
  world.feed(1);
  world.stop();
  CHECK(world.last() == row(7));
  CHECK(world.rows() == 7);
}

TEST_CASE("start: --from of a checkpoint, given again by a service manager, goes back once") {
  World world;
  const Config config{.checkpoint = "interval = \"1h\"\nretain = 2"};
  world.boot(config);
  world.feed(2);
  const auto first = world.machine.create_checkpoint();
  REQUIRE(first);
  world.feed(2);
  REQUIRE(world.machine.create_checkpoint());
  world.stop();
  const BootOptions from{.from = {StartPoint::Kind::checkpoint, *first}};
  world.boot(config, from);
  world.feed(1);
  // Its checkpoints push the one that was named out of retention.
  for (int i = 0; i < 3; ++i) REQUIRE(world.machine.create_checkpoint());
  world.feed(1);
  world.crash();
  world.machine.log().clear();
  world.boot(config, from);
  CHECK(world.machine.log().contains("`run --from chk-1` was obeyed by an earlier start"));
  CHECK_FALSE(world.machine.log().contains("resumed from chk-1"));
  world.feed(1);
  world.stop();
  CHECK(world.last() == row(7));
  CHECK(world.rows() == 7);
  // A clean stop ends it: now the command line means what it says.
  CHECK(world.refusal(config, from).contains("there is no chk-1"));
}

TEST_CASE("start: without a journal --from of an older checkpoint is refused, with the ways out") {
  World world;
  const Config config{.checkpoint = "interval = \"500ms\"\nretain = 5", .journal = "enabled = false"};
  world.boot(config);
  world.machine.advance(600ms);
  world.peer.measure(R"({"k":"a"})");
  world.peer.turn();
  world.machine.advance(600ms);
  world.stop();
  const std::string refusal =
      world.refusal(config, {.from = {StartPoint::Kind::checkpoint, CheckpointId{1}}});
  CHECK(refusal.contains("the journal is switched off"));
  CHECK(refusal.contains("`tidemark restore chk-1 --discard-later`"));
}

TEST_CASE("start: checkpoints that were removed are missed in the log; the journal makes up for them") {
  World world;
  const Config config{.checkpoint = "interval = \"1h\""};
  world.boot(config);
  world.feed(2);
  REQUIRE(world.machine.create_checkpoint());
  world.feed(1);
  world.crash();
  CHECK_FALSE(world.machine.log().contains("Were they removed?"));
  for (const std::string& path : world.files_under("data/checkpoints/")) world.machine.disk().erase(path);
  world.boot(config);
  CHECK(world.machine.log().contains("Were they removed?"));
  world.feed(1);
  CHECK(world.last() == row(4));
  CHECK(world.rows() == 4);
}

TEST_CASE("start: a source of another type under the same name begins with an empty memory, and says so") {
  World world;
  const Config config{};
  world.boot(config);
  world.feed(2);
  world.stop();
  world.machine.disk().put("/data/in.json", "{\"k\":\"a\"}\n");
  std::string text = config.text();
  const std::string tcp = "type = \"tcp\"\nlisten = \"127.0.0.1:9999\"\nack = true\n";
  text.replace(text.find(tcp), tcp.size(), "type = \"file\"\npath = \"/data/in.json\"\n");
  const Status booted = world.machine.boot(text);
  REQUIRE_MESSAGE(booted, booted.error().message);
  CHECK(world.machine.log().contains("it was of type \"tcp\" when chk-"));
  world.machine.advance(1s);
  CHECK(world.last() == row(3));
}

TEST_CASE("start: damage in the middle of the journal is refused, a torn end is not") {
  World world;
  const Config config{.checkpoint = "interval = \"1h\""};
  world.boot(config);
  for (int i = 0; i < 5; ++i) world.feed(3);
  world.crash(Loss::none);
  const std::string segment = world.files_under("data/journal/").front();
  std::string good = world.machine.disk().content(segment);
  good.resize(good.find_last_not_of('\0') + 1);  // zeros stand ahead of the next block
  world.machine.disk().put(segment, good + std::string(100, 'x'));
  world.boot(config);
  world.crash(Loss::none);
  std::string bad = good;
  bad[good.size() / 2] = static_cast<char>(bad[good.size() / 2] ^ 1);
  world.machine.disk().put(segment, bad);
  const std::string refusal = world.refusal(config);
  CHECK(refusal.contains(segment));
  CHECK(refusal.contains("--abandon-replay"));
}

TEST_CASE("start: a segment removed from the journal's end is noticed, by what a sink holds") {
  World world;
  const Config config{.checkpoint = "interval = \"1h\""};
  world.boot(config);
  world.feed(2);
  REQUIRE(world.machine.create_checkpoint());
  world.crash();
  world.boot(config);
  world.feed(3);
  world.machine.advance(1s);  // the sink has them
  world.crash();
  world.machine.disk().erase(world.files_under("data/journal/").back());
  CHECK(world.refusal(config).contains("--abandon-replay"));
}

// Results that fill so many bytes: no two alike, since what is alike takes no room.
void measure_without_journal(World& world, std::uint64_t bytes) {
  Config config{.checkpoint = "interval = \"1h\"", .journal = "enabled = false"};
  config.select = "last(pad) AS pad";
  world.boot(config);
  REQUIRE(world.machine.create_checkpoint());  // the peer's introduction is answered
  FakeRandom random(5);
  for (std::uint64_t made = 0; made < bytes; made += 3500) {
    std::string pad;
    while (pad.size() < 3500) pad += format("{:016x}", random.next());
    world.peer.measure(R"({"k":"a","pad":")" + pad + "\"}");
  }
  for (int i = 0; i < 200; ++i) {
    world.peer.turn(100);
    world.machine.advance(10ms);
  }
}

TEST_CASE("journal off: results that fill the memory before a sink do not wait for the interval") {
  World world;
  measure_without_journal(world, 3 * Delivery::kMemory);
  CHECK(world.peer.memory().acknowledged > 3 * Delivery::kMemory / 3500 / 2);
}

TEST_CASE("journal off: results begin to leave before they fill the memory") {
  World world;
  measure_without_journal(world, Delivery::kFilling + Delivery::kFilling / 2);
  CHECK(world.machine.appliance().status().checkpoint.completed > 1);
}

TEST_CASE(
    "disk full: the ballast makes room for a checkpoint, and with it for the journal; nothing is lost") {
  for (const char* store : {"files", "sqlite"}) {
    World world;
    FaultFiles& disk = world.machine.disk();
    Config config{.checkpoint = format("interval = \"1h\"\nretain = 2\nstore = \"{}\"", store)};
    config.limits = "min_free = \"100KiB\"";
    world.boot(config);
    world.machine.advance(61s);
    world.feed(50, std::string(2000, 'x'));
    REQUIRE(world.machine.create_checkpoint());
    world.machine.advance(1s);
    REQUIRE(disk.exists("/data/ballast"));
    world.feed(50, std::string(2000, 'y'));
    std::uint64_t used = 0;
    for (const std::string& path : disk.all_files()) used += disk.content(path).size();
    // Somebody else takes the rest of the disk. The records are more than what the journal's segment has
    // ahead.
    disk.quota(used);
    std::string noise;
    for (std::uint64_t n = 1; noise.size() < 200'000; n = n * 6364136223846793005u + 1442695040888963407u)
      noise += format("{:016x}", n);
    for (std::size_t i = 0; i < 60; ++i)
      world.peer.measure(R"({"k":"a","pad":")" + noise.substr(i * 3000, 3000) + "\"}");
    world.peer.turn();
    CHECK(world.machine.run_until([&] {
      world.peer.turn();
      return world.peer.all_acknowledged();
    }));
    CHECK(world.machine.log().contains("/data/ballast is given up"));
    CHECK_FALSE(disk.exists("/data/ballast"));
    CHECK(world.machine.run_until([&] {
      const StatusReport status = world.machine.appliance().status();
      return status.checkpoint.position == status.journal.durable;
    }));
    disk.heal();
    world.machine.advance(2s);
    world.feed(1);
    CHECK(world.last() == row(161));
    REQUIRE(world.machine.create_checkpoint());
    world.machine.advance(1s);
    CHECK(disk.exists("/data/ballast"));  // for the next time
  }
}

TEST_CASE("stop: on_stop = delete forgets everything at the user's own command, and nothing at a signal") {
  World world;
  const Config config{.checkpoint = "interval = \"1s\"\non_stop = \"delete\""};
  world.boot(config);
  world.feed(2);
  world.stop();
  world.boot(config);
  world.feed(1);
  CHECK(world.last() == row(3));
  REQUIRE(world.machine.stop(true));
  CHECK(world.files_under("data/journal").empty());
  CHECK(world.files_under("data/checkpoints").empty());
  world.peer = SimulatedPeer("p", "127.0.0.1:9999");
  world.boot(config);
  world.feed(1);
  world.stop();
  CHECK(world.last() == row(1));
}

TEST_CASE("stop: during the start it ends the start") {
  Machine machine;
  const auto settings = settings_of(Config().text());
  REQUIRE(settings);
  REQUIRE(machine.boot(*settings));
  REQUIRE(machine.stop());
}

TEST_CASE(
    "journal off: results leave with their checkpoint, peers are told with it, and a clean stop delivers "
    "all") {
  World world;
  const Config config{.checkpoint = "interval = \"500ms\"", .journal = "enabled = false"};
  world.boot(config);
  world.machine.advance(600ms);  // a checkpoint covers the introduction
  for (int i = 0; i < 3; ++i) world.peer.measure(R"({"k":"a"})");
  world.peer.turn();
  world.machine.advance(200ms);
  world.peer.turn();
  CHECK(world.rows() == 0);
  CHECK(world.peer.memory().acknowledged == 0);
  world.machine.advance(400ms);
  world.peer.turn();
  CHECK(world.peer.all_acknowledged());
  CHECK(world.rows() == 3);
  world.peer.measure(R"({"k":"a"})");
  world.peer.turn();
  world.machine.advance(10ms);
  world.stop();
  CHECK(world.last() == row(4));
}

TEST_CASE("journal switched off and on again: nothing is lost, and no gap is found") {
  World world;
  Config off;
  off.journal = "enabled = false";
  world.boot();
  world.feed(2);
  world.crash();
  world.boot(off);
  world.feed(2);
  world.stop();
  CHECK(world.files_under("data/journal/").empty());
  world.boot();
  world.feed(1);
  world.crash();
  world.boot();
  world.stop();
  CHECK(world.last() == row(5));
  CHECK(world.rows() == 5);
}

TEST_CASE("an idle appliance writes nothing") {
  World world;
  world.boot();
  world.feed(3);
  world.machine.advance(10s);
  const std::uint64_t operations = world.machine.disk().operations();
  world.machine.advance(24h);
  CHECK(world.machine.disk().operations() == operations);
}

TEST_CASE(
    "startup: a sink that cannot work with its table refuses the start, named once, and nothing is lost") {
  Config config;
  config.sink = "type = \"sqlite\"\npath = \"out.db\"\ntable = \"t\"\nmode = \"upsert\"";
  World world;
  world.boot(config);
  world.feed(3);
  world.stop();
  config.sink = "type = \"sqlite\"\npath = \"out.db\"\ntable = \"_odd\"\nmode = \"upsert\"";
  // Somebody's table without the UNIQUE, as the next start finds it.
  {
    const SqliteVfs vfs(world.machine.disk());
    auto database = make_sqlite_opener(vfs.name())->open("/data/out.db", {});
    REQUIRE(database);
    REQUIRE((*database)->execute("CREATE TABLE _odd (k, n)"));
  }
  const std::string refusal = world.refusal(config);
  CHECK(refusal.find("sink \"out\": /data/out.db: table \"_odd\"") != std::string::npos);
  CHECK(refusal.find("CREATE UNIQUE INDEX \"_odd_identity\" ON \"_odd\" (\"k\");") != std::string::npos);
  config.sink = "type = \"sqlite\"\npath = \"out.db\"\ntable = \"t\"\nmode = \"upsert\"";
  world.boot(config);
  world.feed(1);
  world.stop();
  CHECK(world.machine.query("/data/out.db", "SELECT n FROM t") == Lines{"4"});
}

}  // namespace
}  // namespace tidemark
