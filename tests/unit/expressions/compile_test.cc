#include "expressions/compile.h"

#include <doctest/doctest.h>

#include "expressions/parser.h"
#include "field_binder.h"

using namespace tidemark;

namespace {

bool is_aggregate(std::string_view name, std::size_t arguments) {
  return (name == "count" && arguments == 0) || (name == "sum" && arguments == 1);
}

// Fields n: integer, x: float, s: text, b: boolean; all others are of unknown type.
FieldBinder typed_fields() {
  FieldBinder binder;
  binder.declare("n", TypeSet::integer());
  binder.declare("x", TypeSet::real());
  binder.declare("s", TypeSet::text());
  binder.declare("b", TypeSet::boolean());
  return binder;
}

Expression parsed(std::string_view text) {
  auto e = parse_expression(text, is_aggregate);
  REQUIRE(e);
  return *e;
}

}  // namespace

TEST_CASE("an expression's type is known as far as its fields' types are") {
  struct Row {
    std::string_view text;
    std::string_view types;
  };
  const Row rows[] = {
      {"n", "integer"},
      {"n + n", "integer"},
      {"n + x", "float"},
      {"n + any", "integer or float"},
      {"x + any", "float"},
      {"any", "any type"},
      {"any < 1", "boolean"},
      {"NULL", "NULL"},
      {"n + NULL", "NULL"},
      {"-n", "integer"},
      {"-any", "integer or float"},
      {"s || n", "text"},
      {"NOT any", "boolean"},
      {"any IN (1)", "boolean"},
      {"CASE WHEN b THEN n ELSE s END", "integer or text"},
      {"CASE n WHEN 1 THEN x END", "float"},
      {"CAST(any AS TEXT)", "text"},
      {"COALESCE(n, x)", "integer or float"},
      {"COALESCE(NULL, s)", "text"},
      {"abs(n)", "integer"},
      {"round(x, n)", "float"},
      {"floor(any)", "integer or float"},
      {"max(n, x)", "integer or float"},
      {"length(any)", "integer"},
      {"if(b, n, s)", "integer or text"},
      {"if(b, n)", "integer"},
      {"try(n + x)", "float"},
      {"TRY_CAST(s AS INTEGER)", "integer"},
      {"translate(s, NULL, 'x')", "NULL"},
      {"any & 1", "integer"},
      {"nullif(n, 1)", "integer"},
      {"greatest(n, NULL)", "integer"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    FieldBinder binder = typed_fields();
    const auto program = compile(parsed(row.text), binder);
    REQUIRE(program);
    CHECK(to_text(program->types()) == row.types);
  }
}

TEST_CASE("a type error that is certain is found before any record, with its place") {
  struct Row {
    std::string_view text;
    std::string_view message;
    std::size_t offset;
    std::size_t length;
  };
  const Row rows[] = {
      {"s > 3", "text cannot be compared with integer; CAST one of them", 0, 5},
      {"n + s", "text where integer or float is needed", 4, 1},
      {"1 + -s", "text where integer or float is needed", 5, 1},
      {"any AND n", "integer where boolean is needed", 8, 1},
      {"NOT (n + 1)", "integer where boolean is needed", 4, 7},
      {"n IN (1, s)", "integer cannot be compared with text; CAST one of them", 0, 11},
      {"n BETWEEN 1 AND s", "integer cannot be compared with text; CAST one of them", 0, 17},
      {"n LIKE 'a'", "integer where text is needed", 0, 1},
      {"s LIKE 'a' ESCAPE 'ab'", "ESCAPE must be one character", 18, 4},
      {"CASE WHEN s THEN 1 END", "text where boolean is needed", 10, 1},
      {"CASE n WHEN 's' THEN 1 END", "integer cannot be compared with text; CAST one of them", 12, 3},
      {"length(n)", "integer where text is needed", 7, 1},
      {"max(n, x, s)", "integer cannot be compared with text; CAST one of them", 10, 1},
      {"any + (n = 1)", "boolean where integer or float is needed", 6, 7},
      {"rond(x)", "there is no function 'rond'; did you mean 'round'?", 0, 7},
      {"g(1, 2)", "there is no function 'g'", 0, 7},
      {"round()", "round is called as round(x[, digits]), not with 0 arguments", 0, 7},
      {"1 + abs(1, 2)", "abs is called as abs(x), not with 2 arguments", 4, 9},
      {"translate(s, s, 'x')", "translate takes a literal here, such as in translate('1.234,5', ',.', '.')",
       13, 1},
      {"format('%d %d', n, s)", "text where integer is needed", 19, 1},
      {"format(s, n)",
       "format takes a literal here, such as in format('%s: %5.1f °C, %03d %%', 'press', 21.46, 7)", 7, 1},
      {"format('%d', n, n)", "this pattern takes 1 value, and 2 are given", 7, 4},
      {"s & 1", "text where integer is needed", 0, 1},
      {"if(n, 1, 2)", "integer where boolean is needed", 3, 1},
      {"date_trunc('hous', n)", "there is no unit 'hous'; did you mean 'hour'?", 11, 6},
      {"date_add('epoch', 1, n)",
       "there is no unit 'epoch'; there are millisecond second minute hour day week month quarter year", 9,
       7},
      {"EXTRACT(fortnight FROM n)",
       "there is no unit 'fortnight'; there are millisecond second minute hour day week month quarter year "
       "dow "
       "isodow doy isoyear epoch",
       8, 9},
      {"date_trunc(s, n)",
       "date_trunc takes a literal here, such as in format_time(date_trunc('day', 1740830400123))", 11, 1},
      {"hour(n, 'Mars/Olympus')",
       "there is no time zone 'Mars/Olympus' here; there are 'UTC' and offsets such as '+02:00'", 8, 14},
      {"format_time(n, '%Y %Q')", "\"%Y %Q\" is no pattern of times: it has no %Q", 15, 7},
      {"parse_time(s, '%H:%M')", "\"%H:%M\" is no pattern of times: without %Y or %y nobody knows the year",
       14, 7},
      {"parse_time(s, '%F %T %z', 'UTC')", "times of this pattern say their own zone; leave this one out", 26,
       5},
      {"time_bucket('soon', n)", "\"soon\" is no duration: write it as 250ms, 10s or 1h30m", 12, 6},
      {"time_bucket('0', n)", "a bucket is a whole number of milliseconds wide, at least one", 12, 3},
      {"hour(s)", "text where integer is needed", 5, 1},
      {"x > now()",
       "there is no function 'now'; nothing here sees a clock, so that a replay gives the same results; "
       "_received is "
       "when the record arrived, _time when it happened",
       4, 5},
      {"len(s)", "there is no function 'len'; write length(text)", 0, 6},
      {"regexp_like(s, '(a')", "this is no regular expression: missing ): (a", 15, 4},
      {"s REGEXP s", "regexp_like takes a literal here, such as in regexp_like('ERR 17', '^ERR [0-9]+$')", 9,
       1},
      {"regexp_extract(s, '(a)', 'b')",
       "the pattern has no such group; it has 1, of which 31 can be taken, and 0 is all of the match", 25, 3},
      {"regexp_replace(s, 'a', '\\x')",
       "after a backslash stands one more, or the number of a group; the pattern has 0, and 0 is all of the "
       "match",
       23, 4},
      {"json_extract(s, '$.a[x]')",
       "\"$.a[x]\" is no path: in brackets stands the number of an item, from 0, or #- and one from the end, "
       "from 1",
       16, 8},
      {"json_object('a', n, s)", "json_object is called as json_object([name, x, …]), not with 3 arguments",
       0, 22},
      {"json_object(n, n)", "integer where text is needed", 12, 1},
      {"1 + gone", "there is no field gone", 4, 4},
      {"1 + sum(n)", "sum is an aggregate, which only select and having can hold", 4, 6},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    FieldBinder binder = typed_fields();
    binder.refuse("gone");
    const auto program = compile(parsed(row.text), binder);
    REQUIRE_FALSE(program);
    CHECK(program.error().message == row.message);
    CHECK(program.error().offset == row.offset);
    CHECK(program.error().length == row.length);
  }
}

TEST_CASE("what may hold for some record is left to the record") {
  for (const std::string_view text : {"any > 3", "any + 1", "any AND TRUE", "COALESCE(any, 's') > 3",
                                      "CASE WHEN any THEN 1 ELSE 's' END + 1", "NULL + 1", "length(NULL)"}) {
    CAPTURE(text);
    FieldBinder binder = typed_fields();
    CHECK(compile(parsed(text), binder));
  }
}

TEST_CASE("a condition must be able to be a boolean") {
  FieldBinder binder = typed_fields();
  CHECK(compile_predicate(parsed("n > 1"), binder));
  CHECK(compile_predicate(parsed("any"), binder));
  CHECK(compile_predicate(parsed("NULL"), binder));
  const auto refused = compile_predicate(parsed(" n + 1"), binder);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "integer where a condition is needed");
  CHECK(refused.error().offset == 1);
  CHECK(refused.error().length == 5);
}

