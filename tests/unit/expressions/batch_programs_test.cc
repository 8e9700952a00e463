#include "expressions/batch_programs.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/format.h"
#include "expressions/compile.h"
#include "expressions/parser.h"
#include "support/fake_random.h"

namespace tidemark {
namespace {

constexpr std::size_t kRows = BatchPrograms::kRows;
constexpr std::uint32_t kColumns = 5;
constexpr std::uint32_t kDerived = 100;  // the slot of "derived"

// Columns a to e; "derived" is what another program gives.
class ColumnBinder final : public Binder {
 public:
  std::expected<Binding, std::string> field(const FieldPath& path) override {
    const std::string name = path.text();
    if (name == "derived") return Binding{.slot = kDerived};
    return Binding{.slot = static_cast<std::uint32_t>(name[0] - 'a')};
  }
  std::expected<Binding, std::string> metadata(Metadata) override {
    return std::unexpected("no metadata here");
  }
};

// None when it cannot be compiled: a type is wrong whatever the record.
std::optional<Program> compiled_if_possible(const std::string& text) {
  ColumnBinder binder;
  const auto parsed = parse_expression(text);
  REQUIRE_MESSAGE(parsed, text);
  auto program = compile(*parsed, binder);
  if (!program) return std::nullopt;
  return std::move(*program);
}

Program compiled(const std::string& text) {
  auto program = compiled_if_possible(text);
  REQUIRE_MESSAGE(program, text);
  return std::move(*program);
}

using Row = std::vector<Value>;

struct Table {
  explicit Table(std::vector<Row> its) : rows(std::move(its)) {
    for (Row& row : rows) {
      row.resize(kColumns);
      addresses.push_back(row.data());
    }
  }
  std::vector<Row> rows;
  std::vector<const Value*> addresses;
};

std::optional<BatchPrograms::Lane> add(BatchPrograms& batch, const Program& program) {
  return batch.add(program, [&](std::uint32_t slot) -> std::optional<BatchPrograms::Lane> {
    if (slot >= kColumns) return std::nullopt;
    return batch.column(slot);
  });
}

// A value to the last bit; an error is "?".
std::string exactly(const Value& value) {
  if (value.is_real()) return format("{:x}", std::bit_cast<std::uint64_t>(value.as_real()));
  return to_text(value);
}

std::string in_batch(const BatchPrograms& batch, BatchPrograms::Lane lane, std::size_t row) {
  Value value;
  return batch.value(lane, row, value) ? exactly(value) : "?";
}

std::string alone(const Program& program, const Row& row) {
  Arena arena;
  const auto value = program.evaluate(row, arena);
  return value ? exactly(*value) : "?";
}

// Every row of the batch is as it is alone; the text of the first.
std::string evaluated(const std::string& text, const std::vector<Row>& rows) {
  const Program program = compiled(text);
  const Table table(rows);
  BatchPrograms batch;
  const auto lane = add(batch, program);
  REQUIRE_MESSAGE(lane, text);
  batch.evaluate(table.addresses);
  for (std::size_t i = 0; i < table.rows.size(); ++i)
    CHECK_MESSAGE(in_batch(batch, *lane, i) == alone(program, table.rows[i]), text);
  Value first;
  return batch.value(*lane, 0, first) ? to_text(first) : "?";
}

bool has_batch_form(const std::string& text) {
  BatchPrograms batch;
  const Program program = compiled(text);
  return add(batch, program).has_value();
}

const Row kReal{Value::real(21.5), Value::real(-3.0)};
const Row kInteger{Value::integer(7), Value::integer(-2)};
const Row kText{Value::text("on"), Value::text("off")};
const Row kNull{Value::null(), Value::integer(1)};

TEST_CASE("a batch gives each row the value that its evaluation alone gives") {
  CHECK(evaluated("a * 1.8 + 32", {kReal, kReal}) == "70.7");
  CHECK(evaluated("a * 1.8 + 32", {kReal, kInteger, kNull}) == "70.7");
  CHECK(evaluated("a / b", {kInteger, kReal}) == "-3");
  CHECK(evaluated("a % b", {kInteger, kReal, kNull}) == "1");
  CHECK(evaluated("-a", {kReal, kInteger, kNull}) == "-21.5");
  CHECK(evaluated("a BETWEEN -40 AND 125", {kReal, kReal}) == "true");
  CHECK(evaluated("a NOT BETWEEN b AND 125", {kInteger, kReal, kNull}) == "false");
  CHECK(evaluated("a = 'on' AND b <> 'on'", {kText, kText}) == "true");
  CHECK(evaluated("a IN ('off', 'on')", {kText, kNull}) == "true");
  CHECK(evaluated("a NOT IN (1, 2, NULL)", {kInteger, kNull}) == "NULL");
  CHECK(evaluated("a IS NULL OR NOT a < b", {kNull, kReal, kInteger}) == "true");
  CHECK(evaluated("CASE WHEN a > 20 THEN 'hot' WHEN a > 5 THEN b END", {kReal, kInteger, kNull}) == "'hot'");
  CHECK(evaluated("CASE a WHEN 'on' THEN 1 ELSE 0 END", {kText, kNull}) == "1");
  CHECK(evaluated("coalesce(a, b, 5)", {kNull, kReal}) == "1");
}

TEST_CASE("a row that fails in a batch is unknown, and the rows beside it are not") {
  const Row largest{Value::integer(std::numeric_limits<std::int64_t>::max())};
  CHECK(evaluated("a + 1", {largest, kInteger}) == "?");
  CHECK(evaluated("a * 2", {largest, kInteger}) == "?");
  CHECK(evaluated("a + 1", {kText, kReal}) == "?");
  CHECK(evaluated("a > 1", {kText, kReal}) == "?");
  CHECK(evaluated("a AND TRUE", {kReal, kNull}) == "?");
}

TEST_CASE("an operand that a row does not need cannot make it unknown") {
  CHECK(evaluated("a = 'off' AND a > 5", {kText}) == "false");
  CHECK(evaluated("a = 'on' OR a > 5", {kText}) == "true");
  CHECK(evaluated("CASE WHEN a = 'on' THEN 1 ELSE a + 1 END", {kText}) == "1");
  CHECK(evaluated("coalesce(1, a + 1)", {kText}) == "1");
  CHECK(evaluated("b IN (1, a)", {{Value::text("x"), Value::integer(1)}}) == "true");
  CHECK(evaluated("a IN (b + 1)", {{Value::null(), Value::text("x")}}) == "NULL");
  CHECK(evaluated("a BETWEEN 9 AND b", {{Value::integer(1), Value::text("x")}}) == "false");
}

TEST_CASE(
    "an integer and a float are compared exactly, also where the float of the integer is another number") {
  const std::int64_t odd = (std::int64_t{1} << 53) + 1;
  const Row row{Value::integer(odd), Value::real(9007199254740992.0)};
  CHECK(evaluated("a = b", {row, row}) == "false");
  CHECK(evaluated("a > b", {row, row}) == "true");
  CHECK(evaluated("a BETWEEN b AND b", {row, row}) == "false");
}

TEST_CASE("what is not a number is NULL, and unknown to comparisons") {
  const Row row{Value::real(std::nan("")), Value::real(std::numeric_limits<double>::infinity())};
  for (const char* text : {"a + 1.0", "b - b", "b * 0.0", "b / 0.0", "a / a", "-a", "a < 1.0", "a = a",
                           "a BETWEEN 0.0 AND 1.0", "1.0 BETWEEN a AND b"})
    CHECK_MESSAGE(evaluated(text, {row, row}) == "NULL", text);
}

TEST_CASE("programs with functions, LIKE, || or CAST have no batch form") {
  for (const char* text : {"abs(a) > 1", "a LIKE 'x%'", "a || b", "CAST(a AS INTEGER)", "upper(a) = 'X'"})
    CHECK_MESSAGE(!has_batch_form(text), text);
  CHECK(has_batch_form("coalesce(a, b) > 1"));
}

TEST_CASE("a program that reads what the batch does not know has no batch form there") {
  CHECK(!has_batch_form("derived > 1"));
}

TEST_CASE("a program reads what an earlier one of the batch has given") {
  const Program first = compiled("a * 2"), second = compiled("derived + b");
  const Table table({kInteger, kReal});
  BatchPrograms batch;
  const auto derived = add(batch, first);
  REQUIRE(derived);
  const auto lane = batch.add(second, [&](std::uint32_t slot) {
    return slot == kDerived ? derived : std::optional(batch.column(slot));
  });
  REQUIRE(lane);
  batch.evaluate(table.addresses);
  CHECK(in_batch(batch, *lane, 0) == "12");
  CHECK(in_batch(batch, *lane, 1) == exactly(Value::real(40.0)));
}

TEST_CASE("the same operation over the same operands is one, in all programs of a batch") {
  const Program first = compiled("(a - 20) * (a - 20)"), second = compiled("(a - 20) * (a - 20)"),
                other = compiled("(a - -0.0) * (a - 0.0)");
  BatchPrograms batch;
  CHECK(add(batch, first) == add(batch, second));
  CHECK(add(batch, first) != add(batch, other));
}

TEST_CASE("what exceeds the most operations of a batch has no batch form, and what fits has") {
  BatchPrograms batch;
  std::vector<Program> programs;
  for (std::size_t i = 0; i < BatchPrograms::kMostOperations; ++i)
    programs.push_back(compiled(format("a + {}", i)));
  for (const Program& program : programs) CHECK(add(batch, program));
  const Program one_more = compiled("(a + 1) * b");
  CHECK(!add(batch, one_more));
  CHECK(add(batch, programs[3]));
  std::string long_list = "a IN (0";
  for (std::size_t i = 1; i < BatchPrograms::kMostOperations; ++i) long_list += format(", {}", i);
  CHECK(!has_batch_form(long_list + ")"));
}

// ---- any expression, any rows

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  std::string expression(int depth) {
    if (depth == 0 || random_.one_in(6)) return leaf();
    const auto inner = [&] { return expression(depth - 1); };
    switch (random_.below(16)) {
      case 0:
      case 1:
      case 2:
        return format("({} {} {})", inner(), one_of({"+", "-", "*", "/", "%"}), inner());
      case 3:
      case 4:
      case 5:
        return format("({} {} {})", inner(), one_of({"=", "<>", "<", "<=", ">", ">="}), inner());
      case 6:
        return format("({} AND {})", inner(), inner());
      case 7:
        return format("({} OR {} OR {})", inner(), inner(), inner());
      case 8:
        return format("(NOT {})", inner());
      case 9:
        return format("(- {})", inner());
      case 10:
        return format("({} IS {} NULL)", inner(), negation());
      case 11:
        return format("({} {} BETWEEN {} AND {})", inner(), negation(), inner(), inner());
      case 12:
        return format("({} {} IN ({}, {}, {}))", inner(), negation(), leaf(), inner(), leaf());
      case 13:
        return format("CASE WHEN {} THEN {} WHEN {} THEN {} {} END", inner(), inner(), inner(), inner(),
                      otherwise(depth));
      case 14:
        return format("CASE {} WHEN {} THEN {} {} END", inner(), inner(), inner(), otherwise(depth));
      default:
        return format("coalesce({}, {})", inner(), inner());
    }
  }

