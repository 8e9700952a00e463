// Columns of JSON: which they are, where they go, and how they are shown.
#include <doctest/doctest.h>

#include "engine_world.h"
#include "pipeline/state_rows.h"
#include "sinks/row_text.h"

using namespace tidemark;

namespace {

// Results as a sink of JSON lines writes them.
class JsonLines final : public EngineOutput {
 public:
  void result(const Emission& emission) override {
    std::vector<Value> values(emission.schema->columns.size());
    REQUIRE(decode_values(emission.bytes, values));
    lines.push_back(text_.object({.schema = emission.schema, .number = {}, .chain = 0, .values = values}));
  }
  bool full() const override { return false; }
  void noticed(std::string_view, std::string_view, std::string_view) override {}
  std::vector<std::string> lines;

 private:
  RowText text_{RowTextOptions{}};
};
using JsonWorld = BasicEngineWorld<JsonLines>;
using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE(
    "aggregates and functions that give JSON stand as such in results, and in those of who reads them") {
  JsonWorld world(with_source_a(R"(
[pipelines.frequent]
from = ["a"]
key_by = ["k"]
select = ["top(v, 2) AS often", "collect(v, 2) AS first", "histogram(v, [5]) AS spread",
          "json_object('n', count(*), 'often', top(v, 1)) AS both", "top(v, 2) || '' AS text", "max(k) AS word"]
to = ["out"]
[pipelines.behind]
from = ["frequent"]
derive = ["json_array(first, word) AS more", "json_length(often) AS different"]
select = ["often", "more", "different", "word"]
to = ["out"]
)"));
  world.event(1s, "x", 3);
  CHECK(
      world.output.lines ==
      Lines{
          R"({"k":"x","often":[{"value":3,"count":1}],"first":[3],"spread":[1,0],)"
          R"("both":{"n":1,"often":[{"value":3,"count":1}]},"text":"[{\"value\":3,\"count\":1}]","word":"x"})",
          R"({"often":[{"value":3,"count":1}],"more":[[3],"x"],"different":1,"word":"x"})"});
}

TEST_CASE("a column is JSON if every input that has it says so") {
  const auto kinds = [](const std::string& second) {
    JsonWorld world(with_source_a(R"(
[pipelines.one]
from = ["a"]
key_by = ["k"]
select = ["collect(v, 2) AS j"]
[pipelines.two]
from = ["a"]
key_by = ["k"]
select = [")" + second + R"("]
[pipelines.both]
from = ["one", "two"]
select = ["j"]
to = ["out"]
)"));
    for (const PipelinePlan& plan : world.plan->pipelines)
      if (plan.settings->name == "both") return plan.main.columns.at(0).kind;
    return ResultColumn::Kind::time;
  };
  CHECK(kinds("top(v, 2) AS j") == ResultColumn::Kind::json);
  CHECK(kinds("count(*) AS n") == ResultColumn::Kind::json);
  CHECK(kinds("last(v) AS j") == ResultColumn::Kind::plain);
}

TEST_CASE("late records keep JSON of the pipeline that they come from") {
  JsonWorld world(with_source_a(R"(
[pipelines.lists]
from = ["a"]
derive = ["json_array(v) AS list"]
select = ["list", "k"]
[pipelines.counts]
from = ["lists"]
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
select = ["count(list) AS n"]
to = ["out"]
late_to = "late"
)"));
  world.event(1s, "x", 1);
  world.event(30s, "x", 2);
  world.output.lines.clear();
  world.event(2s, "x", 3);
  REQUIRE(world.output.lines.size() == 1);
  CHECK(world.output.lines[0].ends_with(R"("k":"x","list":[3]})"));
}

TEST_CASE("rows of state show JSON, too") {
  JsonWorld world(with_source_a(R"(
[pipelines.frequent]
from = ["a"]
key_by = ["k"]
select = ["top(v, 2) AS often", "max(k) AS word"]
to = ["out"]
)"));
  world.event(1s, "x", 3);
  StateRows rows(world.plan->pipelines[0]);
  Lines found;
  world.engine->pipeline_table(0)->show_saved(0, 10, [&](std::string_view key, std::string_view payload) {
    const auto row = rows.row(key, payload);
    REQUIRE(row);
    found.push_back(state_row_json(rows.columns(), *row));
  });
  CHECK(found == Lines{R"({"k":"x","often":[{"value":3,"count":1}],"word":"x"})"});
}
