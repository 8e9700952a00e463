// Tests of a configuration, run: over time, power cuts, kills and restarts.
#include "trial/trial.h"

#include <doctest/doctest.h>

#include "config/loader.h"
#include "pipeline/appliance.h"

using namespace tidemark;

namespace {

constexpr const char* kPipelines = R"(
[sources.plant]
type = "mqtt"
url = "mqtt://localhost"
topics = ["t/+"]
topic_fields = "t/{device}"
[sources.lines]
type = "tcp"
listen = ":9999"
format = "csv"
fields = ["word:string", "n:int"]
dead_letter_to = "bad"
[pipelines.totals]
from = ["lines"]
key_by = ["word"]
select = ["sum(n) AS total"]
to = ["out"]
[pipelines.latest]
from = ["plant"]
key_by = ["device"]
select = ["count(*) AS n", "last(v) AS v"]
[pipelines.minutes]
from = ["lines"]
time = "processing"
window = { type = "tumbling", size = "1m" }
select = ["count(*) AS n"]
to = ["file"]
[sinks.out]
type = "mqtt"
url = "mqtt://localhost"
topic = "out"
[sinks.file]
type = "file"
path = "minutes.jsonl"
[sinks.bad]
type = "sqlite"
path = "bad.db"
)";

std::vector<TrialOutcome> run(const std::string& tests, const std::string& before = "") {
  Diagnostics diagnostics;
  LoaderEnvironment environment{.host_name = "box", .variable = {}, .secret_file = {}};
  environment.variable = [](const std::string&) { return std::nullopt; };
  auto settings = load_settings({{"t.toml", before + kPipelines + tests}}, environment, diagnostics);
  if (settings) check_plan(*settings, diagnostics);
  if (!settings || diagnostics.has_errors()) FAIL(diagnostics.to_text());
  std::vector<TrialOutcome> out;
  for (const TestSettings& test : settings->tests) out.push_back(run_trial(*settings, test));
  return out;
}

// "" when it has passed.
std::string told(const TrialOutcome& outcome) {
  std::string out = outcome.broken;
  for (const TrialOutcome::Difference& difference : outcome.differences) {
    out += std::to_string(difference.step) + " " + difference.at + ":";
    for (const ComparedRow& row : difference.rows)
      out += (row.kind == ComparedRow::Kind::met       ? " ="
              : row.kind == ComparedRow::Kind::missing ? " -"
                                                       : " +") +
             row.text;
    out += "\n";
  }
  return out;
}

std::string told(const std::string& steps, const std::string& before = "") {
  const auto outcomes = run("[[tests]]\nname = 't'\nsteps = [" + steps + "]\n", before);
  REQUIRE(outcomes.size() == 1);
  return told(outcomes.front());
}

}  // namespace

TEST_CASE("what comes in comes out at sinks and pipelines") {
  CHECK(told(R"({ source = "lines", input = ["a,1", "b,2", "a,3"] },
                { sink = "out", expect = [{ word = "a", total = 1 }, { word = "b", total = 2 }, { word = "a", total = 4 }] },
                { pipeline = "totals", expect = ['{"total": 1}', '{"total": 2}', '{"total": 4}'] },
                { source = "plant", topic = "t/x", input = '{"v": 7}' },
                { pipeline = "latest", expect = [{ device = "x", n = 1, v = 7 }] })") == "");
}

TEST_CASE("a difference names the step, the place and the rows") {
  CHECK(told(R"({ source = "lines", input = ["a,1", "a,2"] },
                { sink = "out", expect = [{ total = 1 }, { total = 4 }] })") ==
        "2 sink out: ={\"word\":\"a\",\"total\":1} -{\"total\":4} +{\"word\":\"a\",\"total\":3}\n");
}

TEST_CASE("what nobody expected at a place that is looked at is a difference at the end") {
  CHECK(told(R"({ sink = "out", expect = [] }, { source = "lines", input = "a,1" })") ==
        "0 sink out: +{\"word\":\"a\",\"total\":1}\n");
  CHECK(told(R"({ source = "lines", input = "a,1" })") == "");
}

TEST_CASE("state goes on over every way to end, and no result comes twice") {
  for (const char* event : {"power-cut", "kill", "restart"}) {
    CAPTURE(event);
    for (const char* checkpoint : {"", R"({ event = "checkpoint" },)"}) {
      CHECK(told(std::string(R"({ source = "lines", input = ["a,1", "b,2"] }, { advance = "1s" },)") +
                 checkpoint + R"({ source = "lines", input = "a,4" }, { advance = "1s" }, { event = ")" +
                 event + R"(", down = "5m" },
                    { source = "lines", input = "a,10" },
                    { sink = "out", expect = [{ total = 1 }, { total = 2 }, { total = 5 }, { total = 15 }] },
                    { pipeline = "totals", expect = [{ total = 1 }, { total = 2 }, { total = 5 }, { total = 15 }] })") ==
            "");
    }
  }
}

