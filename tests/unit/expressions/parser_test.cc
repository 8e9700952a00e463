#include "expressions/parser.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace tidemark;

namespace {

bool is_aggregate(std::string_view name, std::size_t arguments) {
  if (name == "count") return arguments <= 1;
  return (name == "sum" || name == "min" || name == "max") && arguments == 1;
}

std::string canonical(std::string_view text) {
  const auto parsed = parse_expression(text, is_aggregate);
  return parsed ? to_text(*parsed) : "error: " + parsed.error().message;
}

std::string repeated(std::string_view part, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += part;
  return all;
}

}  // namespace

TEST_CASE("an expression is written canonically, whatever its spaces, case and parentheses") {
  struct Row {
    std::string_view text;
    std::string_view canonical;
  };
  const Row rows[] = {
      {"a+b*c", "a + b * c"},
      {"(a+b)*c", "(a + b) * c"},
      {"((a))+(b*c)", "a + b * c"},
      {"a-(b-c)", "a - (b - c)"},
      {"(a-b)-c", "a - b - c"},
      {"a||b||c", "a || b || c"},
      {"a||(b||c)", "a || (b || c)"},
      {"a * b || c", "a * b || c"},
      {"(a * b) || c", "(a * b) || c"},
      {"- a", "-a"},
      {"-(-a)", "- -a"},
      {"-(5)", "-5"},
      {"-(a+b)", "-(a + b)"},
      {"-(-9223372036854775808)", "- -9223372036854775808"},
      {"a==b", "a = b"},
      {"a!=b", "a <> b"},
      {"a<b=c", "a < b = c"},
      {"a<(b=c)", "a < (b = c)"},
      {"not a=b and not (c or d)", "NOT a = b AND NOT (c OR d)"},
      {"a and b and c or d", "a AND b AND c OR d"},
      {"a and (b and c)", "a AND (b AND c)"},
      {"a is null", "a IS NULL"},
      {"a is not null and b", "a IS NOT NULL AND b"},
      {"(a is null) is null", "a IS NULL IS NULL"},
      {"a = (b is null)", "a = (b IS NULL)"},
      {"a not in(1,2.50,'x')", "a NOT IN (1, 2.5, 'x')"},
      {"a between 1 and 2 and b", "a BETWEEN 1 AND 2 AND b"},
      {"a not between (b and c) and d", "a NOT BETWEEN (b AND c) AND d"},
      {"a like 'x%' escape '!'", "a LIKE 'x%' ESCAPE '!'"},
      {"case when a then b end", "CASE WHEN a THEN b END"},
      {"case a when 1 then b else c end", "CASE a WHEN 1 THEN b ELSE c END"},
      {"cast(a as integer)", "CAST(a AS INTEGER)"},
      {"Cast(a As Float)", "CAST(a AS FLOAT)"},
      {"ROUND( x , 2 )", "round(x, 2)"},
      {"now()", "now()"},
      {"true or False", "TRUE OR FALSE"},
      {"1e3", "1000.0"},
      {"'it''s'", "'it''s'"},
      {"a.b[2].c", "a.b[2].c"},
      {"a . b [ 0 ]", "a.b[0]"},
      {"\"a\".\"b\"", "a.b"},
      {"\"odd name\".\"say \"\"hi\"\"\"[1]", "\"odd name\".\"say \"\"hi\"\"\"[1]"},
      {"\"and\"", "\"and\""},
      {"a.and", "a.\"and\""},
      {"\"a.b\"", "\"a.b\""},
      {"\"\"", "\"\""},
      {"Temp", "Temp"},
      {"température", "température"},
      {"_topic", "_topic"},
      {"\"_topic\"", "\"_topic\""},
      {"\"_topic\".x", "\"_topic\".x"},
      {"x._topic", "x._topic"},
      {"_other", "_other"},
      {"escape", "escape"},
      {"filter + where", "filter + where"},
      {"min", "min"},
      {"COUNT( * )", "count(*)"},
      {"count(distinct a)", "count(DISTINCT a)"},
      {"sum(a) filter(where b>0)/count(*)", "sum(a) FILTER (WHERE b > 0) / count(*)"},
      {"min(a,b)", "min(a, b)"},
      {"\ta\n+\r\nb ", "a + b"},
      {"a&b|c<<1", "a & b | c << 1"},
      {"a&(b|c)", "a & (b | c)"},
      {"a+1>>2<b", "a + 1 >> 2 < b"},
      {"(a & 4) <> 0", "a & 4 <> 0"},
      {"a & (4 <> 0)", "a & (4 <> 0)"},
      {"bit_or(bit_and(a, 1), 2)", "a & 1 | 2"},
      {"bit_and(a)", "bit_and(a)"},
      {"~ a & -~b", "~a & -~b"},
      {"~(a|b)", "~(a | b)"},
      {"bit_not(a + 1)", "~(a + 1)"},
      {"a regexp '^x' and b", "regexp_like(a, '^x') AND b"},
      {"a not regexp b", "NOT regexp_like(a, b)"},
      {"a not regexp b = c", "(NOT regexp_like(a, b)) = c"},
      {"extract(hour from a + 1)", "date_part('hour', a + 1)"},
      {"extract(a, b)", "extract(a, b)"},
      {"try_cast(a as integer)", "try(CAST(a AS INTEGER))"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(canonical(row.text) == row.canonical);
    CHECK(canonical(row.canonical) == row.canonical);
  }
}

TEST_CASE("an error says what is wrong and where") {
  struct Row {
    std::string_view text;
    std::string_view message;
    std::size_t offset;
    std::size_t length;
  };
  const Row rows[] = {
      {"", "the expression is empty", 0, 0},
      {"  ", "the expression is empty", 2, 0},
      {"1 +", "expected a value, but the text ends", 3, 0},
      {"a b", "expected an operator or the end, found b", 2, 1},
      {"(a", "expected an operator or ')', but the text ends", 2, 0},
      {"a)", "expected an operator or the end, found )", 1, 1},
      {"'abc", "this text is not closed: ' is missing", 0, 4},
      {"x = \"abc", "this name is not closed: \" is missing", 4, 4},
      {"a && b", "'&&' is no operator; write AND", 2, 2},
      {"a & ", "expected a value, but the text ends", 4, 0},
      {"TRY_CAST(a INTEGER)", "expected AS and a type, found INTEGER", 11, 7},
      {"!a", "'!' is no operator; write NOT", 0, 1},
      {"a; b", "unexpected character ';'", 1, 1},
      {"a \x01", "unexpected byte 0x01", 2, 1},
      {"`a`", "a name is quoted with \", not with `", 0, 1},
      {"12abc", "'12abc' is no number; a name that begins with a digit is written \"in quotes\"", 0, 5},
      {"1.2.3", "'1.2.3' is no number; a name that begins with a digit is written \"in quotes\"", 0, 5},
      {"1 + end", "expected a value, found end; a field of that name is written \"end\"", 4, 3},
      {"a.", "expected a name after '.', but the text ends", 2, 0},
      {"a[b]", "expected an index, from 0, found b", 2, 1},
      {"a[-1]", "expected an index, from 0, found -", 2, 1},
      {"a[99999999999]", "the index 99999999999 is too large", 2, 11},
      {"a[1", "expected ']', but the text ends", 3, 0},
      {"a IS 1", "expected NULL or NOT NULL, found 1", 5, 1},
      {"a NOT b", "expected IN, BETWEEN, LIKE or REGEXP, found b", 6, 1},
      {"a IN 1", "expected ( and a list, found 1", 5, 1},
      {"a IN (1, 2", "expected ',' or ')', but the text ends", 10, 0},
      {"a BETWEEN 1 OR 2", "expected AND and the upper bound, found OR", 12, 2},
      {"CASE a THEN b END", "expected WHEN, found THEN", 7, 4},
      {"CASE WHEN a THEN b", "expected WHEN, ELSE or END, but the text ends", 18, 0},
      {"CAST(a AS INTEGR)",
       "'INTEGR' is no type (did you mean 'integer'?); there are INTEGER, FLOAT, TEXT and BOOLEAN", 10, 6},
      {"1 = NOT a", "NOT needs parentheses here: (NOT …)", 4, 3},
      {"round(*)", "round(*) is no aggregate", 0, 5},
      {"round(DISTINCT a)", "round(DISTINCT …) is no aggregate", 0, 5},
      {"round(a) FILTER (WHERE b)", "FILTER belongs to an aggregate, and round is none", 9, 6},
      {"sum(a) FILTER (b)", "expected WHERE, found b", 15, 1},
      {"1 + sum(a + max(b))",
       "an aggregate cannot stand inside another; make it a column of a pipeline before", 4, 3},
      {"sum(a) FILTER (WHERE max(b) > 1)",
       "an aggregate cannot stand inside another; make it a column of a pipeline before", 21, 3},
      {"9223372036854775808",
       "9223372036854775808 does not fit an integer of 64 bits; 9223372036854775808.0 is a float", 0, 19},
      {"_time.x", "expected an operator or the end, found .", 5, 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto parsed = parse_expression(row.text, is_aggregate);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message == row.message);
    CHECK(parsed.error().offset == row.offset);
    CHECK(parsed.error().length == row.length);
  }
}

TEST_CASE("every node knows its place in the text") {
  const auto parsed = parse_expression(" (a+ b) * round(c, 2)");
  REQUIRE(parsed);
  CHECK(parsed->offset == 1);
  CHECK(parsed->length == 20);
  const Expression& sum = parsed->children[0];
  CHECK(sum.offset == 1);
  CHECK(sum.length == 6);
  CHECK(sum.children[1].offset == 5);
  CHECK(sum.children[1].length == 1);
  CHECK(parsed->children[1].offset == 10);
  CHECK(parsed->children[1].length == 11);
}

TEST_CASE("hostile nesting is refused, ordinary nesting is not") {
  const std::size_t deep = 100'000 / 20;
  for (const std::string_view part :
       {"(", "-", "NOT ", "round(", "CASE WHEN ", "a IN (", "CAST(", "[", "a[", "sum(a) FILTER (WHERE "}) {
    CAPTURE(part);
    const auto parsed = parse_expression(repeated(part, deep / 2), is_aggregate);
    CHECK_FALSE(parsed);
  }
  CHECK(parse_expression(repeated("(", 200) + "a" + repeated(")", 200)));
  const auto refused = parse_expression(repeated("(", 201) + "a" + repeated(")", 201));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "more than 200 levels of nesting");
  CHECK(refused.error().offset == 200);
}

