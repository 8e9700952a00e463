// One configuration after another: what state survives a change, what is refused, and what a running instance
// keeps.
#include <doctest/doctest.h>

#include "base/format.h"
#include "pipeline/state_layout.h"
#include "support/line_receiver.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

struct Config {
  std::string checkpoint = "interval = \"1h\"";
  std::string journal = "sync = \"0s\"";
  std::string source = "in";
  std::string pipeline = "counts";
  std::string body = "key_by = [\"k\"]\nselect = [\"count(*) AS n\", \"sum(v) AS s\"]";
  std::string sink = "out";
  std::string path = "out.jsonl";
  std::string more = {};
  std::string text() const {
    return format(R"(
[node]
name = "test"
data_dir = "/data"
[checkpoint]
{}
[journal]
{}
[sources.{}]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
[pipelines.{}]
from = ["{}"]
{}
to = ["{}"]
[sinks.{}]
type = "file"
path = "{}"
flush = "100ms"
{})",
                  checkpoint, journal, source, pipeline, source, body, sink, sink, path, more);
  }
};

struct World {
  Machine machine;
  SimulatedPeer peer{"p", "127.0.0.1:9999"};

  void boot(const Config& config = {}, const BootOptions& options = {}) {
    const Status booted = machine.boot(config.text(), options);
    REQUIRE_MESSAGE(booted, booted.error().message);
    connect();
  }
  void connect() {
    REQUIRE(peer.connect(machine.network()));
    machine.settle();
  }
  void feed(int lines) {
    for (int i = 0; i < lines; ++i) peer.measure(R"({"k":"a","v":2})");
    settle();
  }
  void settle() {
    for (int i = 0; i < 100 && !peer.all_acknowledged(); ++i) {
      peer.turn();
      machine.advance(20ms);
    }
    REQUIRE(peer.all_acknowledged());
    machine.advance(200ms);  // the sink's flush
    CHECK(peer.violations().empty());
  }
  void crash() {
    peer.disconnect();
    machine.crash(Loss::all_unsynced);
  }
  void stop() {
    REQUIRE(machine.stop());
    peer.disconnect();
  }
  std::string last(const std::string& path = "/data/out.jsonl") {
    const auto lines = machine.lines(path);
    return lines.empty() ? "nothing" : lines.back();
  }
  bool degraded(std::string_view text) {
    for (const std::string& reason : machine.appliance().status().degraded)
      if (reason.contains(text)) return true;
    return false;
  }
};

struct Change {
  std::string what;
  Config to;
  std::string refusal;  // part of it; empty: allowed
  std::string row;      // that one more line brings, when it is allowed
};

