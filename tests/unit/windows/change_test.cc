// What every change function must do, whatever it says: the suite runs over the registry.
#include "windows/change.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iterator>
#include <set>

#include "accumulator.h"
#include "base/format.h"
#include "expressions/compile.h"
#include "expressions/parser.h"
#include "support/source_tree.h"
#include "windows/aggregate_call.h"

namespace tidemark {
namespace {

using namespace test;

// Expressions live as long as the program.
CalledChange called(std::string_view text) {
  static std::deque<Expression> kept;
  auto parsed = parse_expression(text);
  REQUIRE(parsed);
  auto change = change_of(kept.emplace_back(std::move(*parsed)));
  REQUIRE_MESSAGE(change, change.error().message);
  return std::move(*change);
}

std::string refusal(std::string_view text) {
  const auto parsed = parse_expression(text);
  REQUIRE(parsed);
  const auto change = change_of(*parsed);
  return change ? "nothing" : change.error().message;
}

// One call of each, by the name of the function, with every form of its constants.
const std::vector<std::pair<std::string_view, std::string_view>> kCalls = {
    {"lag", "lag(x)"},
    {"lag", "lag(x, 3)"},
    {"diff", "diff(x)"},
    {"changed", "changed(x)"},
    {"hysteresis", "hysteresis(x, -2, 3.5)"},
    {"consecutive", "consecutive(x)"},
    {"debounce", "debounce(x, 3)"},
    {"debounce", "debounce(x, '150ns')"},
    {"ewma", "ewma(x, '1us')"},
};

class Course {
 public:
  explicit Course(const CalledChange& change)
      : kept_(change.function), function_(*kept_), state_(function_) {}
  // What the function says of the next record.
  std::string next(const Fed& fed) {
    Arena arena;
    if (const char* why = function_.check(state_.state(), fed.input())) return why;
    const std::string said = to_text(function_.value(state_.state(), fed.input(), arena));
    state_.feed(fed);
    return said;
  }
  std::string saved() const { return state_.saved(); }
  bool load(std::string_view bytes) { return state_.load(bytes); }

 private:
  std::shared_ptr<const ChangeFunction> kept_;
  const ChangeFunction& function_;
  Accumulator state_;
};

// x of the example's records, evaluated.
class OneField final : public Binder {
 public:
  std::expected<Binding, std::string> field(const FieldPath&) override { return Binding{0}; }
  std::expected<Binding, std::string> metadata(Metadata) override { return std::unexpected("none"); }
};

std::vector<std::string> parts(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(", ", at), text.size());
    out.emplace_back(text.substr(at, end - at));
    at = end + 2;
  }
  return out;
}

Value literal(std::string_view text) {
  static std::deque<Expression> kept;
  auto parsed = parse_expression(text);
  REQUIRE(parsed);
  kept.push_back(std::move(*parsed));
  const auto value = constant_of(kept.back());
  REQUIRE(value);
  return *value;
}

TEST_CASE("every change function's example gives what it says") {
  for (const ChangeDeclaration& declaration : change_registry()) {
    CAPTURE(declaration.example);
    CHECK(declaration.signature.starts_with(std::string(declaration.name) + "("));
    CHECK(declaration.doc.back() != '.');
    const std::size_t colon = declaration.example.find(": "), arrow = declaration.example.find(" => ");
    REQUIRE(arrow != std::string_view::npos);
    const CalledChange change = called(declaration.example.substr(0, colon));
    CHECK(change.declaration == &declaration);
    OneField binder;
    const auto argument = compile(*change.argument, binder);
    REQUIRE(argument);
    const std::vector<std::string> given = parts(declaration.example.substr(colon + 2, arrow - colon - 2));
    const std::vector<std::string> said = parts(declaration.example.substr(arrow + 4));
    REQUIRE(given.size() == said.size());
    Course course(change);
    Arena arena;
    for (std::size_t i = 0; i < given.size(); ++i) {
      const Value x = literal(given[i]);
      const auto value = argument->evaluate({&x, 1}, arena);
      REQUIRE(value);
      std::string written = course.next({{*value}, EventTime(std::chrono::seconds(i)), {i}});
      for (char& c : written) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      CHECK(written == said[i]);
    }
  }
}

