#include "engine_world.h"

namespace tidemark {
namespace {

using Lines = std::vector<std::string>;

constexpr const char* kWindows = R"(
[pipelines.w]
from = ["a"]
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
select = ["count(*) AS n"]
to = ["out"]
late_to = "late"
)";

std::string window_row(const std::string& pipeline, const std::string& key, std::int64_t start, int n) {
  return format("{} {} {} {} {}", pipeline, key, EngineWorld::second(start), EngineWorld::second(start + 10),
                n);
}

TEST_CASE("engine: a window closes when the watermark reaches its end, and its rows come in key order") {
  EngineWorld world(with_source_a(kWindows));
  for (const char* key : {"c", "a", "b", "a"}) world.event(1s, key);
  world.event(9999ms, "a");
  CHECK(world.output.lines.empty());
  world.event(10s, "z");
  CHECK(world.output.take() ==
        Lines{window_row("w", "a", 0, 3), window_row("w", "b", 0, 1), window_row("w", "c", 0, 1)});
}

TEST_CASE("engine: a record is late when its window has closed, and goes where late ones go") {
  EngineWorld world(with_source_a(kWindows));
  world.event(11s, "a");
  world.event(5s, "b");
  CHECK(world.output.take() == Lines{"w/late b"});
  CHECK(world.engine->pipeline_counters(0).late == 1);
}

TEST_CASE("engine: within the allowed lateness a record corrects the result at once, after it nothing does") {
  EngineWorld world(with_source_a(R"(
[sinks.rows]
type = "sqlite"
path = "rows.db"
mode = "upsert"
[pipelines.w]
from = ["a"]
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
allowed_lateness = "20s"
select = ["count(*) AS n"]
to = ["rows"]
late_to = "late"
)"));
  world.event(1s, "a");
  world.event(12s, "z");
  CHECK(world.output.take() == Lines{window_row("w", "a", 0, 1)});
  world.event(2s, "a");
  world.event(3s, "new");
  CHECK(world.output.take() == Lines{window_row("w", "a", 0, 2), window_row("w", "new", 0, 1)});
  world.event(29s, "z");
  world.output.take();
  world.event(4s, "a");
  CHECK(world.output.take() == Lines{window_row("w", "a", 0, 3)});
  world.event(30s, "z");
  world.output.take();
  CHECK(world.engine->pipeline_table(0)->size() == 3);  // only z, in three later windows
  world.event(4s, "a");
  CHECK(world.output.take() == Lines{"w/late a"});
}

TEST_CASE("engine: the watermark of a pipeline is the smallest of its sources, idle ones left out") {
  EngineWorld world(with_source_a(R"(
[sources.b]
type = "tcp"
listen = "127.0.0.1:9002"
format = "json"
timestamp = { field = "ts", format = "ms" }
idle_after = "30s"
[pipelines.w]
from = ["a", "b"]
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
select = ["count(*) AS n"]
to = ["out"]
)"));
  world.event(1s, "x", 1, "a");
  world.event(25s, "x", 1, "a");
  CHECK(world.output.lines.empty());  // b has said nothing and holds the watermark
  CHECK(world.engine->next_due() == EngineWorld::begin + 31s);
  world.tick(31s);
  CHECK(world.output.take() == Lines{window_row("w", "x", 0, 1)});
  world.event(32s, "x", 1, "b");  // b is back, with an event time of 32 s
  CHECK(world.output.lines.empty());
  world.event(33s, "x", 1, "a");
  CHECK(world.output.take() == Lines{window_row("w", "x", 20, 1)});
}

TEST_CASE("engine: what is late because a source fell idle is late whether a window waited for it or not") {
  const auto run = [](const char* beside) {
    EngineWorld world(with_source_a(std::string(R"(
[sources.b]
type = "tcp"
listen = "127.0.0.1:9002"
format = "json"
timestamp = { field = "ts", format = "ms" }
idle_after = "30s"
[pipelines.w]
from = ["a", "b"]
where = "v = 1"
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
select = ["count(*) AS n"]
to = ["out"]
late_to = "late"
)") + beside));
    world.event(1s, "x", 2, "b");
    world.event(25s, "x", 2, "a");
    world.record(40s, EngineWorld::json(8s, "back", 1), "b");  // idle since 31 s
    return world.output.take();
  };
  CHECK(run("") == Lines{"w/late back 1"});
  CHECK(run(R"(
[pipelines.other]
from = ["a"]
window = { type = "tumbling", size = "1h" }
select = ["count(*) AS n"]
to = ["out"]
)") == Lines{"w/late back 1"});
}

TEST_CASE("engine: records that pass by the clock keep their event time for pipelines that read them") {
  for (const char* upstream : {"key_by = [\"k\"]\nselect = [\"count(*) AS n\", \"last(v) AS v\"]",
                               "select = [\"k\", \"v\"]", "key_by = [\"k\"]\nselect = [\"lag(v) AS v\"]",
                               "key_by = [\"k\"]\nwindow = { type = \"count\", size = 1 }\n"
                               "select = [\"last(v) AS v\"]"}) {
    CAPTURE(upstream);
    EngineWorld world(with_source_a(format(R"(
[pipelines.by_clock]
from = ["a"]
time = "processing"
{}
[pipelines.w]
from = ["by_clock"]
key_by = ["k"]
window = {{ type = "tumbling", size = "10s" }}
select = ["count(*) AS n"]
to = ["out"]
late_to = "late"
)",
                                           upstream)));
    // Collected elsewhere, it arrives a minute later.
    world.record(60s, EngineWorld::json(1s, "x"));
    world.record(61s, EngineWorld::json(2s, "x"));
    CHECK(world.output.take() == Lines{});
    world.record(62s, EngineWorld::json(12s, "x"));
    CHECK(world.output.take() == Lines{window_row("w", "x", 0, 2)});
  }
}

TEST_CASE("engine: a source that has ended no longer holds the watermark") {
  EngineWorld world(with_source_a(R"(
[sources.b]
type = "tcp"
listen = "127.0.0.1:9002"
format = "json"
timestamp = { field = "ts", format = "ms" }
[pipelines.w]
from = ["a", "b"]
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
select = ["count(*) AS n"]
to = ["out"]
)"));
  world.event(1s, "x", 1, "b");
  world.event(12s, "x", 1, "a");
  CHECK(world.output.lines.empty());
  world.entry(EntryKind::source_ended, 13s, "", "b");
  CHECK(world.output.take() == Lines{window_row("w", "x", 0, 1)});
}

TEST_CASE("engine: results of one entry come pipeline by pipeline, what is read before what reads it") {
  EngineWorld world(with_source_a(R"(
[pipelines.a_last]
from = ["z_first", "a"]
select = ["_source AS s", "k"]
to = ["out"]
[pipelines.middle]
from = ["a"]
select = ["k"]
to = ["out"]
[pipelines.z_first]
from = ["a"]
select = ["k"]
to = ["out"]
)"));
  world.event(1s, "x");
  world.event(2s, "y");
  CHECK(world.output.take() == Lines{"middle x", "z_first x", "a_last a x", "a_last z_first x", "middle y",
                                     "z_first y", "a_last a y", "a_last z_first y"});
}

TEST_CASE("engine: minutes roll up into hours, each minute within its own hour") {
  EngineWorld world(with_source_a(R"(
[pipelines.minutes]
from = ["a"]
window = { type = "tumbling", size = "1m" }
select = ["count(*) AS n"]
[pipelines.hours]
from = ["minutes"]
window = { type = "tumbling", size = "1h" }
select = ["sum(n) AS n", "count(*) AS minutes"]
to = ["out"]
)"));
  for (int minute = 0; minute < 61; ++minute)
    for (int i = 0; i < 3; ++i) world.event(minute * 1min + i * 1s, "x");
  CHECK(world.output.take() ==
        Lines{"hours " + EngineWorld::second(0) + " " + EngineWorld::second(3600) + " 180 60"});
}

TEST_CASE(
    "engine: a record that cannot be decoded is counted, reported and sent to the source's dead letters "
    "once") {
  EngineWorld world(with_source_a(R"(
[pipelines.one]
from = ["a"]
select = ["k"]
to = ["out"]
[pipelines.two]
from = ["a"]
select = ["k"]
to = ["out"]
)"));
  world.record(1s, "{\"k\":");
  world.record(1s, R"({"k":"no time"})");
  world.entry(EntryKind::oversized, 1s, "xxxx");
  CHECK(world.engine->source_counters(0).records == 3);
  CHECK(world.engine->source_counters(0).bad == 3);
  REQUIRE(world.output.lines.size() == 3);
  for (const std::string& line : world.output.lines) CHECK(line.starts_with("a/dead a "));
  CHECK(world.output.lines[1].contains("timestamp: the field is missing or NULL"));
  CHECK(world.output.lines[2].contains("longer than limits.max_record"));
  CHECK(world.output.notices.size() == 3);
  world.output.take();
  world.event(2s, "good");
  CHECK(world.output.take() == Lines{"one good", "two good"});
}

// interface: sources.max_ahead
TEST_CASE(
    "engine: an event time further ahead than max_ahead is a bad record, unless the clock is not believed") {
  EngineWorld world(with_source_a(kWindows));
  world.event(1s, "a");
  world.record(2s, EngineWorld::json(2h, "far"));
  CHECK(world.engine->source_counters(0).bad == 1);
  CHECK(world.output.take().size() == 1);  // the dead letter; no window has closed
  world.entry(EntryKind::clock_step, 3s, std::string(to_payload(ClockEvent::not_believed)));
  world.record(4s, EngineWorld::json(2h, "far"));
  CHECK(world.engine->source_counters(0).bad == 1);
  CHECK(world.output.take() == Lines{window_row("w", "a", 0, 1)});
  world.entry(EntryKind::clock_step, 5s, std::string(to_payload(ClockEvent::believed)));
  world.record(6s, EngineWorld::json(4h, "far"));
  CHECK(world.engine->source_counters(0).bad == 2);
}

TEST_CASE("engine: an error of evaluation rejects the record whole, and the stream goes on") {
  EngineWorld world(with_source_a(R"(
[pipelines.p]
from = ["a"]
key_by = ["k"]
derive = ["10 / v AS share"]
select = ["count(*) AS n", "sum(share) AS total"]
to = ["out"]
on_error = "dead-letter"
dead_letter_to = "dead"
)"));
  world.event(1s, "x", 5);
  world.record(2s, R"({"ts":1740830402000,"k":"x","v":"text"})");
  world.event(3s, "x", 2);
  CHECK(world.engine->pipeline_counters(0).errors == 1);
  REQUIRE(world.output.lines.size() == 3);
  CHECK(world.output.lines[0] == "p x 1 2");
  CHECK(world.output.lines[1].starts_with("p/dead a 2 derive: "));
  CHECK(world.output.lines[2] == "p x 2 7");
}

TEST_CASE("engine: an overflow of one aggregate changes none of the others") {
  EngineWorld world(with_source_a(R"(
[pipelines.p]
from = ["a"]
key_by = ["k"]
select = ["count(*) AS n", "sum(v) AS total"]
to = ["out"]
)"));
  world.record(1s, R"({"ts":1740830401000,"k":"x","v":9223372036854775807})");
  world.event(2s, "x", 1);
  world.event(3s, "x", -7);
  CHECK(world.output.take() == Lines{"p x 1 9223372036854775807", "p x 2 9223372036854775800"});
  CHECK(world.engine->pipeline_counters(0).errors == 1);
}

TEST_CASE("engine: every interval has its beat at whole multiples, and nothing is due when nothing changed") {
  EngineWorld world(with_source_a(R"(
[pipelines.beat]
from = ["a"]
key_by = ["k"]
emit = "every 5s"
select = ["count(*) AS n"]
to = ["out"]
)"));
  CHECK_FALSE(world.engine->next_due());
  world.event(1s, "b");
  world.event(2s, "a");
  world.event(2s, "b");
  CHECK(world.output.lines.empty());
  CHECK(world.engine->next_due() == EngineWorld::begin + 5s);
  world.event(12s, "c");  // the beat of 5 s comes before this record
  CHECK(world.output.take() == Lines{"beat a 1", "beat b 2"});
  CHECK(world.engine->next_due() == EngineWorld::begin + 15s);
  world.tick(15s);
  CHECK(world.output.take() == Lines{"beat c 1"});
  CHECK_FALSE(world.engine->next_due());
}

TEST_CASE("engine: windows of processing time close by ticks, in the order of their ends") {
  EngineWorld world(with_source_a(R"(
[pipelines.short]
from = ["a"]
time = "processing"
key_by = ["k"]
window = { type = "tumbling", size = "2s" }
select = ["count(*) AS n"]
to = ["out"]
[pipelines.long]
from = ["a"]
time = "processing"
key_by = ["k"]
window = { type = "tumbling", size = "3s" }
select = ["count(*) AS n"]
to = ["out"]
)"));
  world.event(500ms, "x");
  CHECK(world.engine->next_due() == EngineWorld::begin + 2s);
  world.event(10s, "y");  // both are due, each at its own time
  REQUIRE(world.output.lines.size() == 2);
  CHECK(world.output.lines[0].starts_with("short x "));
  CHECK(world.output.lines[1].starts_with("long x "));
}

TEST_CASE("engine: slices change nothing: results are the same when the sinks are full at every step") {
  const auto run = [](bool stutter) {
    EngineWorld world(with_source_a(kWindows));
    for (int i = 0; i < 1500; ++i) world.event(1s, format("k{}", i * 7919 % 1500));
    Entry entry{.kind = EntryKind::record,
                .source = 1,
                .time = EngineWorld::begin + 30s,
                .resume = {},
                .topic = {},
                .payload = {}};
    const std::string payload = EngineWorld::json(30s, "z");
    entry.payload = payload;
    world.output.is_full = stutter;
    bool done = world.engine->apply(Position{9999}, entry, 0);
    std::size_t slices = 1;
    for (; !done; ++slices) {
      world.output.is_full = stutter && slices % 2 == 0;
      done = world.engine->go_on();
    }
    CHECK(slices > 2);
    return world.output.take();
  };
  const Lines at_once = run(false);
  CHECK(at_once.size() == 1500);
  CHECK(run(true) == at_once);
}

TEST_CASE("engine: saved and loaded at every step, with another hash seed, it gives the same results") {
  const std::string config = with_source_a(std::string(kWindows) + R"(
[pipelines.beat]
from = ["w", "a"]
key_by = ["k"]
emit = "every 3s"
select = ["count(*) AS n", "last(v) AS v"]
to = ["out"]
)");
  const auto run = [&](bool interrupted) {
    EngineWorld world(config, interrupted ? 99 : 7);
    for (int i = 0; i < 60; ++i) {
      world.event(i * 700ms - i % 5 * 900ms, format("k{}", i * 31 % 11), i);
      if (interrupted) world.save_and_load(static_cast<std::uint64_t>(i));
    }
    world.tick(60s);
    return world.output.take();
  };
  const Lines once = run(false);
  CHECK(once.size() > 40);
  CHECK(run(true) == once);
}

}  // namespace
}  // namespace tidemark