std::vector<Change> changes() {
  const std::string key = "key_by = [\"k\"]\n";
  std::vector<Change> out;
  out.push_back({"aggregates in another order",
                 {.body = key + "select = [\"sum(v) AS s\", \"COUNT( * ) AS n\"]"},
                 "",
                 R"({"k":"a","s":8,"n":4})"});
  out.push_back(
      {"an aggregate more starts empty",
       {.body = key + "select = [\"max(v) AS m\", \"count(*) AS n\", \"sum(v) AS s\", \"count(v) AS c\"]"},
       "",
       R"({"k":"a","m":2,"n":4,"s":8,"c":1})"});
  out.push_back(
      {"an aggregate less", {.body = key + "select = [\"sum(v) AS s\"]"}, "", R"({"k":"a","s":8})"});
  out.push_back({"another expression over the same aggregates",
                 {.body = key + "select = [\"sum(v) * 10 AS s\", \"count(*) AS n\"]\nhaving = \"n > 3\""},
                 "",
                 R"({"k":"a","s":80,"n":4})"});
  out.push_back({"another filter",
                 {.body = key + "where = \"v > 1\"\nderive = [\"v + 1 AS w\"]\nselect = "
                                "[\"count(*) AS n\", \"sum(v) AS s\"]"},
                 "",
                 R"({"k":"a","n":4,"s":8})"});
  out.push_back({"another name under the same uid",
                 {.pipeline = "renamed", .body = "uid = \"counts\"\n" + Config().body},
                 "",
                 R"({"k":"a","n":4,"s":8})"});
  out.push_back({"another source", {.source = "other"}, "", R"({"k":"a","n":4,"s":8})"});
  out.push_back({"absence instead of counts",
                 {.body = key + "window = { type = \"absence\", timeout = \"1h\" }"},
                 "its window was none and is absence, processing time",
                 ""});
  out.push_back({"another key",
                 {.body = "key_by = [\"k\", \"v\"]\nselect = [\"count(*) AS n\"]"},
                 "key_by was k and is k, v",
                 ""});
  out.push_back(
      {"a window",
       {.body = key + "window = { type = \"tumbling\", size = \"1m\" }\nselect = [\"count(*) AS n\"]"},
       "its window was none and is tumbling of 1m",
       ""});
  for (const auto& [window, is] : std::vector<std::pair<std::string, std::string>>{
           {"type = \"hopping\", size = \"1m\", slide = \"10s\"", "hopping of 1m, slide 10s"},
           {"type = \"cumulating\", size = \"1m\", step = \"10s\"", "cumulating of 1m, step 10s"},
           {"type = \"session\", gap = \"10s\", max = \"1h\"", "session, gap 10s, max 1h"},
           {"type = \"count\", size = 10, slide = 5", "count of 10, slide 5"},
           {"type = \"tumbling\", size = \"1d\", zone = \"+01:00\"",
            "tumbling of 1d, offset 0s, zone +01:00"}})
    out.push_back({"a window of another type",
                   {.body = key + "window = { " + window + " }\nselect = [\"count(*) AS n\"]"},
                   "its window was none and is " + is,
                   ""});
  out.push_back({"no aggregate",
                 {.body = "select = [\"k\"]"},
                 "its window was none and is none, and no aggregate",
                 ""});
  out.push_back({"the pipeline is gone",
                 {.pipeline = "other"},
                 "pipeline \"counts\" has state of 1 keys and is not in the configuration",
                 ""});
  return out;
}

TEST_CASE("evolution: what a change does to the state, over a clean stop") {
  for (const Change& change : changes()) {
    CAPTURE(change.what);
    World world;
    world.boot();
    world.feed(3);
    world.stop();
    if (!change.refusal.empty()) {
      const Status booted = world.machine.boot(change.to.text());
      REQUIRE_FALSE(booted);
      CHECK_MESSAGE(booted.error().message.contains(change.refusal), booted.error().message);
      CHECK(booted.error().message.contains("tidemark state drop counts"));
      CHECK(booted.error().kind == Error::Kind::usage);
      world.boot();  // refusing has changed nothing
      world.feed(1);
      CHECK(world.last() == R"({"k":"a","n":4,"s":8})");
      continue;
    }
    world.boot(change.to);
    if (change.to.source != "in") world.peer = SimulatedPeer("p", "127.0.0.1:9999"), world.connect();
    world.feed(1);
    CHECK(world.last() == change.row);
  }
}

TEST_CASE("evolution: the same over a crash, where the earlier entries are replayed first") {
  for (const Change& change : changes()) {
    CAPTURE(change.what);
    World world;
    world.boot();
    world.feed(2);
    REQUIRE(world.machine.create_checkpoint());
    world.feed(1);
    world.crash();
    if (!change.refusal.empty()) {
      const Status booted = world.machine.boot(change.to.text());
      REQUIRE_FALSE(booted);
      CHECK_MESSAGE(booted.error().message.contains(change.refusal), booted.error().message);
      continue;
    }
    world.boot(change.to);
    if (change.to.source != "in") world.peer = SimulatedPeer("p", "127.0.0.1:9999"), world.connect();
    world.feed(1);
    CHECK(world.last() == change.row);
    CHECK(world.machine.lines("/data/out.jsonl").size() == 4);
  }
}

