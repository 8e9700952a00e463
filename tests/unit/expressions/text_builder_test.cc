#include "expressions/text_builder.h"

#include <doctest/doctest.h>

#include <string>

using namespace tidemark;

TEST_CASE("a text grows as it is added to") {
  Arena arena;
  TextBuilder builder(arena, 0);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    builder.add(static_cast<char>('a' + i % 26));
    builder.add("☃");
    builder.repeat("xy", static_cast<std::size_t>(i % 4));
    expected += static_cast<char>('a' + i % 26);
    expected += "☃";
    for (int k = 0; k < i % 4; ++k) expected += "xy";
  }
  Value text;
  CHECK_FALSE(builder.give(text));
  CHECK(text.as_text() == expected);
}

TEST_CASE("a text of exactly the bound is given, one byte more is not") {
  Arena arena;
  TextBuilder fits(arena);
  fits.repeat("x", kMaxResultText);
  Value text;
  CHECK_FALSE(fits.give(text));
  CHECK(text.as_text().size() == kMaxResultText);

  TextBuilder beyond(arena);
  beyond.repeat("x", kMaxResultText);
  beyond.add('x');
  CHECK(beyond.full());
  CHECK(beyond.give(text) == EvalError::Kind::text_too_long);
}

TEST_CASE("a text that is repeated beyond any number is not given") {
  Arena arena;
  TextBuilder builder(arena);
  builder.repeat("xy", ~std::size_t{0});
  Value text;
  CHECK(builder.give(text) == EvalError::Kind::text_too_long);
}

TEST_CASE("the texts of one record are bounded together") {
  Arena arena;
  int given = 0;
  while (given < 100 && room_for_text(arena, kMaxResultText) != nullptr) ++given;
  CHECK(given == kMaxRecordTexts / kMaxResultText);
  CHECK(room_for_text(arena, 1) == nullptr);
  TextBuilder builder(arena);
  builder.add("x");
  Value text;
  CHECK(builder.give(text) == EvalError::Kind::text_too_long);
  arena.clear();
  CHECK(room_for_text(arena, 1) != nullptr);
}
