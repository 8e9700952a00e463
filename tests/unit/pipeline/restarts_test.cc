// When a pipeline that stands still tries again.
#include "pipeline/restarts.h"

#include <doctest/doctest.h>

#include <set>

#include "engine_world.h"
#include "support/fake_clock.h"
#include "support/fake_log.h"
#include "support/fake_loop.h"
#include "support/fake_random.h"

using namespace tidemark;

namespace {

constexpr const char* kStrict = R"(
[pipelines.strict]
from = ["a"]
where = "CAST(CASE v WHEN 0 THEN 'x' ELSE '1' END AS INTEGER) = 1"
key_by = ["k"]
select = ["count(*) AS n"]
to = ["out"]
on_error = "fail"
)";

// The time before the attempt after the first failure of a record, and after the second.
std::pair<Duration, Duration> delays_of(const std::string& rest, std::uint64_t seed = 1) {
  EngineWorld world(with_source_a(kStrict + rest + "\n"));
  FakeClock clock;
  FakeLoop loop(clock);
  FakeRandom random(seed);
  FakeLog log;
  std::vector<RestartEntry> entries;
  Restarts restarts({.loop = loop,
                     .random = random,
                     .log = log,
                     .engine = *world.engine,
                     .settings = world.settings,
                     .restart = [&](const RestartEntry& entry) { entries.push_back(entry); }});
  const auto next = [&] {
    restarts.look();
    PipelineReport report;
    restarts.describe(0, report);
    REQUIRE(report.next_attempt);
    CHECK(report.state == "standing still");
    return *report.next_attempt;
  };
  const std::string failing = EngineWorld::json(1s, "k", 0);
  world.record(1s, failing);
  const Duration first = next();
  loop.advance(first - 1ms);
  CHECK(entries.empty());
  loop.advance(1ms);
  REQUIRE(entries.size() == 1);
  const std::string payload = encode_restart(entries[0]);
  const Entry restart{.kind = EntryKind::restart,
                      .source = 0,
                      .time = EngineWorld::begin + 2s,
                      .resume = {},
                      .topic = {},
                      .payload = payload};
  REQUIRE(!world.engine->apply(Position{2}, restart, 0));
  const Entry again{.kind = EntryKind::record,
                    .source = 1,
                    .time = EngineWorld::begin + 1s,
                    .resume = {},
                    .topic = {},
                    .payload = failing};
  REQUIRE(world.engine->apply_missed(Position{1}, again, 0));
  return {first, next()};
}

using Delays = std::pair<Duration, Duration>;

}  // namespace

// interface: restart.strategy, restart.attempts
TEST_CASE("a pipeline without a strategy of its own has that of the table") {
  EngineWorld world(with_source_a(std::string(kStrict) +
                                  "poison_after = 1\n[restart]\nstrategy = \"fixed-delay\"\nattempts = 1\n"));
  world.event(1s, "k", 0);
  CHECK(world.engine->standing(0) == nullptr);
  world.event(2s, "k", 0);
  REQUIRE(world.engine->standing(0));
  CHECK(world.engine->standing(0)->failed);
}

// interface: restart.max_failures, restart.per
TEST_CASE("the table's failure-rate counts within its time") {
  EngineWorld world(with_source_a(std::string(kStrict) +
                                  "poison_after = 1\n[restart]\nstrategy = \"failure-rate\"\n"
                                  "max_failures = 1\nper = \"5s\"\n"));
  for (const Duration at : {Duration(0s), Duration(6s), Duration(12s)}) world.event(at, "k", 0);
  CHECK(world.engine->standing(0) == nullptr);
  world.event(14s, "k", 0);
  REQUIRE(world.engine->standing(0));
  CHECK(world.engine->standing(0)->failed);
}

// interface: pipelines.restart.delay, restart.delay
TEST_CASE("fixed-delay and failure-rate wait the same time before each attempt") {
  const Delays seven{7s, 7s};
  CHECK(delays_of("restart = { strategy = \"fixed-delay\", delay = \"7s\" }") == seven);
  CHECK(delays_of("[restart]\nstrategy = \"failure-rate\"\ndelay = \"7s\"") == seven);
}

// interface: pipelines.restart.initial, pipelines.restart.multiplier, pipelines.restart.max
// interface: restart.initial, restart.multiplier, restart.max
TEST_CASE("exponential-delay begins with initial and grows by multiplier up to max") {
  const Delays grown{2s, 6s}, bounded{2s, 5s};
  CHECK(delays_of("restart = { initial = \"2s\", multiplier = 3, jitter = 0 }") == grown);
  CHECK(delays_of("restart = { initial = \"2s\", multiplier = 3, max = \"5s\", jitter = 0 }") == bounded);
  CHECK(delays_of("[restart]\ninitial = \"2s\"\nmultiplier = 3\njitter = 0") == grown);
  CHECK(delays_of("[restart]\ninitial = \"2s\"\nmultiplier = 3\nmax = \"5s\"\njitter = 0") == bounded);
}

// interface: pipelines.restart.jitter, restart.jitter
TEST_CASE("jitter moves each delay by no more than its part") {
  for (const char* rest :
       {"restart = { initial = \"10s\", jitter = 0.5 }", "[restart]\ninitial = \"10s\"\njitter = 0.5"}) {
    std::set<Duration> seen;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const Duration delay = delays_of(rest, seed).first;
      CHECK(delay >= 5s);
      CHECK(delay <= 15s);
      seen.insert(delay);
    }
    CHECK(seen.size() > 10);
  }
}

// interface: pipelines.restart.reset_after, restart.reset_after
TEST_CASE("after reset_after without a failure the delay is the initial one again") {
  for (const char* rest : {"restart = { initial = \"2s\", jitter = 0, reset_after = \"500ms\" }",
                           "[restart]\ninitial = \"2s\"\njitter = 0\nreset_after = \"500ms\""})
    CHECK(delays_of(rest) == Delays{2s, 2s});
}
