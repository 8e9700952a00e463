#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "expressions/functions_list.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;
using Typed = Function::Typed;

// To that many decimals of the number as it is written, halves away from zero: 2.675, whose double is a
// little less than that, becomes 2.68 as its reader expects. Worked out on the shortest decimal digits, so
// that every machine gives the same.
double rounded(double x, std::int64_t decimals) {
  if (decimals <= 0) return std::round(x) + 0.0;  // never -0.0
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
  const bool up = digits[kept] >= '5';
  std::int64_t i = kept;
  if (up) {
    while (i > 0 && digits[i - 1] == '9') --i;
    if (i > 0) {
      ++digits[i - 1];
    } else {
      digits[i++] = '1';
      ++exponent;
    }
  }
  kept = up ? i : kept;
  if (kept == 0) return 0.0;

  char result[32];
  char* to = std::copy(digits, digits + kept, result);
  *to++ = 'e';
  to = std::to_chars(to, result + sizeof result, exponent - (kept - 1)).ptr;
  double value = 0;
  std::from_chars(result, to, value);
  return std::copysign(value, x);
}

Fault extreme(std::span<const Value> arguments, Order replaced_by, bool also_equal, Value& out) {
  Value best = arguments.front();
  for (const Value& next : arguments.subspan(1)) {
    const Order order = compare(next, best);
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
  const Value& x = arguments[0];
  const std::int64_t decimals = arguments.size() > 1 ? arguments[1].as_integer() : 0;
  out = x.is_integer() ? x : Value::real(rounded(x.as_real(), decimals));
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
     .takes = {kNumber},
     .typed = Typed::as_first,
     .evaluate = ceil},
    {.signature = "floor(x)",
     .doc = "the largest whole number not above x, of x's type",
     .example = "floor(-1.5) => -2.0",
     .takes = {kNumber},
     .typed = Typed::as_first,
     .evaluate = floor},
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
    {.signature = "round(x[, digits])",
     .doc = "x to that many decimals (0), halves away from zero, of x's type",
     .example = "round(2.675, 2) => 2.68",
     .takes = {kNumber, kInteger},
     .optional = 1,
     .typed = Typed::as_first,
     .evaluate = round},
};

}  // namespace

std::span<const Function> numbers() {
  return kNumbers;
}

}  // namespace tidemark::function
