#include "pipeline/foreseen_values.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine_world.h"

namespace tidemark {
namespace {

constexpr std::size_t kColumns = 12;

// Rows of source `a`, as they are decoded ahead: of the fields k and v.
class Ahead {
 public:
  explicit Ahead(const std::string& pipeline) {
    auto loaded = settings_of(
        with_source_a("[pipelines.p]\nfrom = [\"a\"]\nselect = [\"k\", \"v\"]\nto = [\"out\"]\n" + pipeline));
    REQUIRE_MESSAGE(loaded, loaded.error().message);
    settings_ = std::move(*loaded);
    Diagnostics diagnostics;
    plan_ = make_plan(settings_, diagnostics);
    REQUIRE_MESSAGE(plan_, diagnostics.to_text());
    values = std::make_unique<ForeseenValues>(plan_->pipelines[0]);
    rows_.resize(RowsAhead::kMost * kColumns);
  }

  void foresee(const std::vector<Value>& v, std::uint64_t number = 1) {
    std::vector<ForeseenRow> foreseen;
    for (std::size_t i = 0; i < v.size(); ++i) {
      row(i)[slot("k")] = Value::text("key");
      row(i)[slot("v")] = v[i];
      foreseen.push_back({row(i), EventTime()});
    }
    values->foresee({number, foreseen, kRowFirstColumn, JournalTime()}, input());
  }
  // A condition of the pipeline, as a program that stands beside.
  const Program& where() const { return *plan_->pipelines[0].where; }
  void turn_to(std::size_t i, std::uint64_t number = 1) {
    values->turn_to({.values = {row(i), kColumns},
                     .time = {},
                     .received = {},
                     .position = {},
                     .source = "a",
                     .foresight = number});
  }
  // "unknown" when its own evaluation must say.
  std::string derived(std::size_t column) const {
    Value value;
    return values->derived(column, value) ? to_text(value) : "unknown";
  }
  std::vector<std::string> derived_of_all(std::size_t rows) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < rows; ++i) {
      turn_to(i);
      all.push_back(derived(0));
    }
    return all;
  }

  std::unique_ptr<ForeseenValues> values;

 private:
  const PipelineInput& input() const { return plan_->pipelines[0].inputs[0]; }
  Value* row(std::size_t i) { return rows_.data() + i * kColumns; }
  std::uint32_t slot(std::string_view name) const {
    const std::vector<std::string>& names = plan_->pipelines[0].gathered_names;
    return input().gather[static_cast<std::size_t>(std::ranges::find(names, name) - names.begin())];
  }

  Settings settings_;
  std::unique_ptr<Plan> plan_;
  std::vector<Value> rows_;
};

std::vector<Value> integers(std::initializer_list<std::int64_t> these) {
  std::vector<Value> values;
  for (const std::int64_t of : these) values.push_back(Value::integer(of));
  return values;
}

using Texts = std::vector<std::string>;
using Verdict = ForeseenValues::Verdict;

TEST_CASE("derived columns and where of rows to come are known in their turn") {
  Ahead a("derive = [\"v * 2 AS twice\", \"twice + 1 AS more\"]\nwhere = \"twice > 4\"");
  CHECK(a.values->foresees());
  a.foresee(integers({1, 2, 3, 4, 5, 6}));
  a.turn_to(3);
  CHECK(a.values->verdict() == Verdict::passes);
  CHECK(a.derived(0) == "8");
  CHECK(a.derived(1) == "9");
}

TEST_CASE(
    "a row that where leaves out is known as such, and what comes after where is not evaluated for it") {
  Ahead a("derive = [\"v * 2 AS twice\"]\nwhere = \"v > 2\"");
  a.foresee(integers({1, 2, 3, 4, 5, 6}));
  CHECK(a.values->verdict_of(1) == Verdict::left_out);
  CHECK(a.values->verdict_of(2) == Verdict::passes);
  CHECK(a.derived_of_all(6) == Texts{"unknown", "unknown", "6", "8", "10", "12"});
  CHECK(a.values->verdict() == Verdict::passes);
}

TEST_CASE("a further program is known of rows that pass") {
  Ahead a("where = \"v > 2\"");
  CHECK(a.values->add(a.where()) == 0);
  a.foresee(integers({1, 2, 3, 4, 5, 6}));
  Value value;
  a.turn_to(1);
  CHECK(!a.values->further(0, value));
  a.turn_to(2);
  REQUIRE(a.values->further(0, value));
  CHECK(to_text(value) == "true");
}

TEST_CASE("a row that cannot be evaluated is not known, nor is it left out") {
  Ahead a("derive = [\"v * 2 AS twice\"]\nwhere = \"v > 2\"");
  a.foresee({Value::integer(5), Value::text("x"), Value::integer(7), Value::integer(8), Value::integer(9)});
  CHECK(a.values->verdict_of(1) == Verdict::unknown);
  CHECK(a.derived_of_all(5) == Texts{"10", "unknown", "14", "16", "18"});
  a.foresee({Value::integer(5), Value::text("x"), Value::integer(7), Value::integer(8)}, 2);
  a.turn_to(1, 2);
  CHECK(a.values->verdict() == Verdict::unknown);
}

TEST_CASE("a row is only known when it stood in what was foreseen last") {
  Ahead a("derive = [\"v * 2 AS twice\"]");
  a.foresee(integers({1, 2, 3, 4}), 5);
  a.turn_to(0, 4);
  CHECK(a.derived(0) == "unknown");
  a.turn_to(0, 0);
  CHECK(a.derived(0) == "unknown");
  a.turn_to(5, 5);
  CHECK(a.derived(0) == "unknown");
  a.turn_to(0, 5);
  CHECK(a.derived(0) == "unknown");  // its turn is over
  a.foresee(integers({1, 2, 3, 4}), 6);
  a.turn_to(2, 6);
  CHECK(a.derived(0) == "6");
}

TEST_CASE("few rows are left to their own evaluation") {
  Ahead a("derive = [\"v * 2 AS twice\"]");
  a.foresee(integers({1, 2}));
  CHECK(a.derived_of_all(2) == Texts{"unknown", "unknown"});
}

TEST_CASE("what a function gives, or what is known only in the row's turn, is left to it") {
  Ahead functions("derive = [\"abs(v) AS size\", \"v + 1 AS more\"]");
  functions.foresee(integers({1, 2, 3, 4}));
  functions.turn_to(1);
  CHECK(functions.derived(0) == "unknown");
  CHECK(functions.derived(1) == "3");
  Ahead times("derive = [\"_received - v AS age\"]");
  CHECK(times.values->foresees());
  times.foresee(integers({1, 2, 3, 4}));
  CHECK(times.derived_of_all(2) == Texts{"unknown", "unknown"});
  CHECK(!times.values->foresees());  // it has been seen that nothing comes of it
  CHECK(!Ahead("").values->foresees());
  CHECK(!Ahead("derive = [\"upper(k) AS name\"]").values->foresees());
}

}  // namespace
}  // namespace tidemark