TEST_CASE("a power cut takes what was not synced; who is told what is durable sends it again") {
  const auto outcomes = run(R"(
[[tests]]
name = "not told"
steps = [
  { source = "lines", input = "a,1" }, { advance = "1s" }, { source = "lines", input = "a,2" }, { event = "power-cut" },
  { source = "lines", input = "a,4" }, { pipeline = "totals", expect = [{ total = 1 }, { total = 5 }] },
]
[[tests]]
name = "told"
steps = [
  { source = "plant", topic = "t/x", input = '{"v": 1}' }, { advance = "1s" },
  { source = "plant", topic = "t/x", input = '{"v": 2}' }, { event = "power-cut" },
  { source = "plant", topic = "t/x", input = '{"v": 3}' },
  { pipeline = "latest", expect = [{ n = 1, v = 1 }, { n = 2, v = 2 }, { n = 3, v = 3 }] },
]
)");
  REQUIRE(outcomes.size() == 2);
  CHECK(told(outcomes[0]) == "");
  REQUIRE(outcomes[0].log.size() == 1);
  CHECK(outcomes[0].log[0].starts_with("sources.lines: 1 record not yet durable was lost"));
  CHECK(told(outcomes[1]) == "");
  CHECK(outcomes[1].log.empty());
}

TEST_CASE("time closes windows, also while it is off") {
  CHECK(told(R"({ source = "lines", input = ["a,1", "b,2"] }, { at = "59s" }, { sink = "file", expect = [] },
                { at = "60s" }, { sink = "file", expect = [{ window_start = "2025-01-01T00:00:00Z", n = 2 }] },
                { at = "61s", source = "lines", input = "a,1" }, { advance = "1s" }, { event = "kill", down = "5m" },
                { sink = "file", expect = [{ window_end = "2025-01-01T00:02:00Z", n = 1 }] })") == "");
}

TEST_CASE("a drain closes what is open") {
  CHECK(told(R"({ source = "lines", input = "a,1" }, { event = "drain" },
                { sink = "file", expect = [{ n = 1 }] })") == "");
}

TEST_CASE("the clock begins where the test says") {
  const auto outcomes = run(R"(
[[tests]]
name = "new year"
start = "2024-12-31T23:59:30Z"
steps = [
  { source = "lines", input = "a,1" }, { advance = "30s" },
  { sink = "file", expect = [{ window_start = "2024-12-31T23:59:00Z", window_end = "2025-01-01T00:00:00Z" }] },
]
)");
  CHECK(told(outcomes.front()) == "");
}

TEST_CASE("records that cannot be read are counted, go where they are sent, and stand in the log") {
  const auto outcomes = run(R"(
[[tests]]
name = "bad"
steps = [{ source = "lines", input = "a,b,c" }, { sink = "bad", expect = [{ source = "lines", payload = "a,b,c" }] }]
)");
  CHECK(told(outcomes.front()) == "");
  CHECK(outcomes.front().records == 1);
}

TEST_CASE("without a journal a crash goes back to the last checkpoint") {
  const std::string off = "[journal]\nenabled = false\n[checkpoint]\ninterval = '10s'\n";
  CHECK(
      told(
          R"({ source = "lines", input = "a,1" }, { event = "checkpoint" }, { source = "lines", input = "a,2" },
                { advance = "1s" }, { event = "kill" }, { source = "lines", input = "a,4" },
                { pipeline = "totals", expect = [{ total = 1 }, { total = 5 }] })",
          off) == "");
}

TEST_CASE("in at-least-once mode what is replayed comes again") {
  const std::string mode = "[checkpoint]\nmode = 'at-least-once'\n";
  CHECK(told(R"({ source = "lines", input = "a,1" }, { advance = "1s" }, { event = "kill" },
                { pipeline = "totals", expect = [{ total = 1 }, { total = 1 }] })",
             mode) == "");
}
