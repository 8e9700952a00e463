#include "base/search_pattern.h"

#include <doctest/doctest.h>

#include <string>

using namespace tidemark;

namespace {

SearchPattern compiled(std::string_view text) {
  auto pattern = SearchPattern::compile(text);
  REQUIRE(pattern);
  return std::move(*pattern);
}

}  // namespace

TEST_CASE("a pattern is found anywhere, from a place on") {
  const SearchPattern pattern = compiled("(a)(b)?");
  CHECK(pattern.groups() == 2);
  CHECK(pattern.matches("xxab"));
  CHECK_FALSE(pattern.matches("xyz"));
  SearchPattern::Groups groups;
  REQUIRE(pattern.find("a ab", 1, 3, groups));
  CHECK(groups[0] == "ab");
  CHECK(groups[1] == "a");
  CHECK(groups[2] == "b");
  REQUIRE(pattern.find("a ab", 0, 3, groups));
  CHECK(groups[0] == "a");
  CHECK_FALSE(groups[2]);
  CHECK_FALSE(pattern.find("a ab", 3, 1, groups));
}

TEST_CASE("where a search begins is not where the text does") {
  SearchPattern::Groups groups;
  CHECK_FALSE(compiled("^b").find("ab", 1, 1, groups));
  CHECK(compiled("\\bb").find("a b", 1, 1, groups));
  CHECK_FALSE(compiled("\\bb").find("ab", 1, 1, groups));
}

TEST_CASE("more groups than a pattern has, or than are kept, are nothing") {
  SearchPattern::Groups groups;
  REQUIRE(compiled("a").find("a", 0, 5, groups));
  CHECK(groups[0] == "a");
  CHECK_FALSE(groups[4]);
  std::string many;
  for (int i = 0; i < 40; ++i) many += "(a?)";
  REQUIRE(compiled(many).find("aaa", 0, 100, groups));
  CHECK(groups[1] == "a");
  CHECK(groups[4] == "");
}

TEST_CASE("groups are known by their names") {
  const SearchPattern pattern = compiled("(x)(?P<level>y)");
  CHECK(pattern.group("level") == 2);
  CHECK_FALSE(pattern.group("none"));
}

TEST_CASE("a match of nothing in nothing is one") {
  SearchPattern::Groups groups;
  REQUIRE(compiled("^$").find({}, 0, 1, groups));
  CHECK(groups[0] == "");
}

TEST_CASE("what is no pattern is refused in RE2's words") {
  const auto refused = SearchPattern::compile("a(b");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "missing ): a(b");
  CHECK_FALSE(SearchPattern::compile("(a{1000}){1000}"));
}
