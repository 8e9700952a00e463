#include "sinks/row_text.h"

#include <doctest/doctest.h>

#include <limits>

#include "sinks/topic_template.h"

namespace tidemark {
namespace {

struct Row {
  Row() {
    schema.pipeline = "p";
    schema.channel.timeline = Timeline{1};
    schema.columns = {{"k", {}}, {"window_start", ResultColumn::Kind::time}, {"n", {}}, {"x", {}}, {"t", {}}};
    view = {&schema, ResultNumber{5}, 0, values};
  }
  std::vector<Value> values = {Value::text("a"), Value::integer(1'740'830'400'500'000'000), Value::integer(3),
                               Value::real(1), Value::null()};
  ResultSchema schema;
  ResultView view;
};

std::string line(const Row& row, RowTextOptions options) {
  RowText text(std::move(options));
  std::string out;
  text.append_line(out, row.view);
  return out;
}

TEST_CASE("a row as JSON has the columns in their order, times as text, and the id last") {
  Row row;
  CHECK(line(row, {}) ==
        "{\"k\":\"a\",\"window_start\":\"2025-03-01T12:00:00.500Z\",\"n\":3,\"x\":1.0,\"t\":null}\n");
  CHECK(line(row, {.ids = true, .id_prefix = "n"}).ends_with("\"t\":null,\"_id\":\"n/1/p/5\"}\n"));
}

TEST_CASE("times stand in the unit asked for, rounded down") {
  Row row;
  std::string scratch;
  const std::vector<std::pair<TimestampFormat, std::int64_t>> cases = {
      {TimestampFormat::s, 1'740'830'400},
      {TimestampFormat::ms, 1'740'830'400'500},
      {TimestampFormat::us, 1'740'830'400'500'000},
      {TimestampFormat::ns, 1'740'830'400'500'000'000}};
  for (const auto& [unit, expected] : cases)
    CHECK(shown_time(row.values[1], unit, scratch).as_integer() == expected);
  CHECK(shown_time(Value::integer(-1), TimestampFormat::s, scratch).as_integer() == -1);
  CHECK(shown_time(Value::null(), TimestampFormat::rfc3339, scratch).is_null());
}

TEST_CASE("floats that are no number are null in JSON and nothing in csv") {
  Row row;
  row.values[3] = Value::real(std::numeric_limits<double>::quiet_NaN());
  CHECK(line(row, {}).find("\"x\":null") != std::string::npos);
  CHECK(line(row, {.format = FormatSettings::Type::csv}) == "a,2025-03-01T12:00:00.500Z,3,,\n");
}

TEST_CASE("a column of JSON stands in JSON as it is, and in csv as a text") {
  Row row;
  row.schema.columns[4].kind = ResultColumn::Kind::json;
  row.values[4] = Value::text(R"([{"value":"a","n":2},null])");
  CHECK(line(row, {}).ends_with(R"(,"t":[{"value":"a","n":2},null]})"
                                "\n"));
  CHECK(line(row, {.format = FormatSettings::Type::csv})
            .ends_with(",\"[{\"\"value\"\":\"\"a\"\",\"\"n\"\":2},null]\"\n"));
  row.values[4] = Value::null();
  CHECK(line(row, {}).ends_with(",\"t\":null}\n"));
  std::string one;
  append_json(one, row.schema.columns[1], row.values[1], TimestampFormat::s);
  append_json(one, {"j", ResultColumn::Kind::json}, Value::text("[1]"));
  append_json(one, {"t"}, Value::text("[1]"));
  CHECK(one == "1740830400[1]\"[1]\"");
}

TEST_CASE("csv quotes only what needs it, and tells NULL from the empty text") {
  const std::vector<std::pair<std::string, std::string>> cases = {{"plain", "plain"},
                                                                  {"", "\"\""},
                                                                  {"a,b", "\"a,b\""},
                                                                  {"say \"x\"", "\"say \"\"x\"\"\""},
                                                                  {"two\nlines", "\"two\nlines\""},
                                                                  {" lead", "\" lead\""},
                                                                  {"größe", "größe"}};
  for (const auto& [text, expected] : cases) {
    Row row;
    row.values[4] = Value::text(text);
    CHECK(line(row, {.format = FormatSettings::Type::csv}) ==
          "a,2025-03-01T12:00:00.500Z,3,1.0," + expected + "\n");
  }
  Row row;
  row.values[4] = Value::boolean(true);
  CHECK(line(row, {.format = FormatSettings::Type::csv, .ids = true, .id_prefix = "n"})
            .ends_with(",true,n/1/p/5\n"));
}

TEST_CASE("the csv header names the columns as the rows have them") {
  Row row;
  row.schema.columns[0].name = "a,b";
  CHECK(RowText({.format = FormatSettings::Type::csv, .ids = true}).header(row.schema) ==
        "\"a,b\",window_start,n,x,t,_id\n");
  CHECK(RowText({}).header(row.schema).empty());
}

TEST_CASE("a topic takes the row's own values, made harmless") {
  const std::vector<std::pair<Value, std::string>> cases = {
      {Value::text("press"), "alerts/press/3"},
      {Value::null(), "alerts/null/3"},
      {Value::text(""), "alerts/_/3"},
      {Value::text("a+b#c"), "alerts/a_b_c/3"},
      {Value::text(std::string_view("a\0b\n", 4)), "alerts/a_b_/3"},
      {Value::text("a/b"), "alerts/a/b/3"},
      {Value::boolean(true), "alerts/true/3"},
      {Value::real(1e300), "alerts/1e_300/3"},
      {Value::text("gr\xc3\xb6\xc3"), "alerts/gr\xc3\xb6_/3"},
      {Value::text("\xed\xa0\x80"), "alerts/___/3"},
      {Value::text("\xc2\x85"), "alerts/_/3"}};
  for (const auto& [value, expected] : cases) {
    Row row;
    row.values[0] = value;
    const auto made = TopicTemplate::make("alerts/{k}/{n}", row.schema, TimestampFormat::rfc3339);
    REQUIRE(made.has_value());
    CHECK(made->topic(row.view) == expected);
  }
}

TEST_CASE("a topic may name the pipeline and the window, and not what results do not have") {
  Row row;
  CHECK(TopicTemplate::make("{pipeline}/{window_start}", row.schema, TimestampFormat::s)->topic(row.view) ==
        "p/1740830400");
  CHECK(TopicTemplate::make("plain", row.schema, TimestampFormat::s)->topic(row.view) == "plain");
  const auto unknown = TopicTemplate::make("a/{device}", row.schema, TimestampFormat::s);
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().message.find("'device'") != std::string::npos);
  CHECK_FALSE(TopicTemplate::make("a/{k", row.schema, TimestampFormat::s).has_value());
}

}  // namespace
}  // namespace tidemark
