#include "expressions/program.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <utility>

#include "expressions/parser.h"
#include "field_binder.h"

using namespace tidemark;

namespace {

Program compiled(std::string_view text, FieldBinder& binder) {
  const auto parsed = parse_expression(text);
  REQUIRE(parsed);
  auto program = compile(*parsed, binder);
  REQUIRE(program);
  return std::move(*program);
}

// The value's text, or what the record's error says.
std::string evaluated(std::string_view text, FieldBinder& binder) {
  const Program program = compiled(text, binder);
  Arena arena;
  const auto value = program.evaluate(binder.slots(), arena);
  return value ? to_text(*value) : program.describe(value.error());
}

}  // namespace

TEST_CASE("slots give the values of fields, metadata and nested paths") {
  FieldBinder binder;
  binder.set("temp", Value::real(21.5));
  binder.set("a.b[1]", Value::integer(2));
  binder.set("_topic", Value::text("plant/1"));
  CHECK(evaluated("temp * a.b[1]", binder) == "43.0");
  FieldBinder topic;
  topic.set("_topic", Value::text("plant/1"));
  CHECK(evaluated("_topic || '!'", topic) == "'plant/1!'");
  FieldBinder missing;
  CHECK(evaluated("gone IS NULL", missing) == "true");
}

TEST_CASE("what gives JSON is known: calls that make it, names that stand for it, and nothing around them") {
  const auto gives_json = [](std::string_view text) {
    FieldBinder binder;
    binder.give_json("j");
    return compiled(text, binder).gives_json();
  };
  for (const char* text :
       {"json_array(1)", "json_object('a', 1)", "json(s)", "json_keys(s)", "json_quote(1)", "j"})
    CHECK(gives_json(text));
  for (const char* text :
       {"s", "'[1]'", "json_extract(s, '$.a')", "json_array(1) || ''", "coalesce(j, '[]')", "upper(j)"})
    CHECK(!gives_json(text));
}

TEST_CASE("what is JSON already is nested as it is") {
  FieldBinder binder;
  binder.give_json("j");
  binder.set("j", Value::text("[1]"));
  binder.set("s", Value::text("[1]"));
  CHECK(evaluated("json_object('j', j, 's', s, 'a', json_array(j))", binder) ==
        R"('{"j":[1],"s":"[1]","a":[[1]]}')");
}

