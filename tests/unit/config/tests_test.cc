// [[tests]]: how they are read, and what is wrong with them.
#include <doctest/doctest.h>

#include "reports.h"

namespace tidemark {
namespace {

constexpr const char* kRest = R"(
[sources.lines]
type = "stdin"
[sources.plant]
type = "mqtt"
url = "mqtt://h"
topics = ["t"]
format = "cbor"
[pipelines.p]
from = ["lines", "plant"]
to = ["out"]
[sinks.out]
type = "null"
)";

// What is said of one step, without the place.
std::string of_step(const std::string& step) {
  const std::string text = report("[[tests]]\nname = 't'\nsteps = [" + step + "]" + kRest);
  const std::size_t at = text.find("error: ");
  return at == std::string::npos ? text : text.substr(at + 7, text.find('\n', at) - at - 7);
}

std::string toml_of(const std::string& steps) {
  return "[[tests]]\nname = 't'\nsteps = [" + steps + "]" + kRest;
}

}  // namespace

TEST_CASE("a test is read with its steps in their order") {
  const auto settings = load(R"(
[[tests]]
name = "one"
start = "2025-03-01T13:00:00+01:00"
steps = [
  { at = "5s", source = "plant", topic = "t", input = ["a0", "a0"] },
  { source = "lines", input = "x" },
  { advance = "1m" },
  { event = "power-cut", down = "2s" },
  { sink = "out", expect = [{ a = 1, b = "x", c = [1.5, true], d = { e = 1 } }, '{"a": null}'] },
  { pipeline = "p", expect = [] },
]
[[tests]]
name = "two"
[[tests.steps]]
event = "drain"
)" + std::string(kRest));
  REQUIRE(settings);
  REQUIRE(settings->tests.size() == 2);
  const TestSettings& one = settings->tests[0];
  CHECK(one.start_ns == 1'740'830'400'000'000'000);
  REQUIRE(one.steps.size() == 6);
  CHECK(*one.steps[0].at == 5s);
  CHECK(one.steps[0].input.size() == 2);
  CHECK(one.steps[0].topic == "t");
  CHECK(*one.steps[1].input[0] == "x");
  CHECK(one.steps[2].advance == 1min);
  CHECK(one.steps[3].event == TestStep::Event::power_cut);
  CHECK(one.steps[3].down == 2s);
  REQUIRE(one.steps[4].expect->size() == 2);
  CHECK(*(*one.steps[4].expect)[0] == R"({"a":1,"b":"x","c":[1.5,true],"d":{"e":1}})");
  CHECK(*(*one.steps[4].expect)[1] == R"({"a": null})");
  CHECK(one.steps[5].expect->empty());
  CHECK(*one.steps[5].pipeline == "p");
  CHECK(settings->tests[1].steps[0].event == TestStep::Event::drain);
}

TEST_CASE("tests are no part of what runs") {
  const auto with = load(toml_of("{ source = 'lines', input = 'x' }"));
  const auto without = load(kRest);
  REQUIRE(with);
  REQUIRE(without);
  CHECK(with->fingerprint == without->fingerprint);
  CHECK(with->canonical_text == without->canonical_text);
}

TEST_CASE("tests of several files stand one behind the other") {
  Diagnostics diagnostics;
  const auto settings = load_settings({{"a.toml", kRest},
                                       {"b.toml", "[[tests]]\nname = 'b'\nsteps = []\n"},
                                       {"c.toml", "[[tests]]\nname = 'c'\nsteps = []\n"}},
                                      test_environment(), diagnostics);
  REQUIRE(settings);
  REQUIRE(settings->tests.size() == 2);
  CHECK(*settings->tests[1].name == "c");
}

TEST_CASE("a mistake in a step is shown at its place") {
  CHECK(report(toml_of("{ sink = 'outt', expect = [] }")) ==
        R"text(t.toml:3:19: error: there is no sink "outt"; did you mean "out"?
    3 | steps = [{ sink = 'outt', expect = [] }]
      |                   ^^^^^^
      there are: out
)text");
}

TEST_CASE("a step does one thing, and what belongs to another is refused") {
  struct Row {
    const char* step;
    const char* said;
  };
  const Row rows[] = {
      {"{ }", "this step does nothing"},
      {"{ input = 'x', advance = '1s', source = 'lines' }",
       "a step does one thing, and this has `input` and `advance`"},
      {"{ sink = 'out' }", "`sink` belongs to `expect`, which this step has not"},
      {"{ source = 'lines', advance = '1s' }", "`source` belongs to `input`, which this step has not"},
      {"{ down = '1s', advance = '1s' }", "`down` belongs to `event`, which this step has not"},
      {"{ event = 'drain', down = '1s' }", "nothing is down here"},
      {"{ expect = [] }", "`expect` looks at one `sink` or one `pipeline`"},
      {"{ sink = 'out', pipeline = 'p', expect = [] }", "`expect` looks at one `sink` or one `pipeline`"},
      {"{ input = 'x' }", "`source` must say at which source this comes in"},
      {"{ source = 'lin', input = 'x' }", "there is no source \"lin\""},
      {"{ source = 'lines', topic = 't', input = 'x' }", "`topic` is for mqtt sources, and lines is none"},
      {"{ source = 'plant', input = 'x' }",
       "source plant takes messages that are no text: write them in hex digits"},
      {"{ source = 'lines', input = '' }", "`input` holds an empty string"},
      {"{ source = 'lines', input = [] }", "`input` is an empty list"},
      {"{ source = 'lines', input = [1] }", "`input` takes strings, not an integer"},
      {"{ sink = 'out', expect = {} }", "`expect` takes a list of rows, not a table"},
      {"{ sink = 'out', expect = [1] }", "`expect` takes rows, not an integer"},
      {"{ sink = 'out', expect = ['[]'] }", "a row of `expect` is no JSON object"},
      {"{ sink = 'out', expect = [{ t = 2025-01-01 }] }", "a row holds times as strings"},
      {"{ at = '5s' }, { at = '4s' }", "`at` is 4s, and the steps before take 5s"},
      {"{ advance = '5s' }, { event = 'kill', down = '5s' }, { at = '9s' }",
       "`at` is 9s, and the steps before take 10s"},
      {"{ event = 'drain' }, { advance = '1s' }",
       "it has stopped for good: after drain only `expect` can follow"},
      {"3", "`steps` takes tables, not an integer"},
      {"{ advnace = '1s' }", "unknown key `advnace`; did you mean `advance`?"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.step);
    CHECK(of_step(row.step) == row.said);
  }
}

TEST_CASE("two tests of one name are told apart by nobody") {
  CHECK(report(std::string("[[tests]]\nname = 't'\nsteps = []\n[[tests]]\nname = 't'\nsteps = []\n") + kRest)
            .starts_with("t.toml:5:8: error: another test is called \"t\", too"));
}

}  // namespace tidemark
