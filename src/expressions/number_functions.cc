// Functions that round numbers and compare them.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <tuple>

#include "expressions/functions_list.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;
using Nulls = Function::Nulls;
using Typed = Function::Typed;

// To that many decimals of the number as it is written: 2.675, whose double is a little less than that,
// becomes 2.68 as its reader expects. Worked out on the shortest decimal digits, so that every machine gives
// the same. `rounds` to the nearest, halves away from zero; else towards zero.
double to_decimals(double x, std::int64_t decimals, bool rounds) {
  if (decimals <= 0) return (rounds ? std::round(x) : std::trunc(x)) + 0.0;  // never -0.0
  if (!std::isfinite(x) || x == 0) return x;
  char text[32];  // d.ddde-XXX; the longest shortest double takes 24
  const char* const end =
      std::to_chars(text, text + sizeof text, std::fabs(x), std::chars_format::scientific).ptr;
  char digits[20];
  std::int64_t count = 0;
  const char* at = text;
  for (; *at != 'e'; ++at) {
    if (*at != '.') digits[count++] = *at;
  }
  int exponent = 0;  // of the first digit
  std::from_chars(at[1] == '+' ? at + 2 : at + 1, end, exponent);

  // A double has no decimals beyond these; so bounded, the sum cannot overflow.
  std::int64_t kept = exponent + 1 + std::min<std::int64_t>(decimals, 1100);  // digits before the cut
  if (kept >= count) return x;
  if (kept < 0) return 0.0;
  if (rounds && digits[kept] >= '5') {
    std::int64_t i = kept;
    while (i > 0 && digits[i - 1] == '9') --i;
    if (i > 0) {
      ++digits[i - 1];
    } else {
      digits[i++] = '1';
      ++exponent;
    }
    kept = i;
  }
  if (kept == 0) return 0.0;

  char result[32];
  char* to = std::copy(digits, digits + kept, result);
  *to++ = 'e';
  to = std::to_chars(to, result + sizeof result, exponent - (kept - 1)).ptr;
  double value = 0;
  std::from_chars(result, to, value);
  return std::copysign(value, x);
}

Fault to_decimals(const Arguments& arguments, bool rounds, Value& out) {
  const Value& x = arguments[0];
  const std::int64_t decimals = arguments.size() > 1 ? arguments[1].as_integer() : 0;
  out = x.is_integer() ? x : Value::real(to_decimals(x.as_real(), decimals, rounds));
  return {};
}

// The first argument that no other comes before. NULLs are passed over; where one must give NULL, the
// registry's line says so.
Fault extreme(std::span<const Value> arguments, Order replaced_by, bool also_equal, Value& out) {
  Value best;
  for (const Value& next : arguments) {
    if (next.is_null()) continue;
    const Order order = best.is_null() ? replaced_by : compare(next, best);
    if (order == Order::mismatched) return Kind::not_comparable;
    if (order == Order::unknown) {
      out = Value::null();
      return {};
    }
    if (order == replaced_by || (also_equal && order == Order::equal)) best = next;
  }
  out = best;
  return {};
}

Fault whole_number(const Value& x, double (*of)(double), Value& out) {
  out = x.is_integer() ? x : Value::real(of(x.as_real()) + 0.0);
  return {};
}

Fault abs(const Arguments& arguments, Value& out) {
  const Value& x = arguments[0];
  if (x.is_real()) {
    out = Value::real(std::fabs(x.as_real()));
    return {};
  }
  if (x.as_integer() == std::numeric_limits<std::int64_t>::min()) return Kind::integer_overflow;
  out = Value::integer(x.as_integer() < 0 ? -x.as_integer() : x.as_integer());
  return {};
}

Fault ceil(const Arguments& arguments, Value& out) {
  return whole_number(
      arguments[0], [](double d) { return std::ceil(d); }, out);
}

Fault floor(const Arguments& arguments, Value& out) {
  return whole_number(
      arguments[0], [](double d) { return std::floor(d); }, out);
}

// Of an integer and a float that are equal, max takes the earlier and min the later, as sqlite.
Fault max(const Arguments& arguments, Value& out) {
  return extreme(arguments.values, Order::greater, false, out);
}

Fault min(const Arguments& arguments, Value& out) {
  return extreme(arguments.values, Order::less, true, out);
}

Fault round(const Arguments& arguments, Value& out) {
  return to_decimals(arguments, true, out);
}

Fault trunc(const Arguments& arguments, Value& out) {
  return to_decimals(arguments, false, out);
}

Fault sign(const Arguments& arguments, Value& out) {
  const double x = arguments[0].as_number();
  out = std::isnan(x) ? Value::null() : Value::integer((x > 0) - (x < 0));
  return {};
}

Fault mod(const Arguments& arguments, Value& out) {
  return remainder(arguments[0], arguments[1], out);
}

Fault clamp(const Arguments& arguments, Value& out) {
  const auto& [x, low, high] = std::tie(arguments[0], arguments[1], arguments[2]);
  if (compare(low, high) == Order::greater) return Kind::out_of_range;
  Value bounded;
  if (const Fault fault = extreme(std::array{x, low}, Order::greater, false, bounded)) return fault;
  if (bounded.is_null()) {
    out = bounded;
    return {};
  }
  return extreme(std::array{bounded, high}, Order::less, false, out);
}

