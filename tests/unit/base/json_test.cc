#include "base/json.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <limits>

#include "random_values.h"

using namespace tidemark;
using namespace std::string_literals;

namespace {

std::string written(const Value& v) {
  return JsonWriter().value(v).take();
}

std::string nested(std::size_t depth, std::string_view open, std::string_view inside,
                   std::string_view close) {
  std::string out;
  for (std::size_t i = 0; i < depth; ++i) out += open;
  out += inside;
  for (std::size_t i = 0; i < depth; ++i) out += close;
  return out;
}

// Whether a fresh writer aborts in the hands of `use`, seen from a process of its own.
bool aborts(void (*use)(JsonWriter&)) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    std::fclose(stderr);
    JsonWriter w;
    use(w);
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

}  // namespace

TEST_CASE("a document out of order aborts instead of being written") {
  CHECK_FALSE(aborts([](JsonWriter& w) { w.begin_object().key("a").null().end_object().take(); }));
  CHECK(aborts([](JsonWriter& w) { w.take(); }));
  CHECK(aborts([](JsonWriter& w) { w.begin_array().take(); }));
  CHECK(aborts([](JsonWriter& w) { w.begin_object().integer(1); }));
  CHECK(aborts([](JsonWriter& w) { w.begin_object().text("a value where a name belongs"); }));
  CHECK(aborts([](JsonWriter& w) { w.begin_object().key("a").key("b"); }));
  CHECK(aborts([](JsonWriter& w) { w.begin_object().key("a").end_object(); }));
  CHECK(aborts([](JsonWriter& w) { w.begin_array().key("a"); }));
  CHECK(aborts([](JsonWriter& w) { w.begin_array().end_object(); }));
  CHECK(aborts([](JsonWriter& w) { w.begin_object().end_array(); }));
  CHECK(aborts([](JsonWriter& w) { w.end_array(); }));
  CHECK(aborts([](JsonWriter& w) { w.integer(1).integer(2); }));
}

TEST_CASE("a document is written with its members in order and nothing between") {
  JsonWriter w;
  w.begin_object().key("n").null().key("b").boolean(true).key("i").integer(-5);
  w.key("u").unsigned_integer(~std::uint64_t{0}).key("d").real(2).key("t").text("x");
  w.key("a").begin_array().integer(1).begin_object().end_object().begin_array().end_array().end_array();
  w.key("n").boolean(false).end_object();
  CHECK(w.take() ==
        R"({"n":null,"b":true,"i":-5,"u":18446744073709551615,"d":2.0,"t":"x","a":[1,{},[]],"n":false})");
}

TEST_CASE("a writer is empty again after take and after clear") {
  JsonWriter w;
  w.integer(1);
  CHECK(w.view() == "1");
  CHECK(w.view() == "1");
  CHECK(w.take() == "1");
  w.begin_array().begin_object().key("half");
  w.clear();
  w.text("next");
  CHECK(w.take() == R"("next")");
}

TEST_CASE("a writer that was moved goes on where it was") {
  JsonWriter first;
  first.begin_array().integer(1);
  JsonWriter second = std::move(first);
  second.integer(2).end_array();
  CHECK(second.take() == "[1,2]");
}

TEST_CASE("values are written by their type") {
  CHECK(written(Value::null()) == "null");
  CHECK(written(Value::boolean(true)) == "true");
  CHECK(written(Value::integer(std::numeric_limits<std::int64_t>::min())) == "-9223372036854775808");
  CHECK(written(Value::real(1)) == "1.0");
  CHECK(written(Value::real(-0.0)) == "-0.0");
  CHECK(written(Value::real(0.1)) == "0.1");
  CHECK(written(Value::real(1e300)) == "1e+300");
  CHECK(written(Value::real(std::numeric_limits<double>::quiet_NaN())) == "null");
  CHECK(written(Value::real(-std::numeric_limits<double>::infinity())) == "null");
  CHECK(written(Value::text("x")) == R"("x")");
  CHECK(written(Value::text({})) == R"("")");
}

