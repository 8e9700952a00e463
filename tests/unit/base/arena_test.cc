#include "base/arena.h"

#include <doctest/doctest.h>

#include <string>

#include "random_values.h"

using namespace tidemark;

TEST_CASE("texts of an arena keep their bytes until it is cleared") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  Arena arena;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> expected;
    std::vector<std::string_view> kept;
    for (int i = 0; i < 200; ++i) {
      // Now and then a text larger than any block.
      const std::size_t size = random.below(50) == 0 ? random.below(600'000) : random.below(500);
      expected.push_back(std::string(size, static_cast<char>('a' + random.below(26))));
      kept.push_back(arena.copy(expected.back()));
    }
    for (std::size_t i = 0; i < kept.size(); ++i) REQUIRE(kept[i] == expected[i]);
    arena.clear();
  }
}

TEST_CASE("an empty text may be copied from nowhere") {
  Arena arena;
  CHECK(arena.copy({}).empty());
  CHECK(arena.copy("").empty());
}

TEST_CASE("a cleared arena uses the same memory again") {
  Arena arena;
  const char* first = arena.allocate(100);
  arena.clear();
  CHECK(arena.allocate(100) == first);
  CHECK(arena.allocate(100) == first + 100);
}

TEST_CASE("clearing an empty arena, or twice, does nothing") {
  Arena arena;
  arena.clear();
  arena.allocate(1 << 20);
  arena.clear();
  arena.clear();
  CHECK(arena.copy("abc") == "abc");
}

TEST_CASE("an arena knows how many bytes it has handed out since it was cleared") {
  Arena arena;
  CHECK(arena.size() == 0);
  arena.allocate(100);
  arena.allocate(1 << 20);
  CHECK(arena.size() == 100 + (1 << 20));
  arena.clear();
  CHECK(arena.size() == 0);
}
