#include <doctest/doctest.h>

#include "base/pattern.h"
#include "decoding.h"

namespace tidemark {
namespace {

using test::Decoding;

// A decoding of text with a pattern of its own.
struct Reading {
  Reading(const char* pattern, std::initializer_list<std::string_view> types,
          std::initializer_list<std::string_view> fields)
      : decoding(FormatSettings::Type::text, types, {}) {
    decoding.format.pattern.value = pattern;
    for (const std::string_view field : fields) decoding.fields.add(test::path(field));
    decoding.make();
  }
  std::string read(std::string_view line) { return decoding.read(line); }
  Decoding decoding;
};

TEST_CASE("text: named groups are the fields, typed where `fields` says so") {
  Reading decoding(
      R"re((?P<host>\S+) \S+ \[(?P<at>[^]]+)\] "(?P<request>[^"]*)" (?P<status>\d{3}) (?P<size>\d+|-))re",
      {"status:int"}, {"host", "at", "request", "status", "size"});
  CHECK(decoding.read(R"(10.0.0.1 - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 -)") ==
        "'10.0.0.1' '10/Oct/2000:13:55:36 -0700' 'GET / HTTP/1.0' 200 '-'");
}

TEST_CASE("text: the whole line must match, and what does not says so") {
  Reading decoding(R"((?P<n>\d+))", {"n:int"}, {"n"});
  CHECK(decoding.read("12") == "12");
  CHECK(decoding.read("12\r") == "12");
  for (const char* line : {"", "x12", "12x", " 12", "12\n", "12\n12"}) {
    CAPTURE(line);
    CHECK(decoding.read(line) == "error: the line does not match `pattern`");
  }
  CHECK(decoding.read("99999999999999999999") ==
        "error: field n: '99999999999999999999' is no int of 64 bits at byte 0");
}

TEST_CASE("text: a group that took no part is NULL, one that took nothing is empty") {
  Reading decoding(R"((?P<a>x*)(?:=(?P<b>.*))?)", {}, {"a", "b"});
  CHECK(decoding.read("xx=1") == "'xx' '1'");
  CHECK(decoding.read("") == "'' NULL");
  CHECK(decoding.read("=") == "'' ''");
}

TEST_CASE("text: unnamed groups and more groups than read are no matter") {
  Reading decoding(R"((\d+)-(?P<b>(\d)+)-(?P<c>\d+)(\d))", {}, {"c"});
  CHECK(decoding.read("1-22-345") == "'34'");
}

TEST_CASE("text: characters are those of UTF-8") {
  Reading decoding(R"((?P<a>.)(?P<b>\pL+))", {}, {"a", "b"});
  CHECK(decoding.read("\xe2\x82\xac\xc3\xa4") == "'\xe2\x82\xac' '\xc3\xa4'");
}

TEST_CASE("text: a hostile line takes time in proportion to its length") {
  Reading decoding(R"((?:a*)*(?P<b>(a|a)*)b)", {}, {"b"});
  CHECK(decoding.read(std::string(1u << 20, 'a')).starts_with("error"));
}

TEST_CASE("text: a field that the pattern has no group for is refused with the nearest one") {
  Reading decoding(R"((?P<level>\w+))", {}, {});
  CHECK(field_refused(decoding.decoding.format, test::path("levl")).value().find("did you mean level?") !=
        std::string::npos);
  CHECK(field_refused(decoding.decoding.format, test::path("level.x")).has_value());
  CHECK_FALSE(field_refused(decoding.decoding.format, test::path("level")).has_value());
}

TEST_CASE("a pattern that RE2 cannot take, or without a named group, is refused with the reason") {
  for (const std::string text : {"(", "[a", "(?P<n>", "(?P<n>x){2000}", "a{1001}(?P<n>x)", "\\q(?P<n>x)",
                                 "(?=x)(?P<n>x)", "(?P<n>x)\\1", "\\d+", "", "(x)", "(?P<n>x)(?P<n>y)"}) {
    CAPTURE(text);
    const Result<Pattern> pattern = Pattern::compile(text);
    CHECK_FALSE(pattern.has_value());
    if (!pattern) CHECK_FALSE(pattern.error().message.empty());
  }
  CHECK(Pattern::compile("(?P<n>x)").has_value());
}

}  // namespace
}  // namespace tidemark