TEST_CASE("text is escaped where JSON asks for it and nowhere else") {
  struct Row {
    std::string text;
    std::string json;
  };
  const Row rows[] = {
      {"\"", R"("\"")"},
      {"\\", R"("\\")"},
      {"a/b", R"("a/b")"},
      {"\b\f\n\r\t", R"("\b\f\n\r\t")"},
      {"\0"s, R"("\u0000")"},
      {"\x1f", R"("\u001F")"},
      {"\x7f", "\"\x7f\""},
      {"grün", "\"grün\""},
      {"\xf0\x9f\x8c\x8a", "\"\xf0\x9f\x8c\x8a\""},
      {"'<&>", R"("'<&>")"},
  };
  for (const Row& row : rows) {
    CHECK(written(Value::text(row.text)) == row.json);
    const Result<JsonValue> back = JsonValue::parse(row.json);
    REQUIRE(back);
    CHECK(back->text == row.text);
  }
}

TEST_CASE("bytes that are no UTF-8 become U+FFFD, one for each broken start") {
  struct Row {
    std::string text;
    std::string repaired;  // '?' stands for U+FFFD
  };
  const Row rows[] = {
      {"a\x80z", "a?z"},                                         // a continuation byte alone
      {"a\xc3", "a?"},                                           // cut at the end
      {"\xe2\x82", "?"},                                         // two of three
      {"\xe2\x82z", "?z"},                                       //
      {"\xf0\x9f\x8c", "?"},                                     // three of four
      {"\xf0\x9f\x8cz", "?z"},                                   //
      {"\xc0\xaf", "??"},                                        // overlong in two bytes
      {"\xe0\x80\xaf", "???"},                                   // overlong in three
      {"\xf0\x80\x80\xaf", "????"},                              // overlong in four
      {"\xed\xa0\x80", "???"},                                   // a surrogate
      {"\xf4\x90\x80\x80", "????"},                              // beyond U+10FFFF
      {"\xf5\x80", "??"},                                        //
      {"\xfe\xff", "??"},                                        //
      {"\xc3\xc3\xbc", "?\xc3\xbc"},                             // a good one after a broken one
      {"\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"},  // around the surrogates
      {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},                  // U+10FFFF
      {"\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80", "\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80"},
  };
  for (const Row& row : rows) {
    std::string expected = "\"";
    for (const char c : row.repaired) expected += c == '?' ? "\xef\xbf\xbd" : std::string(1, c);
    expected += '"';
    CHECK(written(Value::text(row.text)) == expected);
    JsonWriter w;
    w.begin_object().key(row.text).null().end_object();
    CHECK(w.take() == "{" + expected + ":null}");
  }
}

TEST_CASE("whatever bytes a text holds, the document is valid JSON") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  for (int i = 0; i < 5'000; ++i) {
    std::string text(random.below(12), '\0');
    for (char& c : text) c = static_cast<char>(random.bits());
    const Result<JsonValue> back = JsonValue::parse(written(Value::text(text)));
    REQUIRE(back);
    REQUIRE(back->type == JsonValue::Type::text);
  }
}

TEST_CASE("floats and integers read back exactly, and as what they were") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  for (int i = 0; i < 20'000; ++i) {
    const double d = random.real();
    const std::int64_t n = random.integer();
    const Result<JsonValue> integer = JsonValue::parse(written(Value::integer(n)));
    REQUIRE(integer);
    REQUIRE(integer->type == JsonValue::Type::integer);
    REQUIRE(integer->integer == n);
    if (!std::isfinite(d)) continue;
    INFO(d);
    const Result<JsonValue> real = JsonValue::parse(written(Value::real(d)));
    REQUIRE(real);
    REQUIRE(real->type == JsonValue::Type::real);
    REQUIRE(std::memcmp(&real->real, &d, sizeof d) == 0);
  }
}

TEST_CASE("a document is read whole") {
  const Result<JsonValue> v = JsonValue::parse(
      " {\"command\" : \"status\", \"n\":7, \"d\":1.5, \"big\":9223372036854775808,\n"
      "\"yes\":true, \"no\":false, \"nothing\":null, \"list\":[1,[],{\"a\":\"b\"}]} ");
  REQUIRE(v);
  CHECK(v->type == JsonValue::Type::object);
  CHECK(v->members.size() == 8);
  CHECK(v->members[0].first == "command");
  CHECK(v->members[7].first == "list");
  CHECK(v->text_of("command") == "status");
  CHECK(v->integer_of("n") == 7);
  CHECK(v->number_of("n") == 7.0);
  CHECK(v->number_of("d") == 1.5);
  CHECK(v->number_of("big") == 9223372036854775808.0);
  CHECK(v->boolean_of("yes"));
  CHECK_FALSE(v->boolean_of("no", true));
  REQUIRE(v->find("nothing") != nullptr);
  CHECK(v->find("nothing")->type == JsonValue::Type::null);
  REQUIRE(v->find("list") != nullptr);
  REQUIRE(v->find("list")->items.size() == 3);
  CHECK(v->find("list")->items[0].integer == 1);
  CHECK(v->find("list")->items[1].type == JsonValue::Type::array);
  CHECK(v->find("list")->items[2].text_of("a") == "b");
}

TEST_CASE("an absent member, or one of another type, gives the fallback") {
  const Result<JsonValue> v = JsonValue::parse(R"({"t":"x","i":1,"d":1.5,"b":true,"n":null})");
  REQUIRE(v);
  CHECK(v->find("absent") == nullptr);
  CHECK(v->text_of("absent", "f") == "f");
  CHECK(v->text_of("i", "f") == "f");
  CHECK(v->integer_of("d", 9) == 9);
  CHECK(v->integer_of("t", 9) == 9);
  CHECK(v->number_of("t", 2.5) == 2.5);
  CHECK(v->number_of("absent", 2.5) == 2.5);
  CHECK(v->boolean_of("i", true));
  CHECK(v->boolean_of("n", true));
  const Result<JsonValue> scalar = JsonValue::parse("3");
  REQUIRE(scalar);
  CHECK(scalar->text_of("x", "f") == "f");
}

