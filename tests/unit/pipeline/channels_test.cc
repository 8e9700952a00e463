// Results, late records and dead letters are numbered each by themselves, whatever sink they go to: over a
// crash the numbers go on, and no sink takes the one for the other.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/format.h"
#include "base/json.h"
#include "support/line_receiver.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

using Ids = std::vector<std::string>;

constexpr const char* kSinks[] = {"main", "late", "dead", "letters"};

// One kind of sink, and how its rows are looked at.
struct Kind {
  std::string name;
  std::string table;  // of each of the four; {} stands for its name
  bool once;
};

std::vector<Kind> kinds() {
  return {{"file", "type = \"file\"\npath = \"{}.jsonl\"\nflush = \"10ms\"", true},
          {"sqlite", "type = \"sqlite\"\npath = \"all.db\"\ntable = \"{}\"\nflush = \"10ms\"", true},
          {"tcp with ack", "type = \"tcp\"\nconnect = \"{}:9\"\nack = true", true},
          {"tcp", "type = \"tcp\"\nconnect = \"{}:9\"", false},
          {"mqtt", "type = \"mqtt\"\nurl = \"mqtt://localhost\"\ntopic = \"{}\"", false},
          {"stdout", "type = \"stdout\"", false}};
}

std::string config(const Kind& kind) {
  std::string text = R"(
[node]
name = "test"
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
timestamp = { field = "ts", format = "ms" }
dead_letter_to = "dead"
[pipelines.minutes]
from = ["in"]
key_by = ["k"]
window = { type = "tumbling", size = "1m" }
select = ["count(*) AS n"]
to = ["main"]
late_to = "late"
[pipelines.strict]
from = ["in"]
where = "v + 1 > 0"
select = ["v"]
to = ["nowhere"]
on_error = "dead-letter"
dead_letter_to = "letters"
[pipelines.third]
from = ["in"]
select = ["k"]
to = ["nowhere"]
[sinks.nowhere]
type = "null"
)";
  for (const std::string name : kSinks) {
    std::string table = kind.table;
    for (std::size_t at = table.find("{}"); at != std::string::npos; at = table.find("{}"))
      table.replace(at, 2, name);
    text += format("[sinks.{}]\nids = true\n{}\n", name, table);
  }
  return text;
}