  // Columns of one type and of several, so that loops over one type are met, and what lies beside them.
  std::vector<Row> rows() {
    std::vector<Row> rows(1 + random_.below(kRows));
    for (std::uint32_t column = 0; column < kColumns; ++column) {
      const std::uint64_t kind = random_.below(7);
      for (Row& row : rows) row.push_back(random_.one_in(40) ? any() : of(kind));
    }
    return rows;
  }

  std::uint64_t below(std::uint64_t n) { return random_.below(n); }

 private:
  std::string one_of(std::initializer_list<const char*> these) {
    return these.begin()[random_.below(these.size())];
  }
  std::string negation() { return random_.one_in(2) ? "NOT" : ""; }
  std::string otherwise(int depth) { return random_.one_in(2) ? "ELSE " + expression(depth - 1) : ""; }

  std::string leaf() {
    if (random_.below(5) < 3) return one_of({"a", "b", "c", "d", "e"});
    return one_of({"0", "1", "-3", "20", "1.5", "-0.0", "0.0", "1e308", "9223372036854775807",
                   "9007199254740993", "9007199254740992.0", "NULL", "TRUE", "FALSE", "'x'", "'xy'", "''"});
  }

  Value of(std::uint64_t kind) {
    switch (kind) {
      case 0:
      case 1:
        return Value::real(static_cast<double>(random_.below(4000)) / 64 - 20);
      case 2:
        return Value::integer(static_cast<std::int64_t>(random_.below(40)) - 20);
      case 3:
        return Value::text(kTexts[random_.below(std::size(kTexts))]);
      case 4:
        return Value::boolean(random_.one_in(2));
      case 5:
        return random_.one_in(2) ? of(1) : of(2);
      default:
        return any();
    }
  }

