// The operators on bits are other spellings of functions: x & y is bit_and(x, y). They are written as
// operators in canonical text, whichever way they were written. ~x is bit_not(x). A private part of the
// parser.
#pragma once

#include <array>
#include <string_view>

namespace tidemark {

struct BitOperator {
  std::string_view spelling;
  std::string_view function;
};

constexpr std::array<BitOperator, 4> kBitOperators{
    {{"&", "bit_and"}, {"|", "bit_or"}, {"<<", "bit_shift_left"}, {">>", "bit_shift_right"}}};
constexpr std::string_view kBitNot = "bit_not";

}  // namespace tidemark
