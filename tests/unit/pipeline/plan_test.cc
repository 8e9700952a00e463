#include "pipeline/plan.h"

#include <doctest/doctest.h>

#include "config/loader.h"
#include "engine_world.h"

namespace tidemark {
namespace {

// Everything that is wrong with a pipeline over source `a` (json, any field) and `c` (csv: word, n).
std::string mistakes(const std::string& pipelines) {
  Diagnostics diagnostics;
  auto settings = settings_of(with_source_a(R"(
[sources.c]
type = "tcp"
listen = "127.0.0.1:9002"
format = "csv"
fields = ["word:string", "n:int"]
)" + pipelines),
                              diagnostics);
  REQUIRE_MESSAGE(settings, diagnostics.to_text());
  const auto plan = make_plan(*settings, diagnostics);
  CHECK((plan == nullptr) == diagnostics.has_errors());
  return diagnostics.to_text();
}

std::string pipeline(const std::string& keys) {
  return "[pipelines.p]\nto = [\"out\"]\n" + keys + "\n";
}

struct Mistake {
  const char* name;
  std::string keys;
  std::vector<const char*> says;
};

TEST_CASE("plan: mistakes of expressions are reported at their place, with what would be right") {
  const Mistake table[] = {
      {"grammar", "from = [\"a\"]\nselect = [\"v + \"]", {"select = [\"v + \"]", "^"}},
      {"unknown column of csv", "from = [\"c\"]\nselect = [\"wrod\"]", {"wrod", "select = [\"wrod\"]"}},
      {"unknown column of a pipeline",
       "from = [\"other\"]\nselect = [\"totall\"]\n[pipelines.other]\nfrom = [\"a\"]\nkey_by = "
       "[\"k\"]\nselect = "
       "[\"sum(v) AS total\"]",
       {"pipeline \"other\" has no result column \"totall\"", "did you mean \"total\"?"}},
      {"text where a number is needed", "from = [\"c\"]\nselect = [\"word + 1 AS x\"]", {"word + 1"}},
      {"no aggregate in a window",
       "from = [\"a\"]\nwindow = { type = \"tumbling\", size = \"1s\" }\nselect = [\"1 AS one\"]",
       {"a window needs an aggregate in select"}},
      {"key_by without an aggregate",
       "from = [\"a\"]\nkey_by = [\"k\"]\nselect = [\"v\"]",
       {"key_by needs an aggregate"}},
      {"a plain field beside an aggregate",
       "from = [\"a\"]\nkey_by = [\"k\"]\nselect = [\"count(*) AS n\", \"v\"]",
       {"\"v\" is no key field and stands in no aggregate", "known: k"}},
      {"a quantile beyond all values",
       "from = [\"a\"]\nselect = [\"quantile(v, 99)\"]",
       {"q is a number from 0 to 1, such as 0.99", "^"}},
      {"a field where a constant is needed",
       "from = [\"a\"]\nselect = [\"quantile(v, k)\"]",
       {"a constant is needed here; it is quantile(x, q)"}},
      {"bounds that do not ascend",
       "from = [\"a\"]\nselect = [\"histogram(v, [5, 5])\"]",
       {"bounds ascend, as in histogram(x, [10, 20, 50])"}},
      {"more places than are kept",
       "from = [\"a\"]\nselect = [\"max_by(k, v, 101)\"]",
       {"max_by: n is an integer from 1 to 100"}},
      {"a list where a value is needed", "from = [\"a\"]\nselect = [\"sum([1, 2])\"]", {"sum: no list here"}},
      {"a list outside of aggregates",
       "from = [\"a\"]\nselect = [\"abs([1])\"]",
       {"a list in brackets is only for an aggregate that takes one"}},
      {"DISTINCT where it would decide nothing",
       "from = [\"a\"]\nselect = [\"max(DISTINCT v)\"]",
       {"max takes no DISTINCT; count, sum and avg of one value do"}},
      {"two columns of one name",
       "from = [\"a\"]\nkey_by = [\"k\"]\nselect = [\"count(*) AS k\"]",
       {"two result columns are called \"k\"", "AS"}},
      {"derived twice",
       "from = [\"a\"]\nderive = [\"v AS x\", \"k AS x\"]\nselect = [\"x\"]",
       {"\"x\" is derived twice"}},
      {"no select", "from = [\"a\"]", {"pipeline \"p\" has no select"}},
      {"a selected column mistyped in having",
       "from = [\"a\"]\nkey_by = [\"k\"]\nselect = [\"count(*) AS total\"]\nhaving = \"totl > 3\"",
       {"there is no column \"totl\"", "did you mean \"total\"?"}},
      {"an aggregate with a star that takes none",
       "from = [\"a\"]\nselect = [\"sum(*) AS n\"]",
       {"sum takes 1 value, not *"}},
      {"metadata of a record in a result",
       "from = [\"a\"]\nkey_by = [\"k\"]\nselect = [\"count(*) AS n\", \"_time AS t\"]",
       {"belongs to a record", "max(_time)"}},
      {"where is no condition", "from = [\"c\"]\nwhere = \"n + 1\"\nselect = [\"n\"]", {"where = \"n + 1\""}},
  };
  for (const Mistake& mistake : table) {
    CAPTURE(mistake.name);
    const std::string text = mistakes(pipeline(mistake.keys));
    CAPTURE(text);
    CHECK(text.contains("sim.toml:"));
    for (const char* part : mistake.says) CHECK(text.contains(part));
  }
}

TEST_CASE("plan: all mistakes of all pipelines are reported at once") {
  const std::string text = mistakes(pipeline("from = [\"a\"]\nwhere = \"v >\"\nselect = [\"v +\"]") +
                                    "[pipelines.q]\nfrom = [\"c\"]\nselect = [\"nix\"]\n");
  CAPTURE(text);
  for (const char* part : {"v >", "v +", "nix"}) CHECK(text.contains(part));
}

// Everything that is wrong with the text, as `check` shows it.
std::string all_mistakes(const std::string& config) {
  Diagnostics diagnostics;
  const LoaderEnvironment environment{
      "sim", [](const std::string&) { return std::nullopt; },
      [](const std::string&) -> Result<std::string> { return fail("no secrets"); }};
  const auto settings = read_settings({{"sim.toml", config}}, environment, diagnostics);
  REQUIRE(settings);
  CHECK(make_plan(*settings, diagnostics) == nullptr);
  return diagnostics.to_text();
}

TEST_CASE("plan: expressions are checked also where a pipeline reads nothing that is there, or itself") {
  const std::string text = all_mistakes(with_source_a(R"(
[pipelines.p]
from = ["nowhere"]
derive = ["v * 2 AS twice", "lowr(k) AS small"]
where = "any_field > _time"
key_by = ["k"]
select = ["count(*) AS n", "v", "sum(twice) AS n"]
[pipelines.q]
from = ["p", "r"]
select = [
  "n + k AS x",
  "a +",
]
[pipelines.r]
from = ["q"]
where = "'text'"
select = ["x"]
)"));
  CAPTURE(text);
  for (const char* part : {"there is no source or pipeline \"nowhere\"", "lowr(k) AS small", "did you mean",
                           "\"v\" is no key field", "a +", "where = \"'text'\""})
    CHECK(text.contains(part));
  for (const char* part : {"any_field", "twice AS", "n + k AS x"}) CHECK_FALSE(text.contains(part));
}

TEST_CASE("plan: what where needs is derived before it, the rest only for records that pass") {
  EngineWorld world(with_source_a(R"(
[pipelines.p]
from = ["a"]
derive = ["v * 2 AS twice", "10 / v AS share", "twice + 1 AS more"]
where = "more > 1"
select = ["share"]
to = ["out"]
)"));
  CHECK(world.plan->pipelines[0].derive_before == std::vector<std::size_t>{0, 2});
  CHECK(world.plan->pipelines[0].derive_after == std::vector<std::size_t>{1});
  world.event(1s, "x", 0);  // does not pass; the division is never done
  CHECK(world.engine->pipeline_counters(0).errors == 0);
}

TEST_CASE("plan: a field that one of several inputs has is NULL in records of the others") {
  EngineWorld world(with_source_a(R"(
[pipelines.totals]
from = ["a"]
key_by = ["k"]
select = ["sum(v) AS total"]
[pipelines.both]
from = ["a", "totals"]
select = ["_source AS s", "k", "v", "total"]
to = ["out"]
)"));
  world.event(1s, "x", 4);
  CHECK(world.output.take() == std::vector<std::string>{"both a x 4 NULL", "both totals x NULL 4"});
}

TEST_CASE("plan: the fingerprint of state follows keys, window and aggregates, not names, filters or sinks") {
  const auto fingerprint = [](const std::string& keys) {
    EngineWorld world(with_source_a("[pipelines.p]\nfrom = [\"a\"]\n" + keys));
    return world.plan->pipelines[0].state_fingerprint;
  };
  const std::string base = "key_by = [\"k\"]\nselect = [\"sum(v) AS s\"]\n";
  CHECK(
      fingerprint(base) ==
      fingerprint("key_by = [\"k\"]\nwhere = \"v > 1\"\nselect = [\"sum( v ) AS other\"]\nto = [\"out\"]\n"));
  CHECK(fingerprint(base) !=
        fingerprint("key_by = [\"k\"]\nselect = [\"sum(v) AS s\", \"count(*) AS n\"]\n"));
  CHECK(fingerprint(base) != fingerprint("key_by = [\"v\"]\nselect = [\"sum(v) AS s\"]\n"));
  CHECK(fingerprint(base) != fingerprint(base + "window = { type = \"tumbling\", size = \"1s\" }\n"));
}

}  // namespace
}  // namespace tidemark
