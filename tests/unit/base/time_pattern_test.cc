#include "base/time_pattern.h"

#include <doctest/doctest.h>

#include "base/times.h"

namespace tidemark {
namespace {

// The time as RFC 3339, or what is wrong.
std::string read(std::string_view pattern, std::string_view text) {
  const Result<TimePattern> parsed = TimePattern::parse(pattern);
  if (!parsed) return "pattern: " + parsed.error().message;
  CHECK(parsed->text() == pattern);
  const Result<std::int64_t> ns = parsed->read(text);
  return ns ? to_rfc3339(*ns) : "error: " + ns.error().message;
}

TEST_CASE("a pattern reads times as people and machines write them") {
  struct Row {
    const char *pattern, *text, *time;
  };
  const Row rows[] = {
      {"%Y-%m-%d %H:%M:%S", "2025-03-01 12:34:56", "2025-03-01T12:34:56Z"},
      {"%F %T", "2025-03-01 12:34:56", "2025-03-01T12:34:56Z"},
      {"%d.%m.%Y %R", "1.3.2025 7:05", "2025-03-01T07:05:00Z"},
      {"%D %I:%M %p", "03/01/25 12:05 AM", "2025-03-01T00:05:00Z"},
      {"%D %I:%M %p", "03/01/25 12:05 pm", "2025-03-01T12:05:00Z"},
      {"%D %I:%M %p", "03/01/99 11:59 PM", "1999-03-01T23:59:00Z"},
      {"%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z"},
      {"%a, %d %B %Y %T %Z", "Sat, 1 march 2025 00:00:00 GMT", "2025-03-01T00:00:00Z"},
      {"%a %b %e %H:%M:%S %Y", "Sat Mar  1 12:34:56 2025", "2025-03-01T12:34:56Z"},
      {"%Y-%m-%dT%H:%M:%S.%f%z", "2025-03-01T12:34:56.25+05:30", "2025-03-01T07:04:56.250Z"},
      {"%Y-%m-%dT%H:%M:%S.%f%z", "2025-03-01T12:34:56.1234567891Z", "2025-03-01T12:34:56.123456789Z"},
      {"%Y%m%d%H%M%S%z", "20250301123456+01", "2025-03-01T11:34:56Z"},
      {"%Y %j", "2024 366", "2024-12-31T00:00:00Z"},
      {"%s", "1740832496", "2025-03-01T12:34:56Z"},
      {"%s.%f", "1740832496.5", "2025-03-01T12:34:56.500Z"},
      {"%s", "-1", "1969-12-31T23:59:59Z"},
      {"%F %T", "2016-12-31 23:59:60", "2017-01-01T00:00:00Z"},
      {"100%% %F", "100% 2025-03-01", "2025-03-01T00:00:00Z"},
      {"[%F]", "[2025-03-01]", "2025-03-01T00:00:00Z"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(read(row.pattern, row.text) == row.time);
  }
}

TEST_CASE("a text that is not of the form, or no time, is an error") {
  for (const char* text : {"",
                           " ",
                           "2025-03-01",
                           "2025-03-01 12:34",
                           "2025-03-01 12:34:56 ",
                           "2025-03-01 12:34:56Z",
                           "2025-13-01 00:00:00",
                           "2025-02-29 00:00:00",
                           "2025-00-01 00:00:00",
                           "2025-01-00 00:00:00",
                           "2025-01-32 00:00:00",
                           "25-03-01 00:00:00",
                           "02025-03-01 00:00:00",
                           "2025-03-01 24:00:00",
                           "2025-03-01 00:60:00",
                           "2025-03-01 00:00:61",
                           "2025-03-01 12:00:60",
                           "2025-03-01 1x:00:00",
                           "2025-03-01T00:00:00",
                           "-025-03-01 00:00:00",
                           "9999-01-01 00:00:00",
                           "0000-01-01 00:00:00",
                           "2025-03-01 00:00:0\xd9\xa1"}) {
    CAPTURE(text);
    CHECK(read("%F %T", text).starts_with("error: "));
  }
  CHECK(read("%Y %j", "2025 366").starts_with("error: "));
  CHECK(read("%F %z", "2025-03-01 CET").starts_with("error: "));
  CHECK(read("%F %z", "2025-03-01 +1").starts_with("error: "));
  CHECK(read("%F %Z", "2025-03-01 CET").starts_with("error: "));
  CHECK(read("%F %I %p", "2025-03-01 13 PM").starts_with("error: "));
  CHECK(read("%d %b %Y", "1 Mrz 2025").starts_with("error: "));
  CHECK(read("%s", "99999999999").starts_with("error: "));
}

TEST_CASE("a pattern that cannot say a time, or says it twice, is refused with the reason") {
  const std::pair<const char*, const char*> rows[] = {
      {"", "the year"},         {"%b %d %T", "the year"}, {"%Y %T", "%m and %d or as %j"},
      {"%F %j", "either"},      {"%F %d", "another"},     {"%F %y", "another"},
      {"%F %H %I %p", "%I"},    {"%F %I", "go together"}, {"%F %p", "go together"},
      {"%F %s", "all that is"}, {"%F %Q", "%Q"},          {"%F %", "alone"},
      {"%F %E", "%E"},          {"%F %Z %z", "another"},
  };
  for (const auto& [pattern, why] : rows) {
    CAPTURE(pattern);
    const std::string said = read(pattern, "x");
    CAPTURE(said);
    CHECK(said.starts_with("pattern: "));
    CHECK(said.find(why) != std::string::npos);
  }
}

}  // namespace
}  // namespace tidemark