TEST_CASE("a long chain is refused where its tree would be too high") {
  CHECK(parse_expression("a" + repeated(" + a", 499)));
  const auto refused = parse_expression("a" + repeated(" + a", 500));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "the expression is more than 500 levels high; split it");
}

TEST_CASE("chains of AND, OR and || may be long") {
  for (const std::string_view part : {" OR a = 1", " AND a", " || a"}) {
    const auto parsed = parse_expression("a" + repeated(part, 5000));
    REQUIRE(parsed);
    const std::string text = to_text(*parsed);
    const auto again = parse_expression(text);
    REQUIRE(again);
    CHECK(to_text(*again) == text);
  }
}

TEST_CASE("a text that is too long is refused") {
  const auto refused = parse_expression(std::string(kMaxExpressionText + 1, ' '));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "the expression has 65537 bytes; at most 65536 are allowed");
}

TEST_CASE("a call with too many arguments is refused") {
  CHECK(parse_expression("max(a" + repeated(", a", 63) + ")"));
  const auto refused = parse_expression("max(a" + repeated(", a", 64) + ")");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "a call takes at most 64 arguments");
}

TEST_CASE("a select item has the name after AS, of its field, or its text") {
  struct Row {
    std::string_view text;
    std::string_view name;
  };
  const Row rows[] = {
      {"count(*) AS n", "n"},
      {"temp", "temp"},
      {"a.b", "b"},
      {"a.\"x y\"", "x y"},
      {"a[0]", "a[0]"},
      {"sum( A )", "sum(A)"},
      {"a AS \"odd name\"", "odd name"},
      {"a as Mean", "Mean"},
      {"_topic", "_topic"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto item = parse_select_item(row.text, is_aggregate);
    REQUIRE(item);
    CHECK(item->name() == row.name);
  }
  const auto item = parse_select_item("count(*)  AS  \"n\" ", is_aggregate);
  REQUIRE(item);
  CHECK(item->alias_offset == 14);
  CHECK(item->alias_length == 3);
  CHECK(item->expression.length == 8);
}

TEST_CASE("an item's name is checked") {
  struct Row {
    std::string_view text;
    std::string_view message;
  };
  const Row rows[] = {
      {"a AS", "expected a name after AS, but the text ends"},
      {"a AS 'x'", "expected a name after AS, found 'x'"},
      {"a AS end", "'end' is a reserved word; as a name it is written \"end\""},
      {"a AS b c", "expected an operator or the end, found c"},
      {"a n", "expected an operator, AS or the end, found n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto item = parse_select_item(row.text);
    REQUIRE_FALSE(item);
    CHECK(item.error().message == row.message);
  }
}

TEST_CASE("a derive item needs a name, an expression has none") {
  const auto derived = parse_derive_item("temp * 9 / 5 + 32 AS temp_f");
  REQUIRE(derived);
  CHECK(derived->name() == "temp_f");
  CHECK(to_text(derived->expression) == "temp * 9 / 5 + 32");
  const auto nameless = parse_derive_item("temp + 1");
  REQUIRE_FALSE(nameless);
  CHECK(nameless.error().message == "expected AS and a name, but the text ends");
  const auto named = parse_expression("temp AS t");
  REQUIRE_FALSE(named);
  CHECK(named.error().message == "expected an operator or the end, found AS");
}

namespace {

// Random texts of the grammar, with needless spaces and parentheses.
class RandomExpression {
 public:
  explicit RandomExpression(std::uint64_t seed) : random_(seed) {}

  std::string text(int depth) {
    switch (depth <= 0 ? pick(7) : pick(20)) {
      case 0:
        return "a";
      case 1:
        return "b.c[1].\"d e\"";
      case 2:
        return std::to_string(pick(100));
      case 3:
        return std::to_string(pick(100)) + ".5e-1";
      case 4:
        return "'it''s'";
      case 5:
        return pick(2) ? "TRUE" : "null";
      case 6:
        return "_time";
      case 7:
        return "- " + operand(depth);
      case 8:
        return "(not " + text(depth - 1) + ")";
      case 9:
        return operand(depth) + (pick(2) ? " is NULL" : " IS not null");
      case 10:
        return operand(depth) + (pick(2) ? " in(" : " NOT IN (") + text(depth - 1) + "," + text(0) + ")";
      case 11:
        return operand(depth) + (pick(2) ? " between " : " not between ") + operand(depth) + " and " +
               operand(depth);
      case 12:
        return operand(depth) + " like " + operand(depth) + (pick(2) ? " escape '!'" : "");
      case 13:
        return "case when " + text(depth - 1) + " then " + text(depth - 1) + " end";
      case 14:
        return "case " + text(depth - 1) + " when 1 then 2 else " + text(depth - 1) + " end";
      case 15:
        return "cast(" + text(depth - 1) + " as text)";
      case 16:
        return "max(" + text(depth - 1) + ", " + text(depth - 1) + ")";
      default: {
        static constexpr std::string_view kOperators[] = {"+",  "-", "*",  "/", "%",  "||",    "=",
                                                          "<>", "<", "<=", ">", ">=", " AND ", " OR "};
        return operand(depth) + std::string(kOperators[pick(14)]) + " " + operand(depth);
      }
    }
  }

 private:
  std::string operand(int depth) { return pick(2) ? text(depth - 1) : "( " + text(depth - 1) + ")"; }
  std::size_t pick(std::size_t n) { return random_() % n; }

  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("random expressions parse back from their canonical text") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  RandomExpression random(seed);
  std::size_t parsed_count = 0;
  for (int i = 0; i < 3000; ++i) {
    const std::string text = random.text(4);
    CAPTURE(text);
    const auto parsed = parse_expression(text);
    if (!parsed) continue;  // such as: -NOT …
    ++parsed_count;
    const std::string canonical_text = to_text(*parsed);
    CAPTURE(canonical_text);
    const auto again = parse_expression(canonical_text);
    REQUIRE(again);
    CHECK(to_text(*again) == canonical_text);
  }
  CHECK(parsed_count > 2000);
}
