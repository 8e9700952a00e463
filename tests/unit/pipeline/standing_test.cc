// on_error = "fail": a pipeline stands still at a record, and what lets it go on.
#include "pipeline/standing.h"

#include <doctest/doctest.h>

#include "pipeline/failures.h"
#include "strict_world.h"

using namespace tidemark;

namespace {

constexpr const char* kStrict = R"(
[pipelines.strict]
from = ["a"]
derive = ["CAST(CASE v WHEN 0 THEN 'x' ELSE '10' END AS INTEGER) / v AS share"]
key_by = ["k"]
select = ["count(*) AS n", "sum(share) AS s"]
to = ["out"]
on_error = "fail"
)";
constexpr const char* kOther = R"(
[pipelines.other]
from = ["a"]
key_by = ["k"]
select = ["count(*) AS n"]
to = ["late"]
)";

using Lines = std::vector<std::string>;

}  // namespace

// interface: pipelines.on_error
TEST_CASE("a pipeline stands still at a record that fails it, and the others go on") {
  StrictWorld world(std::string(kStrict) + kOther);
  world.word(1s, "a");
  world.word(2s, "ERROR", 0);
  world.word(3s, "a");
  CHECK(world.output.take() == Lines{"other a 1", "strict a 1 10", "other ERROR 1", "other a 2"});
  REQUIRE(world.standing());
  CHECK(world.standing()->through == Position{1});
  CHECK(!world.standing()->failed);
  CHECK(world.engine->summaries()[world.strict()].position == Position{1});
  CHECK(world.engine->pipeline_counters(world.strict()).records == 1);
  CHECK(world.engine->pipeline_counters(world.strict()).errors == 0);
  CHECK(world.failures().why().starts_with("derive: CAST("));
  CHECK(world.failures().why().ends_with("this text is no integer"));
}

// interface: pipelines.poison_after, pipelines.dead_letter_to
TEST_CASE(
    "after poison_after failures at one record it is set aside, and what was missed is caught up with") {
  StrictWorld world(std::string(kStrict) + "dead_letter_to = \"dead\"\n" + kOther);
  world.word(1s, "a");
  world.word(2s, "ERROR", 0);
  world.word(3s, "a", 5);
  world.restart(4s);
  CHECK(world.standing());
  CHECK(world.failures().attempts() == 2);
  world.word(5s, "a", 2);
  world.output.take();
  world.restart(6s);
  CHECK(!world.standing());
  CHECK(world.output.positions == std::vector<Position>(3, Position{6}));  // where the entry stands
  const Lines lines = world.output.take();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].starts_with("strict/dead a 2 derive: CAST("));
  CHECK(lines[1] == "strict a 2 12");
  CHECK(lines[2] == "strict a 3 17");
  CHECK(world.failures().set_aside() == 1);
  world.word(7s, "a");
  CHECK(world.output.take() == Lines{"other a 4", "strict a 4 27"});
}

TEST_CASE("with poison_after = 1 a failing record is set aside at once") {
  StrictWorld world(std::string(kStrict) + "poison_after = 1\n");
  world.word(1s, "ERROR", 0);
  world.word(2s, "a");
  CHECK(!world.standing());
  CHECK(world.output.take() == Lines{"strict a 1 10"});
  CHECK(world.failures().set_aside() == 1);
}

// interface: pipelines.restart.strategy
TEST_CASE("the strategy none: FAILED at the first failure, and an operator lets it go on") {
  StrictWorld world(std::string(kStrict) + "restart = { strategy = \"none\" }\n");
  world.word(1s, "a");
  world.word(2s, "ERROR", 0);
  world.word(3s, "b");
  REQUIRE(world.standing());
  CHECK(world.standing()->failed);
  world.restart(4s);  // not the strategy's to say
  CHECK(world.standing());
  CHECK(world.engine->pipeline_table(world.strict())->size() == 1);  // its state is kept
  world.output.take();
  world.restart(5s, RestartBy::operator_);
  CHECK(!world.standing());
  CHECK(world.output.take() == Lines{"strict b 1 10"});
}

// interface: pipelines.restart.attempts
TEST_CASE("fixed-delay: one failing record more than attempts is the end") {
  StrictWorld world(std::string(kStrict) +
                    "poison_after = 2\nrestart = { strategy = \"fixed-delay\", attempts = 2 }\n");
  for (int i = 0; i < 2; ++i) {
    world.word(Duration(1s) * (4 * i + 1), "ERROR", 0);
    world.word(Duration(1s) * (4 * i + 2), "a");
    REQUIRE(world.standing());
    CHECK(!world.standing()->failed);
    world.restart(Duration(1s) * (4 * i + 3));
    CHECK(!world.standing());
  }
  world.word(20s, "ERROR", 0);
  REQUIRE(world.standing());
  CHECK(world.standing()->failed);
  // After an operator's word it counts anew.
  world.restart(21s, RestartBy::operator_);
  CHECK(!world.standing());
  world.word(22s, "ERROR", 0);
  REQUIRE(world.standing());
  CHECK(!world.standing()->failed);
}

// interface: pipelines.restart.max_failures, pipelines.restart.per
TEST_CASE("failure-rate: so many failing records within a time are the end, and later ones are not") {
  const std::string rate =
      "poison_after = 1\nrestart = { strategy = \"failure-rate\", max_failures = 2, per = \"10s\" }\n";
  StrictWorld slow(std::string(kStrict) + rate);
  for (int i = 0; i < 10; ++i) slow.word(Duration(6s) * i, "ERROR", 0);
  CHECK(!slow.standing());
  StrictWorld fast(std::string(kStrict) + rate);
  for (int i = 0; i < 3; ++i) fast.word(Duration(4s) * i, "ERROR", 0);
  REQUIRE(fast.standing());
  CHECK(fast.standing()->failed);
}