TEST_CASE("a record's error names the part at fault and the types, not the values") {
  struct Row {
    std::string_view text;
    std::string_view says;
  };
  const Row rows[] = {
      {"1 < 2 AND s > 3", "s > 3: text cannot be compared with integer; CAST one of them"},
      {"2 * (s + 1)", "s + 1: text where integer or float is needed"},
      {"1 + s", "1 + s: text where integer or float is needed"},
      {"-s", "-s: text where integer or float is needed"},
      {"NOT n", "NOT n: integer where boolean is needed"},
      {"TRUE AND n", "TRUE AND n: integer where boolean is needed"},
      {"CASE WHEN n THEN 1 END", "CASE WHEN n THEN 1 END: integer where boolean is needed"},
      {"n LIKE 'a'", "n LIKE 'a': integer where text is needed"},
      {"s LIKE 'a' ESCAPE s", "s LIKE 'a' ESCAPE s: ESCAPE must be one character"},
      {"s IN ('a', n)", "s IN ('a', n): text cannot be compared with integer; CAST one of them"},
      {"s BETWEEN n AND 'z'", "s BETWEEN n AND 'z': text cannot be compared with integer; CAST one of them"},
      {"CASE s WHEN n THEN 1 END",
       "CASE s WHEN n THEN 1 END: text cannot be compared with integer; CAST one of them"},
      {"n + 1", "n + 1: integer overflow"},
      {"abs(-n - 1)", "abs(-n - 1): integer overflow"},
      {"CAST(s AS INTEGER)", "CAST(s AS INTEGER): this text is no integer"},
      {"length(n)", "length(n): integer where text is needed"},
      {"round(1.5, s)", "round(1.5, s): text where integer is needed"},
      {"max(n, s)", "max(n, s): integer cannot be compared with text; CAST one of them"},
      {"greatest(NULL, n, s)",
       "greatest(NULL, n, s): integer cannot be compared with text; CAST one of them"},
      {"1 + (s & 1)", "s & 1: text where integer is needed"},
      {"if(n, 1, 2)", "if(n, 1, 2): integer where boolean is needed"},
      {"format('%s %d', n, s)", "format('%s %d', n, s): text where integer is needed"},
      {"chr(n)", "chr(n): an argument is out of range"},
      {"unhex(s)", "unhex(s): the text has not the form that is read here"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    FieldBinder binder;
    binder.set("s", Value::text("secret"));
    binder.set("n", Value::integer(std::numeric_limits<std::int64_t>::max()));
    CHECK(evaluated(row.text, binder) == row.says);
  }
}

TEST_CASE("a long part at fault is cut between characters") {
  FieldBinder binder;
  binder.set("x", Value::text("t"));
  std::string text = "x > ";
  for (int i = 0; i < 60; ++i) text += "1 + ";
  const std::string says = evaluated(text + "1", binder);
  CHECK(says == text.substr(0, 80) + "…: text cannot be compared with integer; CAST one of them");
}

TEST_CASE("a predicate holds only when it is TRUE") {
  const auto holds = [](const Value& v) {
    FieldBinder binder;
    binder.set("x", v);
    const Program program = compiled("x", binder);
    Arena arena;
    return program.evaluate_predicate(binder.slots(), arena);
  };
  CHECK(holds(Value::boolean(true)) == true);
  CHECK(holds(Value::boolean(false)) == false);
  CHECK(holds(Value::null()) == false);
  const auto number = holds(Value::integer(1));
  REQUIRE_FALSE(number);
  CHECK(number.error().kind == EvalError::Kind::not_a_condition);
  CHECK_FALSE(holds(Value::text("true")));
}

TEST_CASE("a predicate that is no boolean is described") {
  FieldBinder binder;
  binder.set("x", Value::integer(1));
  const Program program = compiled("x + 1", binder);
  Arena arena;
  const auto result = program.evaluate_predicate(binder.slots(), arena);
  REQUIRE_FALSE(result);
  CHECK(program.describe(result.error()) == "x + 1: integer where a condition is needed");
}

TEST_CASE("only what decides is evaluated") {
  for (const std::string_view text :
       {"FALSE AND bad > 1", "TRUE OR bad > 1", "CASE WHEN TRUE THEN TRUE ELSE bad > 1 END",
        "COALESCE(TRUE, bad > 1)", "if(TRUE, TRUE, bad > 1)", "ifnull(TRUE, bad > 1)", "try(bad > 1) IS NULL",
        "CASE WHEN TRUE THEN 1 WHEN bad > 1 THEN 2 END", "1 IN (1, bad)", "NULL IN (bad)",
        "0 BETWEEN 1 AND bad", "CASE 1 WHEN 1 THEN 2 WHEN bad THEN 3 END"}) {
    CAPTURE(text);
    FieldBinder binder;
    binder.set("bad", Value::text("x"));
    const Program program = compiled(text, binder);
    Arena arena;
    CHECK(program.evaluate(binder.slots(), arena));
  }
  for (const std::string_view text :
       {"NULL AND bad > 1", "NULL OR bad > 1", "bad > 1 AND FALSE", "2 IN (1, bad)"}) {
    CAPTURE(text);
    FieldBinder binder;
    binder.set("bad", Value::text("x"));
    const Program program = compiled(text, binder);
    Arena arena;
    CHECK_FALSE(program.evaluate(binder.slots(), arena));
  }
}

TEST_CASE("an attempt that fails leaves the rest of the expression as it is") {
  FieldBinder binder;
  binder.set("s", Value::text("x"));
  CHECK(evaluated("COALESCE(try(s + 1), try(length(s)), 7)", binder) == "1");
  FieldBinder other;
  other.set("s", Value::text("x"));
  CHECK(evaluated("try(s + 1) + s", other) == "try(s + 1) + s: text where integer or float is needed");
}

TEST_CASE("expressions make no more of a record than the bound, however they are nested") {
  FieldBinder binder;
  binder.set("s", Value::text(std::string_view("0123456789abcdef")));
  const std::string large = "length(repeat(s, 1000000))";
  std::string text = large;
  for (int i = 0; i < 3; ++i) text += " + " + large;
  CHECK(evaluated(text, binder) == "64000000");
  FieldBinder again;
  again.set("s", Value::text(std::string_view("0123456789abcdef")));
  CHECK(evaluated(text + " + " + large, again) ==
        "repeat(s, 1000000): the text would be longer than 16777216 bytes, or all texts made of this record "
        "than 67108864");
}

TEST_CASE("a search takes no longer for a part that nearly fits everywhere") {
  const std::string text(1 << 20, 'a');
  const std::string part = std::string(1 << 19, 'a') + 'b';
  for (const std::string_view search :
       {"contains(text, part)", "instr(text, part) > 0", "length(replace(text, part, 'x')) < 9",
        "split_part(text, part, -2) <> ''"}) {
    FieldBinder binder;
    binder.set("text", Value::text(text));
    binder.set("part", Value::text(part));
    CAPTURE(search);
    CHECK(evaluated(search, binder) == "false");
  }
}

TEST_CASE("a pattern that would be looked for too often is the record's error") {
  const auto counted = [](std::size_t size, std::string_view expression) {
    const std::string text(size, 'a');
    FieldBinder binder;
    binder.set("s", Value::text(text));
    return evaluated(expression, binder);
  };
  CHECK(counted(8000, "regexp_count(s, 'a')") == "8000");
  CHECK(counted(200'000, "regexp_count(s, 'a')") ==
        "regexp_count(s, 'a'): too many matches in a text of this length");
  CHECK(counted(200'000, "length(regexp_replace(s, 'a', 'b'))") ==
        "regexp_replace(s, 'a', 'b'): too many matches in a text of this length");
  CHECK(counted(200'000, "regexp_count(s, 'a+')") == "1");
  CHECK(counted(200'000, "regexp_like(s, '(a|aa)+b')") == "false");
}

TEST_CASE("regular expressions take texts that are no UTF-8, and none at all") {
  FieldBinder binder;
  binder.set("s", Value::text("\xff"
                              "a\xfe"));
  binder.set("none", Value::text({}));
  CHECK(evaluated("regexp_extract(s, '[a-z]')", binder) == "'a'");
  FieldBinder none;
  none.set("none", Value::text({}));
  CHECK(evaluated("regexp_count(none, '') + length(regexp_replace(none, '^', 'x'))", none) == "2");
}

TEST_CASE("a text of JSON that is nested too deep, or goes on, is the record's error") {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  FieldBinder binder;
  binder.set("s", Value::text(deep));
  CHECK(evaluated("json_length(s)", binder) == "1");
  for (const std::string& text :
       {'[' + deep + ']', deep + ']', deep.substr(1), std::string("\"\xff\""), std::string("[1]\0", 4)}) {
    FieldBinder other;
    other.set("s", Value::text(text));
    CHECK(evaluated("json_length(s)", other) ==
          "json_length(s): the text has not the form that is read here");
    CHECK(evaluated("json_valid(s)", other) == "false");
  }
}

TEST_CASE("what is no UTF-8, and what is no number, has its place in JSON") {
  FieldBinder binder;
  binder.set("s", Value::text("a\xff\x01"));
  binder.set("nan", Value::real(std::nan("")));
  CHECK(evaluated("json_array(s, nan)", binder) == "'[\"a\xef\xbf\xbd\\u0001\",null]'");
}

TEST_CASE("what is not a number is NULL in arithmetic and comparison") {
  struct Row {
    std::string_view text;
    std::string_view value;
  };
  const Row rows[] = {
      {"nan", "nan"},
      {"nan + 1", "NULL"},
      {"-nan", "NULL"},
      {"nan = nan", "NULL"},
      {"nan < 1", "NULL"},
      {"1 < nan", "NULL"},
      {"nan IN (1)", "NULL"},
      {"max(nan, 1)", "NULL"},
      {"inf - inf", "NULL"},
      {"inf + 1", "inf"},
      {"inf > 1e308", "true"},
      {"9223372036854775807 < inf", "true"},
      {"inf % 2", "NULL"},
      {"nan IS NULL", "false"},
      {"round(nan, 2)", "nan"},
      {"round(inf)", "inf"},
      {"sin(inf)", "NULL"},
      {"sqrt(nan)", "NULL"},
      {"sign(nan)", "NULL"},
      {"is_nan(nan)", "true"},
      {"clamp(nan, 0, 1)", "NULL"},
      {"clamp(inf, 0, 1)", "1"},
      {"width_bucket(nan, 0, 1, 4)", "NULL"},
      {"width_bucket(inf, 0, 1, 4)", "5"},
      {"trunc(inf)", "inf"},
      {"format('%05.1f|%d', nan, 1)", "'  nan|1'"},
      {"format('%+,f', inf)", "'+inf'"},
      {"nan BETWEEN 1 AND 2", "NULL"},
      {"CAST(nan AS INTEGER)", "CAST(nan AS INTEGER): this float is no integer"},
      {"CAST(nan AS BOOLEAN)", "CAST(nan AS BOOLEAN): this float is no boolean"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    FieldBinder binder;
    binder.set("nan", Value::real(std::nan("")));
    binder.set("inf", Value::real(std::numeric_limits<double>::infinity()));
    CHECK(evaluated(row.text, binder) == row.value);
  }
}

TEST_CASE("a program that has moved still has its texts") {
  FieldBinder binder;
  Program first =
      compiled("CASE WHEN TRUE THEN 'short' ELSE 'x' END || ', and rather longer than that'", binder);
  Program second = std::move(first);
  FieldBinder other;
  Program third = compiled("'to be replaced'", other);
  third = std::move(second);
  Arena arena;
  const auto value = third.evaluate({}, arena);
  REQUIRE(value);
  CHECK(value->as_text() == "short, and rather longer than that");
}

TEST_CASE("a text that is joined beyond the bound is the record's error") {
  const std::string large(kMaxResultText / 2, 'x');
  FieldBinder binder;
  binder.set("s", Value::text(large));
  const Program fits = compiled("length(s || s)", binder);
  Arena arena;
  CHECK(fits.evaluate(binder.slots(), arena));
  FieldBinder again;
  again.set("s", Value::text(large));
  const Program beyond = compiled("s || s || '!'", again);
  const auto refused = beyond.evaluate(again.slots(), arena);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == EvalError::Kind::text_too_long);
  CHECK(beyond.describe(refused.error()) ==
        "s || s || '!': the text would be longer than 16777216 bytes, or all texts made of this record than "
        "67108864");
}

TEST_CASE("the highest tree that parses evaluates") {
  std::string text = "a";
  for (int i = 0; i < 499; ++i) text += " + a";
  FieldBinder binder;
  binder.set("a", Value::integer(2));
  CHECK(evaluated(text, binder) == "1000");
  std::string nested;
  for (int i = 0; i < 199; ++i) nested += "max(1, 2, 3, 4, ";
  nested += "a";
  for (int i = 0; i < 199; ++i) nested += ")";
  FieldBinder other;
  other.set("a", Value::integer(7));
  CHECK(evaluated(nested, other) == "7");
}

TEST_CASE("a chain of many texts is joined in order") {
  FieldBinder binder;
  std::string text = "''";
  std::string joined;
  for (int i = 0; i < 1000; ++i) {
    text += " || " + std::to_string(i % 10);
    joined += std::to_string(i % 10);
  }
  CHECK(evaluated(text, binder) == "'" + joined + "'");
}
