#include "expressions/like.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "expressions/characters.h"

using namespace tidemark;

namespace {

// The definition, word by word.
bool obvious_like(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '%') {
    return obvious_like(text, pattern.substr(1)) || (!text.empty() && obvious_like(text.substr(1), pattern));
  }
  if (text.empty()) return false;
  return (pattern[0] == '_' || pattern[0] == text[0]) && obvious_like(text.substr(1), pattern.substr(1));
}

}  // namespace

TEST_CASE("LIKE agrees with its definition on random patterns") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::size_t matches = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    std::string pattern;
    for (std::size_t n = random() % 9; n > 0; --n) text += "ab"[random() % 2];
    for (std::size_t n = random() % 7; n > 0; --n) pattern += "ab%_"[random() % 4];
    CAPTURE(text);
    CAPTURE(pattern);
    const bool expected = obvious_like(text, pattern);
    matches += expected ? 1 : 0;
    CHECK(like(text, pattern) == expected);
  }
  CHECK(matches > 1000);
}

TEST_CASE("a pattern of many % takes no exponential time") {
  const std::string text(5000, 'a');
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "%a";
  CHECK(like(text, pattern));
  CHECK_FALSE(like(text, pattern + "b"));
}

TEST_CASE("an escape of several bytes is one character") {
  CHECK(like("50%", "50é%", "é"));
  CHECK_FALSE(like("50x", "50é%", "é"));
}

TEST_CASE("bytes that are no UTF-8 match themselves") {
  CHECK(like("a\xff\x80z", "a\xff\x80z"));
  CHECK(like("\x80", "_"));
  CHECK(like("\xff", "%"));
  CHECK(character_count("\x80\x80") == 2);
  CHECK(character_count("\xe2\x98\x83") == 1);
  CHECK(character_count("\xe2") == 1);
}
