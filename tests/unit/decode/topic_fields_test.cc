#include <doctest/doctest.h>

#include <optional>

#include "decode/topic_fields.h"

namespace tidemark {
namespace {

std::optional<std::string> matched(std::string_view pattern, std::string_view topic) {
  const auto fields = TopicFields::parse(pattern);
  REQUIRE(fields);
  std::vector<std::string_view> values(fields->names().size());
  if (!fields->match(topic, values)) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i)
    out += fields->names()[i] + "=" + std::string(values[i]) + (i + 1 < values.size() ? " " : "");
  return out;
}

TEST_CASE("topic fields: levels become fields") {
  CHECK(matched("plant/{line}/{device}/telemetry", "plant/a/7/telemetry") == "line=a device=7");
  CHECK(matched("{x}", "y") == "x=y");
  CHECK(matched("a/{x}/b", "a//b") == "x=");
  CHECK(matched("a/+/{x}", "a/skipped/b") == "x=b");
  CHECK(matched("a/{x}/#", "a/b/c/d") == "x=b");
  CHECK(matched("a/{x}/#", "a/b") == "x=b");
}

TEST_CASE("topic fields: another form of topic does not match") {
  for (const std::string_view topic : {"plant/a/7", "plant/a/7/telemetry/x", "plant/a/7/other",
                                       "other/a/7/telemetry", "", "plant/a/7/telemetry/"})
    CHECK_FALSE(matched("plant/{line}/{device}/telemetry", topic));
}

TEST_CASE("topic fields: no pattern matches everything and has no fields") {
  const TopicFields none;
  CHECK(none.names().empty());
  CHECK(none.match("a/b", {}));
}

TEST_CASE("topic fields: a bad pattern is refused and says why") {
  for (const std::string_view pattern :
       {"", "a/{}/b", "a/{x", "a/x}", "a/pre{x}", "a/{x}/{x}", "a/#/b", "a/b+", "a/{x+}", "a/{{x}}"}) {
    CAPTURE(pattern);
    const auto fields = TopicFields::parse(pattern);
    REQUIRE_FALSE(fields);
    CHECK(fields.error().kind == Error::Kind::usage);
    CHECK(fields.error().message.starts_with("topic pattern '"));
  }
}

}  // namespace
}  // namespace tidemark
