// What windows keep: how much of it, its bytes, what it looks like from outside, and what becomes of it under
// another configuration.
#include <cstdlib>
#include <fstream>
#include <map>

#include "engine_world.h"
#include "pipeline/state_rows.h"
#include "support/source_tree.h"

namespace tidemark {
namespace {

using Lines = std::vector<std::string>;

std::string windowed(const std::string& window, const std::string& keys = "", const char* sink = "rows") {
  return with_source_a(format(R"(
[sinks.rows]
type = "sqlite"
path = "rows.db"
mode = "upsert"
[pipelines.w]
from = ["a"]
key_by = ["k"]
window = {{ {} }}
select = ["count(*) AS n", "sum(v) AS total"]
to = ["{}"]
{}
)",
                              window, sink, keys));
}

struct Kind {
  const char *name, *window, *keys, *sink;
};
constexpr Kind kKinds[] = {
    {"tumbling", "type = \"tumbling\", size = \"10s\"", "", "rows"},
    {"tumbling-early", "type = \"tumbling\", size = \"10s\"", "emit = \"every 1h\"", "rows"},
    {"hopping", "type = \"hopping\", size = \"10s\", slide = \"4s\"", "", "rows"},
    {"hopping-early", "type = \"hopping\", size = \"10s\", slide = \"4s\"", "emit = \"every 1h\"", "rows"},
    {"cumulating", "type = \"cumulating\", size = \"20s\", step = \"5s\"", "", "rows"},
    {"session", "type = \"session\", gap = \"10s\", max = \"1m\"", "", "rows"},
    {"session-early", "type = \"session\", gap = \"10s\", max = \"1m\"", "emit = \"every 1h\"", "rows"},
    {"count", "type = \"count\", size = 6, slide = 2", "", "out"},
};

// What a checkpoint would hold of the pipeline's entries.
std::string snapshot(EngineWorld& world) {
  EntryTable& table = *world.engine->tables().front().table;
  std::string rows;
  table.begin_snapshot({});
  while (!table.capture(rows, 1 << 20)) {
  }
  table.complete_snapshot();
  return rows;
}

std::map<std::string, std::string> rows_by_key(std::string_view snapshot) {
  std::map<std::string, std::string> out;
  Decoder in(snapshot);
  Row row;
  while (take_row(in, row)) out[std::string(row.key)] = row.payload;
  return out;
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes)
    for (const int digit : {static_cast<unsigned char>(c) >> 4, c & 0xf}) out += "0123456789abcdef"[digit];
  return out;
}

void feed(EngineWorld& world) {
  for (const auto& [at, key] :
       std::vector<std::pair<Duration, std::string>>{{1s, "a"}, {3s, "b"}, {6s, "a"}, {7s, "a"}, {8s, "b"}})
    world.event(at, key, static_cast<int>(at / 1s));
}

TEST_CASE("windows: entries are the bytes that version 1 wrote") {
  std::string now;
  for (const Kind& kind : kKinds) {
    EngineWorld world(windowed(kind.window, kind.keys, kind.sink));
    feed(world);
    for (const auto& [key, payload] : rows_by_key(snapshot(world)))
      now += format("{} {} {}\n", kind.name, hex(key), hex(payload));
  }
  const std::string path = source_tree() + "/tests/golden/v1/window-entries.txt";
  if (std::getenv("TIDEMARK_WRITE_GOLDEN")) std::ofstream(path) << now;
  std::ifstream file(path);
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  CHECK_FALSE(golden.empty());
  CHECK(now == golden);
}

// "a 0 4 n=1", times in seconds after the beginning.
Lines shown_state(const Kind& kind) {
  EngineWorld world(windowed(kind.window, kind.keys, kind.sink));
  feed(world);
  StateRows rows(world.plan->pipelines.front());
  Lines lines;
  for (const auto& [key, payload] : rows_by_key(snapshot(world))) {
    const auto row = rows.row(key, payload);
    REQUIRE(row);
    const auto second = [](const Value& time) {
      return time.as_integer() / 1'000'000'000 - EngineWorld::kBeginMs / 1000;
    };
    lines.push_back(format("{} {} {} {} {}", (*row)[0].as_text(), second((*row)[1]), second((*row)[2]),
                           (*row)[3].as_integer(), (*row)[4].as_integer()));
  }
  return lines;
}

TEST_CASE("windows: state is shown by window, session, or the pieces that windows share") {
  CHECK(shown_state(kKinds[1]) == Lines{"a 0 10 3 14", "b 0 10 2 11"});
  CHECK(shown_state(kKinds[2]) == Lines{"a 0 2 1 1", "b 2 4 1 3", "a 6 8 2 13", "b 8 10 1 8"});
  CHECK(shown_state(kKinds[4]) == Lines{"a 0 5 1 1", "b 0 5 1 3", "a 5 10 2 13", "b 5 10 1 8"});
  CHECK(shown_state(kKinds[6]) == Lines{"a 1 17 3 14", "b 3 18 2 11"});
  CHECK(shown_state(kKinds[7]) == Lines{"a 1 6 2 7", "b 3 8 2 11", "a 7 7 1 7"});
}

