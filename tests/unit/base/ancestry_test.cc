#include "base/ancestry.h"

#include <doctest/doctest.h>

using namespace tidemark;

namespace {
constexpr Position kAll{~std::uint64_t{0}};
}

TEST_CASE("a history without forks is timeline 1, all of it") {
  const Ancestry a;
  CHECK(a.current() == Timeline{1});
  CHECK(a.contains(Timeline{1}, Position{1}));
  CHECK(a.last_of(Timeline{1}) == kAll);
  CHECK_FALSE(a.contains(Timeline{2}, Position{1}));
}

TEST_CASE("after a fork the parent counts up to it and the new timeline from there on") {
  const Ancestry a = Ancestry{}.forked(Position{100});
  CHECK(a.current() == Timeline{2});
  CHECK(a.contains(Timeline{1}, Position{100}));
  CHECK_FALSE(a.contains(Timeline{1}, Position{101}));
  CHECK(a.contains(Timeline{2}, Position{101}));
  CHECK(a.last_of(Timeline{1}) == Position{100});
  CHECK(a.last_of(Timeline{2}) == kAll);
}

TEST_CASE("an earlier fork caps its grandparent too") {
  const Ancestry a = Ancestry{}.forked(Position{100}).forked(Position{50});
  CHECK(a.current() == Timeline{3});
  CHECK(a.last_of(Timeline{1}) == Position{50});
  CHECK(a.last_of(Timeline{2}) == Position{50});
  const Ancestry b = Ancestry{}.forked(Position{100}).forked(Position{150});
  CHECK(b.last_of(Timeline{1}) == Position{100});
  CHECK(b.last_of(Timeline{2}) == Position{150});
}

TEST_CASE("a timeline that was left for its sibling is abandoned whole") {
  const Ancestry a({{Timeline{2}, Timeline{1}, Position{10}}, {Timeline{3}, Timeline{1}, Position{20}}});
  CHECK_FALSE(a.last_of(Timeline{2}));
  CHECK_FALSE(a.contains(Timeline{2}, Position{5}));
  CHECK(a.last_of(Timeline{1}) == Position{20});
}

TEST_CASE("a new timeline has a number that none had before") {
  const Ancestry a({{Timeline{5}, Timeline{1}, Position{10}}, {Timeline{3}, Timeline{1}, Position{20}}});
  CHECK(a.current() == Timeline{3});
  CHECK(a.forked(Position{30}).current() == Timeline{6});
}

TEST_CASE("a history that names a timeline as its own ancestor comes to an end") {
  const Ancestry a({{Timeline{2}, Timeline{3}, Position{10}}, {Timeline{3}, Timeline{2}, Position{20}}});
  CHECK_FALSE(a.contains(Timeline{1}, Position{1}));
}