TEST_CASE("evolution: the same while it runs; a peer of a source that has not changed stays connected") {
  for (const Change& change : changes()) {
    CAPTURE(change.what);
    World world;
    world.boot();
    world.feed(3);
    const Status reloaded = world.machine.reload(change.to.text());
    if (!change.refusal.empty()) {
      REQUIRE_FALSE(reloaded);
      CHECK_MESSAGE(reloaded.error().message.contains(change.refusal), reloaded.error().message);
      CHECK(world.degraded("was read again and refused"));
      world.feed(1);
      CHECK(world.last() == R"({"k":"a","n":4,"s":8})");
      REQUIRE(world.machine.reload(Config().text()));
      CHECK_FALSE(world.degraded("was read again and refused"));
      continue;
    }
    REQUIRE_MESSAGE(reloaded, reloaded.error().message);
    if (change.to.source != "in") world.peer = SimulatedPeer("p", "127.0.0.1:9999"), world.connect();
    world.feed(1);
    CHECK(world.last() == change.row);
    world.crash();
    world.boot(change.to);
    world.feed(1);
    CHECK(world.machine.lines("/data/out.jsonl").size() == 5);
    world.stop();
  }
}

TEST_CASE("reload: keys that only a start can change are named, and nothing is changed") {
  World world;
  world.boot();
  const Status reloaded = world.machine.reload(
      Config{.journal = "sync = \"5s\"\nmax_size = \"64MiB\"", .path = "other.jsonl"}.text());
  REQUIRE_FALSE(reloaded);
  CHECK(reloaded.error().message == "a change of these needs a restart: journal.max_size, journal.sync");
  world.feed(1);
  CHECK(world.last() == R"({"k":"a","n":1,"s":2})");
  CHECK(world.last("/data/other.jsonl") == "nothing");
}

TEST_CASE("reload: a file that does not hold changes nothing, and status says so") {
  World world;
  world.boot();
  REQUIRE_FALSE(world.machine.reload(Config{.body = "selct = [\"k\"]"}.text()));
  CHECK(world.degraded("unknown key `selct`"));
  world.feed(1);
  CHECK(world.last() == R"({"k":"a","n":1,"s":2})");
}

TEST_CASE("reload: a changed sink is opened anew, what came before stands in the old file") {
  World world;
  world.boot();
  world.feed(2);
  REQUIRE(world.machine.reload(Config{.path = "other.jsonl"}.text()));
  world.feed(1);
  CHECK(world.machine.lines("/data/out.jsonl").size() == 2);
  CHECK(world.machine.lines("/data/other.jsonl").size() == 1);
  CHECK(world.last("/data/other.jsonl") == R"({"k":"a","n":3,"s":6})");
  CHECK(world.machine.appliance().status().configuration_loaded_ns != 0);
}

TEST_CASE("reload: a sink that is away holds nothing up") {
  const auto with_broker = [](const std::string& topic) {
    Config config;
    config.more = format(
        "[pipelines.alarms]\nfrom = [\"in\"]\nselect = [\"k\"]\nto = [\"alarms\"]\n"
        "[sinks.alarms]\ntype = \"mqtt\"\nurl = \"mqtt://localhost\"\nclient_id = \"tm\"\ntopic = \"{}\"\n",
        topic);
    return config;
  };
  World world;
  world.boot(with_broker("a"));
  world.feed(3);
  const MonotonicTime before = world.machine.now();
  REQUIRE(world.machine.reload(with_broker("b").text()));
  CHECK(world.machine.now() - before < 1s);
  world.feed(1);
  FakeMqtt* const broker = world.machine.mqtt().find("tm");
  REQUIRE(broker != nullptr);
  broker->connected(false);
  for (int i = 0; i < 3; ++i) {
    world.machine.advance(1s);
    broker->take_all_publications();
  }
  REQUIRE(broker->published.size() == 4);
  CHECK(broker->published.front().topic == "b");
  world.stop();
}