struct World {
  explicit World(Kind its_kind) : kind(std::move(its_kind)) {
    for (const std::string name : kSinks)
      receivers.emplace(name, std::make_unique<LineReceiver>(kind.name == "tcp with ack"));
  }
  void boot() {
    const Status booted = machine.boot(config(kind));
    REQUIRE_MESSAGE(booted, booted.error().message);
    peer.disconnect();
    REQUIRE(peer.connect(machine.network()));
    for (const auto& [name, receiver] : receivers) receiver->serve(machine.network(), name + ":9");
    turn(40);
  }
  void turn(int times) {
    for (int i = 0; i < times; ++i) {
      peer.turn();
      for (const auto& [name, receiver] : receivers) receiver->turn();
      for (const auto& client : machine.mqtt().clients) {
        if (client->alive && client->connecting) client->connected(false);
        if (client->alive) client->take_all_publications();
      }
      machine.advance(50ms);
    }
  }
  // One of each: a minute of `minute` that closes, a record too late for it, one that does not decode and one
  // that one pipeline cannot evaluate.
  void feed(std::int64_t minute) {
    const std::int64_t at = 1'740'830'400'000 + minute * 60'000;
    peer.measure(format(R"({{"k":"a","ts":{},"v":1}})", at));
    peer.measure(format(R"({{"k":"a","ts":{},"v":1}})", at + 60'000));
    peer.measure(format(R"({{"k":"a","ts":{},"v":1}})", at + 1));
    peer.measure("no json");
    peer.measure(format(R"({{"k":"a","ts":{},"v":"x"}})", at + 60'001));
    turn(40);
    REQUIRE(peer.all_acknowledged());
  }
  // The ids that have come to each sink, in order; of this run only where nothing outlives one.
  std::map<std::string, Ids> look() {
    std::map<std::string, Ids> out;
    const auto add = [&](const std::string& sink, const std::string& text) {
      for (std::size_t from = 0; from < text.size();) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        if (const auto row = JsonValue::parse(std::string_view(text).substr(from, end - from)))
          out[sink].emplace_back(row->text_of("_id"));
        from = end + 1;
      }
    };
    for (const std::string name : kSinks) {
      if (kind.name == "file") add(name, machine.file(format("/data/{}.jsonl", name)));
      if (kind.name == "sqlite")
        out[name] = machine.query("/data/all.db", format("SELECT _id FROM \"{}\" ORDER BY rowid", name));
      if (kind.name.starts_with("tcp")) add(name, receivers[name]->text());
    }
    for (const auto& client : machine.mqtt().clients)
      for (const auto& publication : client->published) {
        add(publication.topic, publication.payload);
        CHECK(publication.user_properties.at(0).second == out[publication.topic].back());
      }
    add("stdout", machine.output().text());
    return out;
  }

  Kind kind;
  Machine machine;
  SimulatedPeer peer{"p", "127.0.0.1:9999"};
  std::map<std::string, std::unique_ptr<LineReceiver>> receivers;
};

Ids once(Ids ids) {
  Ids out;
  for (std::string& id : ids)
    if (std::find(out.begin(), out.end(), id) == out.end()) out.push_back(std::move(id));
  return out;
}

std::string joined(const Ids& ids) {
  std::string out;
  for (const std::string& id : ids) out += id + ' ';
  return out;
}

TEST_CASE("results, late records and dead letters are numbered each by themselves, in every kind of sink") {
  const std::map<std::string, Ids> expected = {
      {"main",
       {"test/1/minutes/1", "test/1/minutes/2", "test/1/minutes/3", "test/1/minutes/4", "test/1/minutes/5"}},
      {"late", {"test/1/minutes/1/late", "test/1/minutes/2/late", "test/1/minutes/3/late"}},
      {"dead", {"test/1/in/1/dead", "test/1/in/2/dead", "test/1/in/3/dead"}},
      {"letters", {"test/1/strict/1/dead", "test/1/strict/2/dead", "test/1/strict/3/dead"}}};
  for (const Kind& kind : kinds()) {
    CAPTURE(kind.name);
    World world(kind);
    std::map<std::string, Ids> seen;
    const auto look = [&] {
      const bool outlives = kind.name != "mqtt" && kind.name != "stdout";
      for (auto& [sink, ids] : world.look()) {
        if (outlives) seen[sink].clear();
        seen[sink].insert(seen[sink].end(), ids.begin(), ids.end());
      }
    };
    world.boot();
    world.feed(0);
    look();
    world.machine.crash(Loss::all_unsynced);
    world.boot();
    world.feed(10);
    REQUIRE(world.machine.create_checkpoint());
    look();
    world.machine.crash(Loss::all_unsynced);
    world.boot();
    world.feed(20);
    look();
    if (kind.name == "stdout") {
      Ids all, should;
      for (const auto& [sink, ids] : expected) should.insert(should.end(), ids.begin(), ids.end());
      all = once(seen["stdout"]);
      std::ranges::sort(all);
      std::ranges::sort(should);
      CHECK(all == should);
      continue;
    }
    for (const auto& [sink, ids] : expected) {
      CAPTURE(sink);
      CHECK(joined(kind.once ? seen[sink] : once(seen[sink])) == joined(ids));
    }
    if (kind.name == "sqlite")
      CHECK(world.machine.query("/data/all.db",
                                "SELECT \"table\" || ' ' || substr(channel, 36) || ' ' || number FROM "
                                "_tidemark ORDER BY 1") ==
            Ids{"dead in/dead 3", "late minutes/late 3", "letters strict/dead 3", "main minutes/main 5"});
  }
}

TEST_CASE("several pipelines, late records and two sinks share one database, with a table for each") {
  Machine machine;
  REQUIRE(machine.boot(R"(
[node]
name = "test"
data_dir = "/data"
[journal]
sync = "0s"
[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
[pipelines.counts]
from = ["in"]
key_by = ["k"]
select = ["count(*) AS n"]
to = ["every", "latest"]
[pipelines.sums]
from = ["in"]
key_by = ["k"]
select = ["sum(v) AS total"]
to = ["every"]
[sinks.every]
type = "sqlite"
path = "all.db"
table = "{pipeline}_log"
flush = "10ms"
[sinks.latest]
type = "sqlite"
path = "./all.db"
mode = "upsert"
flush = "10ms"
)"));
  SimulatedPeer peer("p", "127.0.0.1:9999");
  REQUIRE(peer.connect(machine.network()));
  for (int i = 1; i <= 3; ++i) peer.measure(format(R"({{"k":"a","v":{}}})", i));
  for (int i = 0; i < 20; ++i) {
    peer.turn();
    machine.advance(50ms);
  }
  CHECK(machine.query("/data/all.db", "SELECT n FROM counts_log") == Ids{"1", "2", "3"});
  CHECK(machine.query("/data/all.db", "SELECT total FROM sums_log") == Ids{"1", "3", "6"});
  CHECK(machine.query("/data/all.db", "SELECT k || n FROM counts") == Ids{"a3"});
}

}  // namespace
}  // namespace tidemark
