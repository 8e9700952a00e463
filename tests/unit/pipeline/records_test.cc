// Entries that hold several records: each is as an entry of its own that arrived at the same time.
#include <doctest/doctest.h>

#include "strict_world.h"

using namespace tidemark;

namespace {

using Lines = std::vector<std::string>;

// Records are lines of Influx line protocol; a payload may hold any number of them.
std::string with_lines(std::string_view pipelines) {
  std::string config = with_source_a(pipelines);
  const std::string json = "format = \"json\"\ntimestamp = { field = \"ts\", format = \"ms\" }";
  config.replace(config.find(json), json.size(),
                 "format = \"influx\"\ntimestamp = { field = \"_timestamp\", format = \"ms\" }");
  return config;
}

std::string line(Duration event, const std::string& k, const std::string& v) {
  return format("m,k={} v={} {}", k, v,
                EngineWorld::kBeginMs + std::chrono::duration_cast<std::chrono::milliseconds>(event).count());
}

constexpr const char* kWindows = R"(
[pipelines.minute]
from = ["a"]
key_by = ["k"]
window = { type = "tumbling", size = "1m" }
select = ["count(*) AS n", "sum(v) AS total", "first(v) AS first", "last(v) AS last"]
to = ["out"]
late_to = "late"
[pipelines.each]
from = ["a"]
where = "v > 0"
select = ["k", "v"]
to = ["out"]
[pipelines.above]
from = ["minute"]
select = ["k", "n"]
to = ["out"]
)";

constexpr const char* kStrict = R"(
[pipelines.strict]
from = ["a"]
derive = ["CAST(CASE v WHEN 0 THEN 'x' ELSE '10' END AS INTEGER) / v AS share"]
key_by = ["k"]
select = ["count(*) AS n", "sum(share) AS s"]
to = ["out"]
dead_letter_to = "dead"
on_error = "fail"
[pipelines.each]
from = ["a"]
select = ["k", "v"]
to = ["late"]
)";

// Lines over some minutes: several keys, out of order, late ones, bad ones.
std::vector<std::string> many_lines(std::size_t count) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < count; ++i) {
    const Duration event = 1s * (i / 2) - (i % 7 == 0 ? Duration(50s) : Duration(0s));
    lines.push_back(i % 11 == 3 ? "m,k=x v="
                                : line(event, std::string(1, static_cast<char>('a' + i % 5)),
                                       std::to_string(static_cast<int>(i) % 9 - 1) + "i"));
  }
  return lines;
}

Lines results_of(const std::vector<std::string>& payloads, bool full_at_times) {
  EngineWorld world(with_lines(kWindows));
  std::size_t n = 0;
  for (const std::string& payload : payloads) {
    world.output.is_full = full_at_times && ++n % 2 == 0;
    const Entry entry{.kind = EntryKind::record,
                      .source = 1,
                      .time = EngineWorld::begin + 1h,
                      .resume = {},
                      .topic = {},
                      .payload = payload};
    world.position = world.position.next();
    bool done = world.engine->apply(world.position, entry, 0);
    while (!done) {
      world.output.is_full = false;
      done = world.engine->go_on();
    }
  }
  // Positions of dead letters differ, naturally.
  Lines lines = world.output.take();
  std::erase_if(lines, [](const std::string& one) { return one.starts_with("a/dead"); });
  lines.push_back(format("{} records, {} bad", world.engine->source_counters(0).records,
                         world.engine->source_counters(0).bad));
  return lines;
}

}  // namespace

TEST_CASE("an entry of several records gives what as many entries of the same time give") {
  const std::vector<std::string> lines = many_lines(700);
  const Lines one_by_one = results_of(lines, false);
  REQUIRE(one_by_one.size() > 500);
  CHECK(one_by_one.back() == "700 records, 64 bad");
  for (const std::size_t at_once : {2u, 7u, 64u, 700u}) {
    CAPTURE(at_once);
    std::vector<std::string> payloads;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (i % at_once == 0) payloads.emplace_back();
      payloads.back() += lines[i] + "\n";
    }
    CHECK(results_of(payloads, false) == one_by_one);
    CHECK(results_of(payloads, true) == one_by_one);
  }
}

TEST_CASE("an entry of many records is worked on in slices") {
  EngineWorld world(with_lines(kWindows));
  std::string payload;
  for (int i = 0; i < 5000; ++i) payload += line(1s, "a", "1i") + "\n";
  CHECK(world.record(1s, payload) >= 5000 / Engine::kStepsPerSlice);
  CHECK(world.engine->source_counters(0).records == 5000);
  CHECK(world.output.take().size() == 5000);
}

TEST_CASE("records of an entry wait for their sinks like those of several") {
  EngineWorld world(with_lines(kWindows));
  world.output.is_full = true;
  const std::string payload = line(1s, "a", "1i") + "\n" + line(1s, "b", "1i");
  const Entry entry{.kind = EntryKind::record,
                    .source = 1,
                    .time = EngineWorld::begin,
                    .resume = {},
                    .topic = {},
                    .payload = payload};
  CHECK(!world.engine->apply(Position{1}, entry, 0));
  CHECK(!world.engine->go_on());
  CHECK(world.output.take().empty());
  world.output.is_full = false;
  CHECK(world.engine->go_on());
  CHECK(world.output.take() == Lines{"each a 1", "each b 1"});
}