TEST_CASE("the binder sees every name, and aggregates as a whole") {
  FieldBinder binder;
  const auto program = compile(parsed("sum(a) FILTER (WHERE b) / count(*) + k.x[0] + k.x[0] - _time"), binder,
                               AggregateUse::allowed);
  REQUIRE(program);
  CHECK(binder.names() ==
        std::vector<std::string>{"sum(a) FILTER (WHERE b)", "count(*)", "k.x[0]", "k.x[0]", "_time"});
  CHECK(program->slots() == std::vector<std::uint32_t>{0, 1, 2, 3, 4});
}

TEST_CASE("a binder that knows no aggregates refuses them by their text") {
  class FieldsOnly final : public Binder {
   public:
    std::expected<Binding, std::string> field(const FieldPath&) override { return Binding{}; }
    std::expected<Binding, std::string> metadata(Metadata) override { return Binding{}; }
  };
  FieldsOnly binder;
  const auto program = compile(parsed("sum(a)"), binder, AggregateUse::allowed);
  REQUIRE_FALSE(program);
  CHECK(program.error().message == "sum(a) is an aggregate and cannot stand here");
}

TEST_CASE("a program keeps the canonical text") {
  FieldBinder binder;
  const auto program = compile(parsed("( a+1 )*2"), binder);
  REQUIRE(program);
  CHECK(program->text() == "(a + 1) * 2");
}