TEST_CASE("reload: without a journal too") {
  World world;
  Config before{.checkpoint = "interval = \"200ms\"", .journal = "enabled = false"};
  Config after = before;
  after.body = "key_by = [\"k\"]\nselect = [\"sum(v) AS s\"]";
  world.boot(before);
  world.feed(2);
  REQUIRE(world.machine.reload(after.text()));
  world.feed(1);
  world.machine.advance(1s);
  CHECK(world.last() == R"({"k":"a","s":6})");
  world.crash();
  world.boot(after);
  world.feed(1);
  world.machine.advance(1s);
  CHECK(world.last() == R"({"k":"a","s":8})");
}

// A10.
TEST_CASE("evolution: a fallback past damaged checkpoints goes over two changes of the configuration") {
  const auto run = [](bool damaged) {
    World world;
    const Config first{.checkpoint = "interval = \"1h\"\nretain = 9"};
    Config second = first, third = first;
    second.body = "key_by = [\"k\"]\nselect = [\"sum(v) AS s\", \"max(v) AS m\"]";
    third.body = "key_by = [\"k\"]\nselect = [\"max(v) AS m\", \"count(*) AS n\", \"sum(v) AS s\"]";
    world.boot(first);
    world.feed(2);
    REQUIRE(world.machine.create_checkpoint());
    world.feed(2);
    REQUIRE(world.machine.reload(second.text()));
    world.feed(2);
    REQUIRE(world.machine.create_checkpoint());
    REQUIRE(world.machine.reload(third.text()));
    world.feed(2);
    REQUIRE(world.machine.create_checkpoint());
    world.feed(2);
    world.crash();
    if (damaged)
      for (const std::string& path : world.machine.disk().all_files())
        if (path.contains("/chk-") && !path.contains("/chk-1/")) {
          std::string bytes = world.machine.disk().content(path);
          if (bytes.empty()) continue;
          bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x20);
          world.machine.disk().put(path, bytes);
        }
    world.boot(third);
    if (damaged) CHECK(world.machine.log().contains("running, resumed from chk-1,"));
    world.feed(1);
    world.stop();
    return world.machine.lines("/data/out.jsonl");
  };
  const auto rows = run(false);
  CHECK(rows.size() == 11);
  CHECK(rows.back() == R"({"k":"a","m":2,"n":5,"s":22})");
  CHECK(run(true) == rows);
}

// A11.
TEST_CASE(
    "evolution: an earlier configuration that is gone can be left by --abandon-replay, as the error says") {
  World world;
  world.boot();
  world.feed(2);
  REQUIRE(world.machine.create_checkpoint());
  REQUIRE(world.machine.reload(Config{.body = "key_by = [\"k\"]\nselect = [\"count(*) AS n\"]"}.text()));
  world.feed(2);
  world.crash();
  for (const std::string& path : world.machine.disk().all_files()) {
    if (path.contains("data/config/")) world.machine.disk().erase(path);
    if (path.contains("/chk-") && !path.contains("/chk-1/")) world.machine.disk().erase(path);
  }
  Config present{.body = "key_by = [\"k\"]\nselect = [\"sum(v) AS s\"]"};
  const Status booted = world.machine.boot(present.text());
  REQUIRE_FALSE(booted);
  CHECK_MESSAGE(booted.error().message.contains("tidemark run --abandon-replay"), booted.error().message);
  world.boot(present, {.abandon_replay = true});
  world.feed(1);
  CHECK(world.last() == R"({"k":"a","s":6})");
}