TEST_CASE("escapes are read") {
  const Result<JsonValue> v = JsonValue::parse(R"("\"\\\/\b\f\n\r\t\u0041\u00fc\ud83c\udf0a\u0000!")");
  REQUIRE(v);
  CHECK(v->text == "\"\\/\b\f\n\r\tA\xc3\xbc\xf0\x9f\x8c\x8a\0!"s);
}

TEST_CASE("the ends of the number ranges are read") {
  const Result<JsonValue> v = JsonValue::parse(
      "[9223372036854775807,-9223372036854775808,-9223372036854775809,5e-324,1.7976931348623157e308,0,-0,"
      "1E2]");
  REQUIRE(v);
  CHECK(v->items[0].integer == std::numeric_limits<std::int64_t>::max());
  CHECK(v->items[1].integer == std::numeric_limits<std::int64_t>::min());
  CHECK(v->items[2].type == JsonValue::Type::real);
  CHECK(v->items[3].real == 5e-324);
  CHECK(v->items[4].real == std::numeric_limits<double>::max());
  CHECK(v->items[5].type == JsonValue::Type::integer);
  CHECK(v->items[6].type == JsonValue::Type::integer);
  CHECK(v->items[7].real == 100.0);
}

TEST_CASE("what is no JSON is refused") {
  const std::string bad[] = {
      "",
      " ",
      "nul",
      "True",
      "{",
      "[",
      "[1,]",
      "[1,,2]",
      "{\"a\":1,}",
      "{\"a\"}",
      "{a:1}",
      "{'a':1}",
      "{\"a\":}",
      "{1:2}",
      "}{",
      "[}",
      "01",
      "+1",
      "1.",
      ".5",
      "1e",
      "-",
      "NaN",
      "Infinity",
      "-Infinity",
      "0x10",
      "1e999",
      "-1e999",
      "\"",
      "\"a",
      "\"\\x\"",
      "\"\\u12\"",
      "\"\\ud83c\"",
      "\"\\ud83c\\u0041\"",
      "\"\n\"",
      "\"\x80\"",
      "\"\xc0\xaf\"",
      "\"\xed\xa0\x80\"",
      "1 2",
      "{} x",
      "[] []",
      "// c\n1",
      "/* c */ 1",
      "{}\0"s,
      "{}\0{}"s,
      "\"a\0b\""s,
      "\xff\xfe",
  };
  for (const std::string& text : bad) {
    INFO(text);
    const Result<JsonValue> v = JsonValue::parse(text);
    REQUIRE_FALSE(v);
    CHECK(v.error().message.starts_with("parse JSON: "));
  }
}

TEST_CASE("a refusal says where") {
  const Result<JsonValue> v = JsonValue::parse(R"({"a":1,"b":nope})");
  REQUIRE_FALSE(v);
  CHECK(v.error().message.ends_with(" at byte 12"));
}

TEST_CASE("64 levels are read, 65 are refused, and no depth overflows the stack") {
  CHECK(JsonValue::parse(nested(64, "[", "", "]")));
  CHECK(JsonValue::parse(nested(64, "{\"a\":", "1", "}")));
  for (const std::size_t depth : {std::size_t{65}, std::size_t{1'000}, std::size_t{5'000'000}}) {
    const Result<JsonValue> arrays = JsonValue::parse(nested(depth, "[", "", "]"));
    REQUIRE_FALSE(arrays);
    CHECK(arrays.error().message.find("nested deeper than 64") != std::string::npos);
    CHECK_FALSE(JsonValue::parse(nested(depth, "{\"a\":", "1", "}")));
    CHECK_FALSE(JsonValue::parse(nested(depth, "[{\"a\":", "1", "}]")));
    CHECK_FALSE(JsonValue::parse(nested(depth, "[", "", "")));
  }
  CHECK(JsonValue::parse("[" + nested(1'000, "[],", "", "") + "1]"));
}

TEST_CASE("a document cut or damaged anywhere is read or refused, never worse") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  const std::string whole = R"({"a":[1,-2.5e3,"x\n\u00fc",{"b":null}],"c":true,"d":{"e":[[],{}]}})";
  for (std::size_t cut = 0; cut < whole.size(); ++cut) CHECK_FALSE(JsonValue::parse(whole.substr(0, cut)));
  int refused = 0;
  for (int i = 0; i < 5'000; ++i) {
    std::string damaged = whole;
    damaged[random.below(damaged.size())] = static_cast<char>(random.bits());
    if (!JsonValue::parse(damaged)) ++refused;
  }
  CHECK(refused > 0);
}