TEST_CASE("every change function: saved and loaded at every position it says and saves the same") {
  std::set<std::string_view> tested;
  for (const auto& [name, text] : kCalls) {
    tested.insert(name);
    CAPTURE(text);
    const CalledChange change = called(text);
    for (const Kind kind : kKinds)
      for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(static_cast<int>(kind));
        CAPTURE(seed);
        Course live(change);
        std::string saved = live.saved();
        for (const Fed& fed : Feeder(seed, kind, true).make(1, 40)) {
          Course restored(change);
          REQUIRE(restored.load(saved));
          CHECK(restored.saved() == saved);
          CHECK(live.next(fed) == restored.next(fed));
          saved = live.saved();
          CHECK(restored.saved() == saved);
        }
        for (std::size_t size = 0; size < saved.size(); ++size) {
          Course cut(change);
          CHECK_FALSE(cut.load(std::string_view(saved).substr(0, size)));
        }
      }
  }
  for (const ChangeDeclaration& declaration : change_registry()) CHECK(tested.contains(declaration.name));
}

TEST_CASE("every change function: a record that is refused, or without a value, changes nothing") {
  for (const auto& [name, text] : kCalls) {
    CAPTURE(text);
    const CalledChange change = called(text);
    for (const Kind kind : kKinds) {
      Course course(change);
      for (const Fed& fed : Feeder(7, kind, true).make(1, 40)) {
        const std::string before = course.saved();
        course.next({{Value::null()}, fed.time, fed.position});
        CHECK(course.saved() == before);
        course.next(fed);
      }
    }
  }
}

TEST_CASE("change functions: numbers of both kinds are compared by value, others by kind") {
  Course changed(called("changed(x)"));
  const auto say = [&](const Value& x) { return changed.next({{x}, EventTime(Duration(0)), {1}}); };
  CHECK(say(Value::integer(1)) == "true");
  CHECK(say(Value::real(1.0)) == "false");
  CHECK(say(Value::text("1")) == "true");
  CHECK(say(Value::boolean(true)) == "true");
  CHECK(say(Value::real(std::nan(""))) == "true");
  CHECK(say(Value::real(std::nan(""))) == "false");
}

TEST_CASE("change functions: what does not fit is refused, by record or with the configuration") {
  Course diff(called("diff(x)"));
  const auto say = [&](const Value& x) { return diff.next({{x}, EventTime(Duration(0)), {1}}); };
  CHECK(say(Value::integer(std::numeric_limits<std::int64_t>::max())) == "NULL");
  CHECK(say(Value::integer(-2)) == "integer overflow in diff");
  CHECK(say(Value::text("a")) == "diff, hysteresis and ewma need numbers");
  CHECK(say(Value::integer(7)) == "-9223372036854775800");

  CHECK(refusal("lag()") == "lag: it is lag(x[, n])");
  CHECK(refusal("lag(x, 0)") == "lag: n is how many records back, from 1 to 100");
  CHECK(refusal("lag(x, 101)") == "lag: n is how many records back, from 1 to 100");
  CHECK(refusal("lag(x, y)") == "lag: a constant is needed here; it is lag(x[, n])");
  CHECK(refusal("lag(*)") == "lag: it is lag(x[, n])");
  CHECK(refusal("changed(DISTINCT x)") == "changed: it is changed(x)");
  CHECK(refusal("changed(x) FILTER (WHERE y)") ==
        "changed: FILTER belongs to an aggregate; a condition can stand in x, as CASE");
  CHECK(refusal("hysteresis(x, 8, 6)") ==
        "hysteresis: low must not be above high: it ends below low and begins above high");
  CHECK(refusal("hysteresis(x, 'a', 6)") ==
        "hysteresis: low and high are numbers, as in hysteresis(temp, 6, 8)");
  CHECK(refusal("debounce(x, 0)") == "debounce: n is for how many records in a row, from 1 to 1000000");
  CHECK(refusal("debounce(x, 1.5)") ==
        "debounce: how long it must stand is a number of records, or a duration such as '30s'");
  CHECK(refusal("debounce(x, '0s')") == "debounce: how long it must stand must be more than nothing");
  CHECK(refusal("ewma(x, 5)") == "ewma: half_life is a duration in quotes, such as '5m'");
  CHECK(refusal("ewma(x, '5 parsecs')").starts_with("ewma: "));
}