// The n buckets from low to high; below is 0, from high on n + 1. low may be above high: then they go down.
Fault width_bucket(const Arguments& arguments, Value& out) {
  double x = arguments[0].as_number(), low = arguments[1].as_number(), high = arguments[2].as_number();
  const std::int64_t n = arguments[3].as_integer();
  if (n < 1 || n > std::numeric_limits<std::int32_t>::max()) return Kind::out_of_range;
  if (!std::isfinite(low) || !std::isfinite(high) || low == high) return Kind::out_of_range;
  if (low > high) std::tie(x, low, high) = std::tuple(-x, -low, -high);
  if (std::isnan(x)) {
    out = Value::null();
  } else if (x < low) {
    out = Value::integer(0);
  } else if (x >= high) {
    out = Value::integer(n + 1);
  } else {
    const double share =
        (x / 2 - low / 2) / (high / 2 - low / 2);  // halves: the range itself may be infinite
    out = Value::integer(std::min(n, static_cast<std::int64_t>(share * static_cast<double>(n)) + 1));
  }
  return {};
}

Fault is_nan(const Arguments& arguments, Value& out) {
  out = Value::boolean(std::isnan(arguments[0].as_number()));
  return {};
}

constexpr Function kNumbers[] = {
    {.signature = "abs(x)",
     .doc = "x without its sign",
     .example = "abs(-2.5) => 2.5",
     .takes = {kNumber},
     .typed = Typed::as_first,
     .evaluate = abs},
    {.signature = "ceil(x)",
     .doc = "the smallest whole number not below x, of x's type",
     .example = "ceil(1.2) => 2.0",
     .also = "ceiling",
     .takes = {kNumber},
     .typed = Typed::as_first,
     .evaluate = ceil},
    {.signature = "clamp(x, low, high)",
     .doc = "x, or the bound that it is beyond; low above high is an error",
     .example = "clamp(105, 0, 100) => 100",
     .takes = {kNumber, kNumber, kNumber},
     .typed = Typed::as_any,
     .evaluate = clamp},
    {.signature = "floor(x)",
     .doc = "the largest whole number not above x, of x's type",
     .example = "floor(-1.5) => -2.0",
     .takes = {kNumber},
     .typed = Typed::as_first,
     .evaluate = floor},
    {.signature = "greatest(x, y, …)",
     .doc = "the largest argument that is not NULL",
     .example = "greatest(1, NULL, 2.5) => 2.5",
     .takes = {kAny, kAny},
     .repeats = 1,
     .nulls = Nulls::are_seen,
     .typed = Typed::as_any_alike,
     .evaluate = max},
    {.signature = "is_nan(x)",
     .doc = "whether x is a float that is not a number; arithmetic gives NULL instead of one, but records "
            "may hold one",
     .example = "is_nan(1.5) => FALSE",
     .takes = {kNumber},
     .gives = kBoolean,
     .evaluate = is_nan},
    {.signature = "least(x, y, …)",
     .doc = "the smallest argument that is not NULL",
     .example = "least(3, NULL, 2) => 2",
     .takes = {kAny, kAny},
     .repeats = 1,
     .nulls = Nulls::are_seen,
     .typed = Typed::as_any_alike,
     .evaluate = min},
    {.signature = "max(x, y, …)",
     .doc = "the largest argument; NULL when any is NULL",
     .example = "max(1, 2.5) => 2.5",
     .takes = {kAny, kAny},
     .repeats = 1,
     .typed = Typed::as_any_alike,
     .evaluate = max},
    {.signature = "min(x, y, …)",
     .doc = "the smallest argument; NULL when any is NULL",
     .example = "min('b', 'a') => 'a'",
     .takes = {kAny, kAny},
     .repeats = 1,
     .typed = Typed::as_any_alike,
     .evaluate = min},
    {.signature = "mod(x, y)",
     .doc = "what x % y gives: the rest of a division, with the sign of x",
     .example = "mod(-7, 3) => -1",
     .takes = {kNumber, kNumber},
     .typed = Typed::as_any,
     .evaluate = mod},
    {.signature = "round(x[, digits])",
     .doc = "x to that many decimals (0), halves away from zero, of x's type",
     .example = "round(2.675, 2) => 2.68",
     .takes = {kNumber, kInteger},
     .optional = 1,
     .typed = Typed::as_first,
     .evaluate = round},
    {.signature = "sign(x)",
     .doc = "-1, 0 or 1, an integer",
     .example = "sign(-2.5) => -1",
     .takes = {kNumber},
     .gives = kInteger,
     .evaluate = sign},
    {.signature = "trunc(x[, digits])",
     .doc = "x cut to that many decimals (0), of x's type",
     .example = "trunc(-2.679, 2) => -2.67",
     .takes = {kNumber, kInteger},
     .optional = 1,
     .typed = Typed::as_first,
     .evaluate = trunc},
    {.signature = "width_bucket(x, low, high, n)",
     .doc =
         "which of n equal buckets from low to high x falls into, from 1; 0 below them, n + 1 from high on",
     .example = "width_bucket(21.5, 0, 100, 10) => 3",
     .takes = {kNumber, kNumber, kNumber, kInteger},
     .gives = kInteger,
     .evaluate = width_bucket},
};

}  // namespace

std::span<const Function> numbers() {
  return kNumbers;
}

}  // namespace tidemark::function