TEST_CASE("evolution: results for a sink that is gone are kept until it is back") {
  World world;
  world.boot();
  world.feed(1);
  REQUIRE(world.machine.create_checkpoint());
  for (int i = 0; i < 2; ++i) world.peer.measure(R"({"k":"a","v":2})");
  world.peer.turn();
  world.machine.advance(20ms);  // durable, and before the sink's flush
  world.crash();
  const Config renamed{.sink = "other", .path = "other.jsonl"};
  world.boot(renamed);
  CHECK(world.machine.log().contains("it is not configured: results for it wait in /data/outbox/out"));
  bool named = false;
  for (const SinkReport& sink : world.machine.appliance().status().sinks)
    named = named || (sink.name == "out" && sink.state == "away" && sink.waiting == 2);
  CHECK(named);
  world.settle();
  world.feed(1);
  CHECK(world.last("/data/other.jsonl") == R"({"k":"a","n":4,"s":8})");
  world.stop();
  world.boot(Config());
  world.feed(1);
  world.stop();
  const auto rows = world.machine.lines("/data/out.jsonl");
  REQUIRE(rows.size() == 4);
  CHECK(rows[1] == R"({"k":"a","n":2,"s":4})");
  CHECK(rows[2] == R"({"k":"a","n":3,"s":6})");
  CHECK(rows[3] == R"({"k":"a","n":5,"s":10})");
}

TEST_CASE("evolution: windows that were forgotten stay forgotten when more lateness is allowed") {
  const auto windowed = [](const std::string& lateness) {
    return Config{
        .body = "key_by = [\"k\"]\nwindow = { type = \"tumbling\", size = \"10s\" }\nallowed_lateness = \"" +
                lateness + "\"\nselect = [\"count(*) AS n\"]"};
  };
  const auto with_time = [](Config config) {
    std::string text = config.text();
    const std::string format_line = "format = \"json\"\n";
    text.insert(text.find(format_line) + format_line.size(),
                "timestamp = { field = \"ts\", format = \"ms\" }\n");
    return text.substr(0, text.find("[sinks.")) +
           "[sinks.out]\ntype = \"sqlite\"\npath = \"out.db\"\ntable = \"t\"\nmode = \"upsert\"\nflush = "
           "\"50ms\"\n";
  };
  World world;
  REQUIRE(world.machine.boot(with_time(windowed("0s"))));
  world.connect();
  const auto event = [&](int second) {
    world.peer.measure(format(R"({{"k":"a","ts":{}}})", 1'740'830'400'000 + second * 1000));
    world.settle();
  };
  const auto windows = [&] {
    return world.machine.query("/data/out.db", "SELECT n FROM t ORDER BY window_start");
  };
  event(1);
  event(2);
  event(25);  // the first window is closed, with two
  CHECK(windows() == std::vector<std::string>{"2"});
  const Status reloaded = world.machine.reload(with_time(windowed("1m")));
  REQUIRE_MESSAGE(reloaded, reloaded.error().message);
  event(3);   // late as before, not a new first window with one
  event(12);  // the second was forgotten too
  CHECK(windows() == std::vector<std::string>{"2"});
  event(35);
  event(21);  // this one corrects what it closed
  CHECK(windows() == std::vector<std::string>{"2", "2"});
}

TEST_CASE("layout: its bytes give it back, and cut bytes do not") {
  const StateLayout layout{.kind = StateLayout::Kind::windowed,
                           .keys = {"k", "lower(d)"},
                           .window = "tumbling of 1m, offset 0s, event time",
                           .pending_flag = true,
                           .allowed_lateness_ns = 5,
                           .aggregates = {"count(*)", "sum(v)"}};
  Encoder out;
  save_layout(layout, out);
  StateLayout read;
  Decoder in(out.view());
  REQUIRE(load_layout(in, read));
  CHECK(in.complete());
  CHECK(read == layout);
  for (std::size_t size = 0; size < out.size(); ++size) {
    Decoder cut(out.view().substr(0, size));
    CHECK_FALSE(load_layout(cut, read));
  }
}

// ---- results that wait when their form changes