// interface: sources.dead_letter_to
TEST_CASE("a bad record of an entry goes to the dead letters by itself") {
  EngineWorld world(with_lines(kWindows));
  world.record(1s, line(1s, "a", "1i") + "\nm v=\n" + line(1s, "b", "2i") + "\nm v=1\n");
  const Lines lines = world.output.take();
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "each a 1");
  CHECK(lines[1] == "a/dead a 1 field v has no value at byte 4 m v=");
  CHECK(lines[2] == "each b 2");
  CHECK(lines[3] == "a/dead a 1 timestamp: the field is missing or NULL m v=1");
  CHECK(world.engine->source_counters(0).records == 4);
  CHECK(world.engine->source_counters(0).bad == 2);
}

// interface: pipelines.on_error, pipelines.dead_letter_to
TEST_CASE("a record of an entry that cannot be evaluated goes to the dead letters by itself") {
  EngineWorld world(with_lines(R"(
[pipelines.p]
from = ["a"]
where = "CAST(CASE v WHEN 0 THEN 'x' ELSE '1' END AS INTEGER) > 0"
select = ["k"]
to = ["out"]
on_error = "dead-letter"
dead_letter_to = "dead"
)"));
  const std::string bad = line(1s, "b", "0i");
  world.record(1s, line(1s, "a", "1i") + "\n" + bad + "\n" + line(1s, "c", "1i"));
  const Lines lines = world.output.take();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "p a");
  CHECK(lines[1].ends_with(" " + bad));
  CHECK(lines[2] == "p c");
}

TEST_CASE("in an entry without records time passes") {
  EngineWorld world(with_lines(R"(
[pipelines.p]
from = ["a"]
time = "processing"
key_by = ["k"]
window = { type = "tumbling", size = "1m" }
select = ["count(*) AS n"]
to = ["out"]
)"));
  world.record(1s, line(1s, "a", "1i"));
  world.record(59s, "# nothing");
  CHECK(world.output.take().empty());
  world.record(60s, "# nothing\n\n");
  CHECK(world.output.take() == Lines{"p a " + EngineWorld::second(0) + " " + EngineWorld::second(60) + " 1"});
}

// interface: pipelines.on_error
TEST_CASE("a pipeline stands still at a record within an entry, and goes on behind it") {
  StrictWorld world(StrictWorld::Whole{with_lines(kStrict)});
  const std::string payload = line(1s, "a", "1i") + "\n" + line(1s, "b", "2i") + "\n" +
                              line(1s, "ERROR", "0i") + "\n" + line(1s, "a", "5i") + "\nm v=\n" +
                              line(1s, "ERROR", "0i") + "\n";
  world.put(EntryKind::record, 1s, payload);
  world.put(EntryKind::record, 2s, line(2s, "a", "1i") + "\n" + line(2s, "a", "1i"));
  Lines lines = world.output.take();
  std::erase_if(lines, [](const std::string& one) { return one.starts_with("a/dead"); });
  CHECK(lines == Lines{"each a 1", "strict a 1 10", "each b 2", "strict b 1 5", "each ERROR 0", "each a 5",
                       "each ERROR 0", "each a 1", "each a 1"});
  REQUIRE(world.standing());
  CHECK(world.standing()->through == Position{0});
  CHECK(world.standing()->records == 2);

  world.restart(3s);
  CHECK(world.failures().attempts() == 2);
  CHECK(world.output.take().empty());
  world.restart(4s);  // set aside; then it stands still at the second one of the same entry
  lines = world.output.take();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].starts_with("strict/dead a 1 derive: CAST("));
  CHECK(lines[0].ends_with(" " + line(1s, "ERROR", "0i")));
  CHECK(lines[1] == "strict a 2 12");
  REQUIRE(world.standing());
  CHECK(world.standing()->through == Position{0});
  CHECK(world.standing()->records == 5);
  CHECK(world.failures().attempts() == 1);
  CHECK(world.failures().records() == 2);

  world.restart(5s);
  world.restart(6s);
  CHECK(!world.standing());
  lines = world.output.take();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].starts_with("strict/dead"));
  CHECK(lines[1] == "strict a 3 22");
  CHECK(lines[2] == "strict a 4 32");
  CHECK(world.engine->pipeline_counters(world.strict()).records == 7);

  world.put(EntryKind::record, 7s, line(7s, "a", "1i"));
  const Lines whole = world.replayed(1);
  for (const std::size_t every : {1u, 2u, 3u}) CHECK(world.replayed(every + 10, every) == whole);
}

TEST_CASE("what a pipeline misses of an entry's records is counted when it is given up") {
  StrictWorld world(StrictWorld::Whole{with_lines(kStrict)});
  world.put(EntryKind::record, 1s,
            line(1s, "a", "1i") + "\n" + line(1s, "b", "0i") + "\n" + line(1s, "c", "1i"));
  REQUIRE(world.standing());
  world.skip(2s);
  CHECK(!world.standing());
  CHECK(world.engine->given_up(world.strict()) == 2);
}
