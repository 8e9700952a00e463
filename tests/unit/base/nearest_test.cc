#include "base/nearest.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace tidemark;

TEST_CASE("the nearest word is the one most likely meant") {
  const std::vector<std::string_view> windows = {"tumbling", "hopping", "cumulating", "session", "count"};
  struct Row {
    std::string_view word;
    std::optional<std::string_view> meant;
  };
  const Row rows[] = {
      {"tumbling", "tumbling"},   // exact
      {"tumbeling", "tumbling"},  // one too many
      {"tumblng", "tumbling"},    // one missing
      {"tumblimg", "tumbling"},   // one wrong
      {"tubmling", "tumbling"},   // two swapped
      {"conut", "count"},         // a swap is one edit: the limit of a short word
      {"sesion", "session"},     {"tumbleweed", std::nullopt},  // five edits, three allowed
      {"xyz", std::nullopt},     {"", std::nullopt},           {"cnt", std::nullopt},
  };
  for (const Row& row : rows) {
    INFO(row.word);
    CHECK(nearest(row.word, windows) == row.meant);
  }
}

TEST_CASE("among equally near words the first wins") {
  const std::vector<std::string_view> allowed = {"cat", "car"};
  CHECK(nearest("cab", allowed) == "cat");
}

TEST_CASE("a nearer word beats an earlier one") {
  const std::vector<std::string_view> allowed = {"max_delay_x", "max_delays"};
  CHECK(nearest("max_delay", allowed) == "max_delays");
}

TEST_CASE("words of one letter have a near word only when they share it") {
  const std::vector<std::string_view> allowed = {"s", "ms"};
  CHECK(nearest("x", allowed) == std::nullopt);
  CHECK(nearest("m", allowed) == "ms");
}

TEST_CASE("nothing is near when nothing is allowed, and long nonsense costs nothing") {
  CHECK(nearest("word", {}) == std::nullopt);
  const std::vector<std::string_view> allowed = {"word"};
  CHECK(nearest(std::string(10'000'000, 'w'), allowed) == std::nullopt);
}