  Value any() {
    constexpr auto kSmallest = std::numeric_limits<std::int64_t>::min();
    constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t kIntegers[] = {kSmallest, kSmallest + 1, kLargest, -1, 0, 1, (1LL << 53) + 1};
    constexpr double kReals[] = {0.0, -0.0, 1e308, -1e308, 5e-324, 9007199254740992.0, 9223372036854775808.0};
    switch (random_.below(6)) {
      case 0:
        return Value::null();
      case 1:
        return Value::integer(kIntegers[random_.below(std::size(kIntegers))]);
      case 2:
        return Value::real(kReals[random_.below(std::size(kReals))]);
      case 3:
        return Value::real(random_.one_in(2) ? std::nan("") : std::numeric_limits<double>::infinity());
      default:
        return of(random_.below(5));
    }
  }

  static constexpr std::string_view kTexts[] = {"", "x", "xy", "xz", "y", "a longer text, that is"};
  FakeRandom random_;
};

TEST_CASE(
    "whatever the expressions and the rows, a batch gives the values of the programs, or says that it "
    "cannot") {
  std::size_t known = 0, unknown = 0;
  for (std::uint64_t seed = 1; seed <= 4000; ++seed) {
    CAPTURE(seed);
    Draw draw(seed);
    std::vector<Program> programs;
    while (programs.size() < 3)
      if (auto program = compiled_if_possible(draw.expression(1 + static_cast<int>(draw.below(3)))))
        programs.push_back(std::move(*program));
    BatchPrograms batch;
    std::vector<std::optional<BatchPrograms::Lane>> lanes;
    for (const Program& program : programs) lanes.push_back(add(batch, program));
    for (int round = 0; round < 3; ++round) {
      const Table table(draw.rows());
      batch.evaluate(table.addresses);
      for (std::size_t p = 0; p < programs.size(); ++p) {
        if (!lanes[p]) continue;
        CAPTURE(programs[p].text());
        for (std::size_t i = 0; i < table.rows.size(); ++i) {
          const std::string found = in_batch(batch, *lanes[p], i);
          if (found != alone(programs[p], table.rows[i])) CHECK(found == alone(programs[p], table.rows[i]));
          ++(found == "?" ? unknown : known);
        }
      }
    }
  }
  CHECK(known > 100'000);
  CHECK(unknown > 10'000);
}

}  // namespace
}  // namespace tidemark