TEST_CASE("change functions: debounce by time looks at the time of records, and ewma weighs by it") {
  Course debounce(called("debounce(x, '10s')"));
  const auto say = [](Course& course, std::int64_t second, double x) {
    return course.next({{Value::real(x)}, EventTime(std::chrono::seconds(second)), {1}});
  };
  CHECK(say(debounce, 100, 1) == "NULL");
  CHECK(say(debounce, 109, 1) == "NULL");
  CHECK(say(debounce, 110, 1) == "1.0");
  CHECK(say(debounce, 120, 2) == "1.0");
  CHECK(say(debounce, 125, 3) == "1.0");  // 2 did not stand
  CHECK(say(debounce, 131, 2) == "1.0");
  CHECK(say(debounce, 90, 2) == "1.0");  // out of order: no time has passed
  CHECK(say(debounce, 141, 2) == "2.0");

  Course ewma(called("ewma(x, '10s')"));
  CHECK(say(ewma, 0, 100) == "100.0");
  CHECK(say(ewma, 10, 0) == "50.0");
  CHECK(say(ewma, 10, 1000) == "50.0");
  CHECK(say(ewma, 5, 1000) == "50.0");
  CHECK(say(ewma, 30, 0) == "12.5");
}

TEST_CASE("change functions: ewma tells nanoseconds of our days apart") {
  Course ewma(called("ewma(x, '100ns')"));
  const auto say = [&ewma](std::int64_t ns, double x) {
    return ewma.next({{Value::real(x)}, time_from_ns<EventTime>(1'740'830'400'000'000'000 + ns), {1}});
  };
  CHECK(say(0, 64) == "64.0");
  CHECK(say(100, 0) == "32.0");
  CHECK(say(200, 0) == "16.0");
  CHECK(say(500, 0) == "2.0");
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes)
    for (const int digit : {static_cast<unsigned char>(c) >> 4, c & 0xf}) out += "0123456789abcdef"[digit];
  return out;
}

// A line a function and kind of input, with the saved bytes: what version 1 wrote into checkpoints.
TEST_CASE("change functions: saved states are the bytes that version 1 wrote") {
  std::string now;
  for (const auto& [name, text] : kCalls) {
    const CalledChange change = called(text);
    const auto line = [&](std::string_view inputs, const std::vector<Value>& values) {
      Course course(change);
      std::uint64_t n = 0;
      for (const Value& value : values) {
        ++n;
        course.next(
            {{value}, time_from_ns<EventTime>(static_cast<std::int64_t>(n) * 1000 - 2500), {n * 100}});
      }
      now += format("{} {} {}\n", text, inputs, hex(course.saved()));
    };
    line("nothing", {});
    line("integers", {Value::integer(3), Value::integer(-400), Value::integer(7), Value::integer(7)});
    line("floats", {Value::real(0.1), Value::real(0.2), Value::integer(1), Value::real(0.3)});
    line("texts", {Value::text("b"), Value::text("b"), Value::text("b"), Value::text("c")});
    line("booleans", {Value::boolean(true), Value::boolean(false), Value::boolean(true)});
  }
  const std::string path = source_tree() + "/tests/golden/v1/change-states.txt";
  if (std::getenv("TIDEMARK_WRITE_GOLDEN")) std::ofstream(path) << now;
  std::ifstream file(path);
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  CHECK_FALSE(golden.empty());
  CHECK(now == golden);
}

}  // namespace
}  // namespace tidemark