// A plant that is away while one configuration follows another.
struct Away : World {
  static Config with(const std::string& columns, const std::string& sink) {
    Config config;
    config.body = "key_by = [\"k\"]\nselect = [\"count(*) AS n\"]";
    config.more = "[pipelines.copies]\nfrom = [\"in\"]\nselect = [" + columns +
                  "]\nto = [\"away\"]\n[sinks.away]\n" + sink;
    return config;
  }
  // What the server or the broker gets, once it is there.
  std::string arrived(bool mqtt) {
    LineReceiver receiver(false);
    receiver.serve(machine.network(), "plant:9999");
    std::string published;
    for (int i = 0; i < 100; ++i) {
      receiver.turn();
      if (mqtt)
        for (const auto& client : machine.mqtt().clients) {
          if (client->alive && client->connecting) client->connected(false);
          if (client->alive) client->take_all_publications();
        }
      machine.advance(100ms);
    }
    for (const auto& client : machine.mqtt().clients)
      for (const auto& publication : client->published)
        published += publication.topic + " " + publication.payload + "\n";
    return receiver.text() + published;
  }
};

TEST_CASE("evolution: results that wait in an earlier form arrive first, over a crash and over a stop") {
  const std::string csv = "type = \"tcp\"\nconnect = \"plant:9999\"\nformat = \"csv\"\n";
  const std::string mqtt = "type = \"mqtt\"\nurl = \"mqtt://localhost\"\ntopic = \"t/{k}\"\n";
  for (const std::string& sink : {csv, mqtt})
    for (const bool stop : {false, true}) {
      CAPTURE(sink);
      CAPTURE(stop);
      Away world;
      world.boot(Away::with("\"k\", \"v\"", sink));
      world.feed(2);
      stop ? world.stop() : world.crash();
      world.boot(Away::with("\"k\", \"v * 10 AS tens\", \"v\"", sink));
      world.feed(1);
      CHECK(world.arrived(sink == mqtt) == (sink == mqtt
                                                ? "t/a {\"k\":\"a\",\"v\":2}\nt/a {\"k\":\"a\",\"v\":2}\n"
                                                  "t/a {\"k\":\"a\",\"tens\":20,\"v\":2}\n"
                                                : "a,2\na,2\na,20,2\n"));
      CHECK_FALSE(world.machine.disk().exists("/data/outbox/away~earlier"));
    }
}

TEST_CASE("evolution: results that the sink can never take refuse the start, with the ways out") {
  const std::string before = "type = \"mqtt\"\nurl = \"mqtt://localhost\"\ntopic = \"t/{k}\"\n";
  const std::string after = "type = \"mqtt\"\nurl = \"mqtt://localhost\"\ntopic = \"t/{line}\"\n";
  Away world;
  world.boot(Away::with("\"k\", \"v\"", before));
  world.feed(2);
  world.crash();
  const Config to = Away::with("\"k\", \"'l1' AS line\"", after);
  const Status refused = world.machine.boot(to.text());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.contains("sink \"away\": results of \"copies\" that wait for it"));
  CHECK(refused.error().message.contains("Run that configuration until they are delivered"));
  SUBCASE("the configuration before is run until they are delivered") {
    world.boot(Away::with("\"k\", \"v\"", before));
    CHECK(world.arrived(true) == "t/a {\"k\":\"a\",\"v\":2}\nt/a {\"k\":\"a\",\"v\":2}\n");
    world.stop();
    world.boot(to);
    world.feed(1);
    CHECK(world.arrived(true) == "t/l1 {\"k\":\"a\",\"line\":\"l1\"}\n");
  }
  SUBCASE("they are given up") {
    world.boot(to, {.allow_non_restored_state = true});
    world.feed(1);
    CHECK(world.arrived(true) == "t/l1 {\"k\":\"a\",\"line\":\"l1\"}\n");
    CHECK(world.machine.log().contains("they are given up"));
  }
}

}  // namespace
}  // namespace tidemark
