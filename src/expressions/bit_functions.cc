// Functions on the bits of integers, those behind the operators & | ~ << >> among them.
//
// An integer is its 64 bits in two's complement, as in sqlite: nothing overflows.
#include <bit>
#include <cstdint>

#include "expressions/functions_list.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;

Fault bit_and(const Arguments& arguments, Value& out) {
  out = Value::integer(arguments[0].as_integer() & arguments[1].as_integer());
  return {};
}

Fault bit_or(const Arguments& arguments, Value& out) {
  out = Value::integer(arguments[0].as_integer() | arguments[1].as_integer());
  return {};
}

Fault bit_xor(const Arguments& arguments, Value& out) {
  out = Value::integer(arguments[0].as_integer() ^ arguments[1].as_integer());
  return {};
}

Fault bit_not(const Arguments& arguments, Value& out) {
  out = Value::integer(~arguments[0].as_integer());
  return {};
}

// Left by n places; n below 0 is to the right, where copies of the sign come in.
std::int64_t shifted(std::int64_t x, std::int64_t n) {
  if (n <= -64) return x < 0 ? -1 : 0;
  if (n < 0) return x >> -n;
  return n < 64 ? static_cast<std::int64_t>(static_cast<std::uint64_t>(x) << n) : 0;
}

Fault bit_shift_left(const Arguments& arguments, Value& out) {
  out = Value::integer(shifted(arguments[0].as_integer(), arguments[1].as_integer()));
  return {};
}

Fault bit_shift_right(const Arguments& arguments, Value& out) {
  const std::int64_t n = arguments[1].as_integer();
  out = Value::integer(shifted(arguments[0].as_integer(), n <= -64 ? 64 : -n));
  return {};
}

Fault bit_count(const Arguments& arguments, Value& out) {
  out = Value::integer(std::popcount(static_cast<std::uint64_t>(arguments[0].as_integer())));
  return {};
}

Fault bit_test(const Arguments& arguments, Value& out) {
  const std::int64_t n = arguments[1].as_integer();
  if (n < 0 || n > 63) return Kind::out_of_range;
  out = Value::boolean((arguments[0].as_integer() >> n & 1) != 0);
  return {};
}

constexpr Function kBits[] = {
    {.signature = "bit_and(x, y)",
     .doc = "the bits that both have: x & y",
     .example = "bit_and(12, 10) => 8",
     .takes = {kInteger, kInteger},
     .gives = kInteger,
     .evaluate = bit_and},
    {.signature = "bit_count(x)",
     .doc = "how many bits are set",
     .example = "bit_count(255) => 8",
     .takes = {kInteger},
     .gives = kInteger,
     .evaluate = bit_count},
    {.signature = "bit_not(x)",
     .doc = "the bits that x has not: ~x",
     .example = "bit_not(0) => -1",
     .takes = {kInteger},
     .gives = kInteger,
     .evaluate = bit_not},
    {.signature = "bit_or(x, y)",
     .doc = "the bits that either has: x | y",
     .example = "bit_or(12, 10) => 14",
     .takes = {kInteger, kInteger},
     .gives = kInteger,
     .evaluate = bit_or},
    {.signature = "bit_shift_left(x, n)",
     .doc = "the bits n places up: x << n; n below 0 is down",
     .example = "bit_shift_left(1, 4) => 16",
     .takes = {kInteger, kInteger},
     .gives = kInteger,
     .evaluate = bit_shift_left},
    {.signature = "bit_shift_right(x, n)",
     .doc = "the bits n places down, the sign kept: x >> n; n below 0 is up",
     .example = "bit_shift_right(256, 4) => 16",
     .takes = {kInteger, kInteger},
     .gives = kInteger,
     .evaluate = bit_shift_right},
    {.signature = "bit_test(x, n)",
     .doc = "whether bit n is set, from 0 (the lowest) to 63",
     .example = "bit_test(5, 2) => TRUE",
     .takes = {kInteger, kInteger},
     .gives = kBoolean,
     .evaluate = bit_test},
    {.signature = "bit_xor(x, y)",
     .doc = "the bits that one of them has",
     .example = "bit_xor(12, 10) => 6",
     .takes = {kInteger, kInteger},
     .gives = kInteger,
     .evaluate = bit_xor},
};

}  // namespace

std::span<const Function> bits() {
  return kBits;
}

}  // namespace tidemark::function