// An hour in steps of a second has 3600 windows over each record.
TEST_CASE("windows: a hopping window's state and increments do not grow with size / slide") {
  const auto of = [](const std::string& window) {
    EngineWorld world(windowed(window));
    for (int i = 0; i < 200; ++i) world.event(std::chrono::seconds(i), format("k{}", i % 20));
    const std::size_t entries = world.engine->tables().front().table->size();
    const std::size_t base = snapshot(world).size();
    world.event(200s, "k0");
    const std::string increment = snapshot(world);
    return std::tuple(entries, base, rows_by_key(increment).size(), increment.size());
  };
  const auto fine = of("type = \"hopping\", size = \"1h\", slide = \"1s\"");
  CHECK(fine == of("type = \"hopping\", size = \"5m\", slide = \"1s\""));
  CHECK(std::get<0>(fine) == 200);
  CHECK(std::get<2>(fine) == 1);
}

// Every result of a long window merges thousands of panes.
TEST_CASE("windows: a record out of order changes what was put together already") {
  EngineWorld world(
      windowed("type = \"hopping\", size = \"100s\", slide = \"1s\"", "allowed_lateness = \"1h\""));
  for (int i = 0; i < 300; ++i) world.event(std::chrono::seconds(i), "a");
  world.output.take();
  world.event(210s, "a", 1000);
  // The windows that end at 211 … 299 and hold it.
  const Lines corrected = world.output.take();
  REQUIRE(corrected.size() == 89);
  CHECK(corrected.back() == format("w a {} {} 101 1100", EngineWorld::second(199), EngineWorld::second(299)));
  world.event(300s, "a");
  CHECK(world.output.take() ==
        Lines{format("w a {} {} 101 1100", EngineWorld::second(200), EngineWorld::second(300))});
}

TEST_CASE("windows: a session whose result has left is withdrawn where it becomes a part of another") {
  EngineWorld world(
      windowed("type = \"session\", gap = \"10s\"", "allowed_lateness = \"1h\"\nhaving = \"n > 0\""));
  const auto line = [](int start, int end, const std::string& rest) {
    return format("w a {} {} {}", EngineWorld::second(start), EngineWorld::second(end), rest);
  };
  world.event(0s, "a");
  world.event(15s, "a");
  world.event(60s, "z");
  CHECK(world.output.take() == Lines{line(0, 10, "1 1"), line(15, 25, "1 1")});
  world.event(8s, "a");  // joins the two
  CHECK(world.output.take() == Lines{line(15, 15, "0 NULL"), line(0, 25, "3 3")});
  world.event(30s, "a");
  CHECK(world.output.take() == Lines{line(30, 40, "1 1")});
  world.event(29s, "a");  // it begins earlier
  CHECK(world.output.take() == Lines{line(30, 30, "0 NULL"), line(29, 40, "2 2")});
}

TEST_CASE("windows: an upsert sink knows a session by its key and start") {
  EngineWorld sessions(windowed("type = \"session\", gap = \"10s\""));
  CHECK(sessions.plan->pipelines.front().main.identity == 2);
  EngineWorld hopping(windowed("type = \"hopping\", size = \"10s\", slide = \"5s\""));
  CHECK(hopping.plan->pipelines.front().main.identity == 3);
}

TEST_CASE("windows: keys beyond max_keys are refused, whatever the window") {
  for (const Kind& kind : kKinds) {
    CAPTURE(kind.name);
    EngineWorld world(windowed(kind.window, std::string(kind.keys) + "\nmax_keys = 2", kind.sink));
    for (const char* key : {"a", "b", "c", "a"}) world.event(1s, key);
    CHECK(world.engine->pipeline_counters(0).refused == 1);
    CHECK(world.engine->tables().front().table->size() == 2);
  }
}

TEST_CASE("windows: after the last one has closed nothing is kept") {
  for (const Kind& kind : kKinds) {
    if (std::string_view(kind.name) == "count") continue;
    CAPTURE(kind.name);
    EngineWorld world(windowed(kind.window, kind.keys, kind.sink));
    for (int i = 0; i < 50; ++i) world.event(std::chrono::seconds(i), format("k{}", i % 7));
    world.entry(EntryKind::drain, 60s, "");
    CHECK(world.engine->tables().front().table->size() == 0);
  }
}

}  // namespace
}  // namespace tidemark