// interface: restart.reset_after, pipelines.restart.reset_after
TEST_CASE("exponential-delay: the delay grows with each failure and begins anew after a quiet time") {
  PipelineSettings settings;
  settings.poison_after = 100;
  settings.restart = {.initial = 1s, .max = 5s, .multiplier = 2, .reset_after = 1h};
  Failures failures;
  const JournalTime begin = StrictWorld::begin;
  const std::vector<Duration> delays = {1s, 2s, 4s, 5s, 5s};
  for (std::size_t i = 0; i < delays.size(); ++i) {
    CHECK(failures.add({Position{7}}, begin + Duration(1s) * i, "why", settings) ==
          Failures::Verdict::stand_still);
    CHECK(failures.delay(settings.restart) == delays[i]);
  }
  failures.add({Position{9}}, begin + 2h, "why", settings);
  CHECK(failures.delay(settings.restart) == 1s);
}

TEST_CASE("when the journal needs the room, what was missed is given up and counted") {
  StrictWorld world(kStrict);
  world.word(1s, "a");
  world.word(2s, "ERROR", 0);
  world.word(3s, "a");
  world.skip(4s);
  CHECK(!world.standing());
  CHECK(world.engine->given_up(world.strict()) == 2);
  world.word(5s, "a");
  CHECK(world.output.take() == Lines{"strict a 1 10", "strict a 2 20"});

  StrictWorld failed(std::string(kStrict) + "restart = { strategy = \"none\" }\n");
  failed.word(1s, "ERROR", 0);
  failed.word(2s, "a");
  failed.skip(3s);
  REQUIRE(failed.standing());  // FAILED all the same, but further on
  CHECK(failed.standing()->through == Position{3});
  failed.word(4s, "b");
  failed.restart(5s, RestartBy::operator_);
  CHECK(failed.output.take() == Lines{"strict b 1 10"});
}

TEST_CASE("while a pipeline stands still, those that read it wait, and then see everything in order") {
  StrictWorld world(R"(
[pipelines.strict]
from = ["a"]
where = "CAST(CASE v WHEN 0 THEN 'x' ELSE '10' END AS INTEGER) > 0"
select = ["k", "v"]
on_error = "fail"
poison_after = 2
[pipelines.minutes]
from = ["strict"]
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
select = ["count(*) AS n", "first(v) AS f"]
to = ["out"]
)");
  world.word(1s, "a", 1);
  world.word(2s, "ERROR", 0);
  world.word(3s, "a", 2);
  world.word(15s, "a", 3);
  world.word(35s, "a", 4);
  CHECK(world.output.take().empty());
  world.restart(36s);
  const auto window = [](std::int64_t from, const std::string& rest) {
    return "minutes a " + StrictWorld::second(from) + " " + StrictWorld::second(from + 10) + " " + rest;
  };
  CHECK(world.output.take() == Lines{window(0, "2 1"), window(10, "1 3")});
  CHECK(world.engine->pipeline_counters(0).late == 0);
}

TEST_CASE(
    "windows that end while a pipeline stands still are closed when it goes on, with what belongs to them") {
  StrictWorld world(R"(
[pipelines.strict]
from = ["a"]
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
select = ["count(*) AS n", "sum(CAST(CASE v WHEN 0 THEN 'x' ELSE '10' END AS INTEGER) / v) AS s"]
to = ["out"]
time = "processing"
on_error = "fail"
poison_after = 2
)");
  world.word(1s, "a", 1);
  world.word(2s, "ERROR", 0);
  world.word(4s, "a", 2);
  CHECK(!world.engine->next_due());  // no timer of one that stands still
  world.word(12s, "a", 5);
  world.word(31s, "a", 5);
  CHECK(world.output.take().empty());
  world.restart(32s);
  const auto window = [](std::int64_t from, const std::string& rest) {
    return "strict a " + StrictWorld::second(from) + " " + StrictWorld::second(from + 10) + " " + rest;
  };
  CHECK(world.output.take() == Lines{window(0, "2 15"), window(10, "1 2")});
  CHECK(world.engine->next_due() == StrictWorld::begin + 40s);
}

TEST_CASE("a replay obeys the journal: the same results, wherever a checkpoint stands in between") {
  StrictWorld world(std::string(kStrict) + R"(
dead_letter_to = "dead"
poison_after = 2
restart = { strategy = "fixed-delay", attempts = 4 }
)" + kOther);
  Lines live;
  const auto keep = [&] {
    for (std::string& line : world.output.take()) live.push_back(std::move(line));
  };
  for (int i = 0; i < 60; ++i) {
    const Duration at = Duration(1s) * i;
    world.word(at, "k" + std::to_string(i % 4), i % 9 == 4 ? 0 : 1 + i % 5);
    if (i % 7 == 6) world.restart(at + 500ms, i == 48 ? RestartBy::operator_ : RestartBy::strategy);
    if (i == 55) world.skip(at + 600ms);
    keep();
  }
  CHECK(live.size() > 60);
  CHECK(world.failures().set_aside() > 2);
  CHECK(world.replayed(99) == live);
  CHECK(world.replayed(7, 1) == live);
  CHECK(world.replayed(8, 5) == live);
}
