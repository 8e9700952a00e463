#include <cmath>
#include <limits>

#include "expressions/functions_list.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;

// 10^0 … 10^22: all that are exact in a double.
constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::int64_t kMostDigits = 22;

// To that many decimals of x's exact value, halves away from zero; the result is the double nearest to that
// decimal. x * 10^digits is taken as scaled + error, exactly, so that 2.675 (which is a little less than its
// text) becomes 2.67 and 0.125 becomes 0.13, on every machine.
double rounded(double x, std::int64_t digits) {
  if (digits <= 0) return std::round(x) + 0.0;
  if (digits > kMostDigits) return x;
  const double power = kPowersOfTen[digits];
  const double scaled = x * power;
  // From here on neighbouring doubles lie further apart than neighbouring decimals; also inf and NaN.
  if (!(std::fabs(scaled) < 9007199254740992.0)) return x;
  const double error = std::fma(x, power, -scaled);
  double whole = std::round(scaled);
  const double beyond = scaled - whole;  // -0.5 … 0.5
  const double away = std::copysign(1.0, x);
  if (beyond * away == -0.5 && error * away < 0) {
    whole -= away;  // rounded away from zero by what is no half
  } else if (beyond == 0 && error * away == 0.5) {
    whole += away;
  }
  return whole / power + 0.0;  // never -0.0
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

}  // namespace

Fault abs(std::span<const Value> arguments, Arena&, Value& out) {
  const Value& x = arguments[0];
  if (x.is_real()) {
    out = Value::real(std::fabs(x.as_real()));
    return {};
  }
  if (x.as_integer() == std::numeric_limits<std::int64_t>::min()) return Kind::integer_overflow;
  out = Value::integer(x.as_integer() < 0 ? -x.as_integer() : x.as_integer());
  return {};
}

Fault ceil(std::span<const Value> arguments, Arena&, Value& out) {
  return whole_number(
      arguments[0], [](double d) { return std::ceil(d); }, out);
}

Fault floor(std::span<const Value> arguments, Arena&, Value& out) {
  return whole_number(
      arguments[0], [](double d) { return std::floor(d); }, out);
}

// Of an integer and a float that are equal, max takes the earlier and min the later, as sqlite.
Fault max(std::span<const Value> arguments, Arena&, Value& out) {
  return extreme(arguments, Order::greater, false, out);
}

Fault min(std::span<const Value> arguments, Arena&, Value& out) {
  return extreme(arguments, Order::less, true, out);
}

Fault round(std::span<const Value> arguments, Arena&, Value& out) {
  const Value& x = arguments[0];
  const std::int64_t digits = arguments.size() > 1 ? arguments[1].as_integer() : 0;
  out = x.is_integer() ? x : Value::real(rounded(x.as_real(), digits));
  return {};
}

}  // namespace tidemark::function
