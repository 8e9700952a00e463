// Keys that fall silent and return.
#include "engine_world.h"

namespace tidemark {
namespace {

using Lines = std::vector<std::string>;

std::string watch(std::string_view more = "", std::string_view timeout = "10s") {
  return with_source_a(format(R"(
[pipelines.w]
from = ["a"]
key_by = ["k"]
window = {{ type = "absence", timeout = "{}" }}
to = ["out"]
{}
)",
                              timeout, more));
}
std::string event_time(std::string_view more = "", std::string_view timeout = "10s") {
  return watch("time = \"event\"\nlate_to = \"late\"\n" + std::string(more), timeout);
}
constexpr const char* kAges =
    "select = [\"(since - last_seen) / 1000 AS age\", \"count(*) AS n\", \"last(v) AS v\"]\n";

TEST_CASE("absence: a key speaks once when it falls silent, and once when it returns") {
  EngineWorld world(watch(kAges));
  world.event(0s, "a", 1);
  world.event(4s, "a", 2);
  CHECK(world.engine->next_due() == EngineWorld::begin + 14s);
  world.tick(13s);
  CHECK(world.output.take().empty());
  world.tick(14s);
  CHECK(world.output.take() == Lines{"w a true 10 2 2"});
  CHECK(world.engine->next_due() == std::nullopt);  // nothing is to be waited for
  world.tick(500s);
  CHECK(world.output.take().empty());
  world.event(501s, "a", 3);  // the aggregates begin anew with the record that it returns with
  CHECK(world.output.take() == Lines{"w a false 497 1 3"});
  world.event(502s, "a", 4);
  CHECK(world.output.take().empty());
  world.tick(512s);
  CHECK(world.output.take() == Lines{"w a true 10 2 4"});
}

TEST_CASE("absence: without select a result says who, whether, since when, and when it was last seen") {
  EngineWorld world(watch());
  const ResultSchema& schema = world.plan->pipelines[0].main;
  Lines names;
  for (const ResultColumn& column : schema.columns) names.push_back(column.name);
  CHECK(names == Lines{"k", "absent", "last_seen", "since"});
  CHECK(schema.identity == 1);  // a row a key, in an sqlite sink that replaces
  CHECK(schema.columns[2].kind == ResultColumn::Kind::time);
  CHECK(schema.columns[3].kind == ResultColumn::Kind::time);
}

TEST_CASE("absence: a record in the very moment of the silence comes after it") {
  EngineWorld world(watch("select = [\"last_seen AS seen\", \"since AS at\"]\nhaving = \"NOT absent\""));
  world.event(0s, "a");
  world.event(10s, "a");
  CHECK(world.output.take() ==
        Lines{format("w a false {} {}", EngineWorld::kBeginMs, EngineWorld::kBeginMs + 10'000)});
}

TEST_CASE("absence: keys that fall silent together speak in the order of their moments, then of appearance") {
  EngineWorld world(event_time());
  for (const char* key : {"z", "m", "b"}) world.event(1s, key);
  world.event(0s, "y");
  world.event(9s, "later");
  CHECK(world.output.take().empty());
  world.event(30s, "clock");
  CHECK(world.output.take() == Lines{"w y true", "w z true", "w m true", "w b true", "w later true"});
}

TEST_CASE("absence in event time: the watermark decides, and a record behind it is late") {
  EngineWorld world(event_time(kAges));
  world.event(0s, "a");
  world.event(5s, "a");
  world.event(14'999ms, "b");
  CHECK(world.output.take().empty());
  world.event(15s, "b");
  CHECK(world.output.take() == Lines{"w a true 10 2 1"});
  world.event(5s, "a");  // it and the timeout are not after the watermark
  CHECK(world.output.take() == Lines{"w/late a 1"});
  world.event(8s, "a", 7);  // it was there after all, and may be still
  CHECK(world.output.take() == Lines{"w a false 3 1 7"});
  CHECK(world.engine->pipeline_counters(0).late == 1);
}

TEST_CASE("absence in event time: a record so much later than the one before is silence and return at once") {
  EngineWorld world(event_time(kAges));
  world.event(0s, "a", 1);
  world.event(60s, "a", 2);
  CHECK(world.output.take() == Lines{"w a true 10 1 1", "w a false 60 1 2"});
  world.event(70s, "a", 3);
  CHECK(world.output.take() == Lines{"w a true 10 1 2", "w a false 10 1 3"});
}

TEST_CASE("absence in event time: a record out of order counts, and moves nothing back") {
  EngineWorld world(with_source_a(R"(
[sources.b]
type = "tcp"
listen = "127.0.0.1:9002"
format = "json"
timestamp = { field = "ts", format = "ms" }
max_out_of_orderness = "20s"
[pipelines.w]
from = ["b"]
time = "event"
key_by = ["k"]
window = { type = "absence", timeout = "10s" }
select = ["count(*) AS n"]
to = ["out"]
)"));
  world.event(8s, "a", 1, "b");
  world.event(2s, "a", 1, "b");
  world.event(37s, "other", 1, "b");
  CHECK(world.output.take().empty());  // the watermark is at 17
  world.event(38s, "other", 1, "b");
  CHECK(world.output.take() == Lines{"w a true 2"});
}

TEST_CASE("absence in event time: inputs that fall idle let the watermark pass") {
  EngineWorld world(with_source_a(R"(
[sources.b]
type = "tcp"
listen = "127.0.0.1:9002"
format = "json"
timestamp = { field = "ts", format = "ms" }
idle_after = "30s"
[pipelines.w]
from = ["a", "b"]
time = "event"
key_by = ["k"]
window = { type = "absence", timeout = "10s" }
to = ["out"]
)"));
  world.event(1s, "x", 1, "b");
  world.event(20s, "y", 1, "a");
  CHECK(world.output.take().empty());
  CHECK(world.engine->next_due() == EngineWorld::begin + 31s);
  world.tick(31s);
  CHECK(world.output.take() == Lines{"w x true"});
}

TEST_CASE("absence: records that where leaves out are not heard") {
  EngineWorld world(watch("where = \"v > 0\""));
  world.event(0s, "a", 1);
  world.event(9s, "a", 0);
  world.event(10s, "a", 0);
  CHECK(world.output.take() == Lines{"w a true"});
  world.event(11s, "b", 0);
  world.tick(60s);
  CHECK(world.output.take().empty());
  CHECK(world.engine->pipeline_table(0)->size() == 1);
}

TEST_CASE("absence: without key_by it is all the records together that fall silent") {
  EngineWorld world(with_source_a(R"(
[pipelines.w]
from = ["a"]
window = { type = "absence", timeout = "1s" }
to = ["out"]
)"));
  world.event(0s, "a");
  world.event(900ms, "b");
  world.tick(2s);
  world.event(3s, "c");
  CHECK(world.output.take() == Lines{"w true", "w false"});
}

TEST_CASE("absence: a record that an aggregate refuses is not heard, whether it would return or not") {
  EngineWorld world(watch("select = [\"sum(v) AS s\"]"));
  world.record(0s, R"({"ts":0,"k":"a","v":9223372036854775807})");
  world.record(1s, R"({"ts":0,"k":"a","v":1})");  // overflows
  CHECK(world.engine->pipeline_counters(0).errors == 1);
  world.tick(10s);
  CHECK(world.output.take() == Lines{"w a true 9223372036854775807"});
  world.record(11s, R"({"ts":0,"k":"a","v":"text"})");
  CHECK(world.engine->pipeline_counters(0).errors == 2);
  CHECK(world.output.take().empty());
  world.record(12s, R"({"ts":0,"k":"a","v":5})");
  CHECK(world.output.take() == Lines{"w a false 5"});
}

TEST_CASE("absence: a key that stays away for ttl is forgotten, and new when it comes back") {
  EngineWorld world(watch("ttl = \"1m\""));
  world.event(0s, "a");
  world.event(0s, "b");
  world.tick(59s);
  CHECK(world.output.take() == Lines{"w a true", "w b true"});
  world.event(59s, "b");
  CHECK(world.output.take() == Lines{"w b false"});
  world.event(60s, "a");  // it may still be in the table: nothing of that can be seen
  CHECK(world.output.take().empty());
  CHECK(world.engine->pipeline_counters(0).expired == 1);
  world.tick(69s);
  CHECK(world.output.take() == Lines{"w b true"});
  world.tick(300s);
  CHECK(world.output.take() == Lines{"w a true"});
  CHECK(world.engine->pipeline_table(0)->size() == 0);
  CHECK(world.engine->state_bytes() == 0);
}

TEST_CASE("absence: beyond max_keys new keys are refused, or the first is forgotten") {
  EngineWorld refusing(watch("max_keys = 2"));
  for (const char* key : {"a", "b", "c"}) refusing.event(0s, key);
  CHECK(refusing.engine->pipeline_counters(0).refused == 1);
  refusing.tick(10s);
  CHECK(refusing.output.take() == Lines{"w a true", "w b true"});

  EngineWorld evicting(watch("max_keys = 2\non_max_keys = \"evict-oldest\""));
  for (const char* key : {"a", "b", "c"}) evicting.event(0s, key);
  CHECK(evicting.engine->pipeline_counters(0).evicted == 1);
  evicting.tick(10s);
  CHECK(evicting.output.take() == Lines{"w b true", "w c true"});
  evicting.event(11s, "a");  // new: its silence was never told
  CHECK(evicting.output.take().empty());
}

TEST_CASE("absence: a clock that is set back leaves each key the time that it had left") {
  EngineWorld world(watch(kAges));
  world.event(3600s, "a");
  world.event(3604s, "b");
  world.tick(3610s);
  CHECK(world.output.take() == Lines{"w a true 10 1 1"});
  world.entry(EntryKind::clock_step, 100s,
              std::string(to_payload(ClockEvent::step_back)));  // it is 100, not 3610
  world.save_and_load(3);
  CHECK(world.engine->next_due() == EngineWorld::begin + 104s);
  world.tick(103s);
  CHECK(world.output.take().empty());
  world.tick(104s);
  CHECK(world.output.take() == Lines{"w b true 10 1 1"});
  world.event(105s, "a");
  CHECK(world.output.take() == Lines{"w a false 15 1 1"});
}

TEST_CASE("absence: a stop for good says nothing about the keys") {
  EngineWorld world(watch());
  world.event(0s, "a");
  world.entry(EntryKind::drain, 1s, "");
  CHECK(world.output.take().empty());
}

TEST_CASE("absence: a pipeline that reads it gets both, at the time of each") {
  EngineWorld world(event_time(R"(
[pipelines.hours]
from = ["w"]
where = "absent"
window = { type = "tumbling", size = "10s" }
select = ["count(*) AS n", "last(k) AS k", "max(since - last_seen) AS ms"]
to = ["out"]
)"));
  world.event(0s, "a");
  world.event(3s, "b");
  world.event(11s, "c");
  world.event(20s, "c");
  CHECK(world.output.take() ==
        Lines{"w a true", "w b true",
              format("hours {} {} 2 b 10000", EngineWorld::second(10), EngineWorld::second(20))});
}

TEST_CASE("absence: the same comes out however often it is saved and loaded in between") {
  const auto run = [](bool saves) {
    EngineWorld world(watch(std::string(kAges) + "ttl = \"25s\"\nmax_keys = 9\n"
                                                 "on_max_keys = \"evict-oldest\""));
    std::uint64_t random = 5;
    Duration at = 0s;
    for (int i = 0; i < 400; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      at += std::chrono::milliseconds((random >> 33) % 3000);
      const std::string key(1, static_cast<char>('a' + (random >> 40) % 12));
      if ((random >> 50) % 5 == 0)
        world.tick(at);
      else
        world.event(at, key, i);
      if (saves) world.save_and_load(random);
    }
    Lines lines = world.output.take();
    CHECK(lines.size() > 100);
    return lines;
  };
  CHECK(run(false) == run(true));
}

TEST_CASE("absence: another timeout and other aggregates go on with what is known") {
  EngineWorld before(watch("select = [\"count(*) AS n\", \"sum(v) AS s\"]", "1h"));
  before.event(0s, "a", 5);
  before.event(20s, "b", 6);
  EngineWorld after(watch("select = [\"max(v) AS m\", \"sum(v) AS s\"]"));
  after.engine = after.make(3);
  after.position = before.position;
  REQUIRE(after.engine->take_over(before.engine->take_apart()));
  CHECK(after.engine->next_due() == EngineWorld::begin + 20s + Duration(1));  // a is overdue
  after.tick(25s);
  CHECK(after.output.take() == Lines{"w a true NULL 5"});
  after.tick(30s);
  CHECK(after.output.take() == Lines{"w b true NULL 6"});
}

TEST_CASE("absence: a field of its results that is mistyped is suggested") {
  Diagnostics diagnostics;
  const auto settings = settings_of(watch("having = \"absnt\""), diagnostics);
  REQUIRE(settings);
  CHECK(make_plan(*settings, diagnostics) == nullptr);
  CHECK(diagnostics.to_text().contains("did you mean \"absent\"?"));
}

TEST_CASE("absence: many keys fall silent in slices, and a sink that is full holds the rest") {
  EngineWorld world(watch());
  for (int i = 0; i < 3000; ++i) world.event(0s, format("k{:04}", i));
  CHECK(world.entry(EntryKind::tick, 10s, "") > 3);
  const Lines lines = world.output.take();
  REQUIRE(lines.size() == 3000);
  CHECK(lines.front() == "w k0000 true");
  CHECK(lines.back() == "w k2999 true");
}

}  // namespace
}  // namespace tidemark
