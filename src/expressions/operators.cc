#include "expressions/operators.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

namespace tidemark {
namespace {

using Kind = EvalError::Kind;

constexpr double kTwoTo63 = 9223372036854775808.0;

Order order_of(double a, double b) {
  if (a < b) return Order::less;
  if (a > b) return Order::greater;
  return a == b ? Order::equal : Order::unknown;
}

// Exact, where converting the integer to a float would round it.
Order order_of(std::int64_t i, double r) {
  if (std::isnan(r)) return Order::unknown;
  if (r < -kTwoTo63) return Order::greater;
  if (r >= kTwoTo63) return Order::less;
  const auto whole = static_cast<std::int64_t>(r);
  if (i != whole) return i < whole ? Order::less : Order::greater;
  const double fraction = r - static_cast<double>(whole);
  return fraction > 0 ? Order::less : fraction < 0 ? Order::greater : Order::equal;
}

Order reversed(Order o) {
  return o == Order::less ? Order::greater : o == Order::greater ? Order::less : o;
}

// Whether both are integers; when not, whether both are numbers at all.
enum class Numbers : std::uint8_t { integers, mixed, null, wrong };

Numbers numbers(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return Numbers::integers;
  if (a.is_number() && b.is_number()) return Numbers::mixed;
  const bool fits = (a.is_number() || a.is_null()) && (b.is_number() || b.is_null());
  return fits ? Numbers::null : Numbers::wrong;
}

Value real_or_null(double d) {
  return std::isnan(d) ? Value::null() : Value::real(d);
}

// An operation of two integers that may overflow, and the same of two floats.
template <class Integers, class Reals>
Fault arithmetic(const Value& a, const Value& b, Value& out, Integers integers, Reals reals) {
  switch (numbers(a, b)) {
    case Numbers::integers: {
      std::int64_t result = 0;
      if (integers(a.as_integer(), b.as_integer(), &result)) return Kind::integer_overflow;
      out = Value::integer(result);
      return {};
    }
    case Numbers::mixed:
      out = real_or_null(reals(a.as_number(), b.as_number()));
      return {};
    case Numbers::null:
      out = Value::null();
      return {};
    case Numbers::wrong:
      break;
  }
  return Kind::wrong_type;
}

bool is_zero(const Value& v) {
  return v.is_number() && v.as_number() == 0;
}

std::string_view trimmed(std::string_view s) {
  constexpr std::string_view kSpaces = " \t\n\v\f\r";
  const std::size_t from = s.find_first_not_of(kSpaces);
  if (from == std::string_view::npos) return {};
  return s.substr(from, s.find_last_not_of(kSpaces) - from + 1);
}

// Without a leading '+', which from_chars does not take.
std::string_view unsigned_plus(std::string_view s) {
  if (s.size() > 1 && s[0] == '+' && s[1] != '-') s.remove_prefix(1);
  return s;
}

template <class Number>
bool whole_number(std::string_view s, Number& out) {
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), out);
  return error == std::errc{} && end == s.data() + s.size();
}

bool equal_ignoring_case(std::string_view s, std::string_view lower) {
  if (s.size() != lower.size()) return false;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const char c = s[i] >= 'A' && s[i] <= 'Z' ? static_cast<char>(s[i] - 'A' + 'a') : s[i];
    if (c != lower[i]) return false;
  }
  return true;
}

Fault cast_to_integer(const Value& v, Value& out) {
  if (v.is_boolean()) {
    out = Value::integer(v.as_boolean() ? 1 : 0);
    return {};
  }
  if (v.is_real()) {
    const double d = v.as_real();
    if (!(d >= -kTwoTo63 && d < kTwoTo63)) return Kind::cast_failed;
    out = Value::integer(static_cast<std::int64_t>(d));
    return {};
  }
  std::int64_t i = 0;
  if (!whole_number(unsigned_plus(trimmed(v.as_text())), i)) return Kind::cast_failed;
  out = Value::integer(i);
  return {};
}

Fault cast_to_real(const Value& v, Value& out) {
  if (!v.is_text()) {
    out = Value::real(v.is_boolean() ? (v.as_boolean() ? 1.0 : 0.0) : v.as_number());
    return {};
  }
  const std::string_view s = unsigned_plus(trimmed(v.as_text()));
  double d = 0;
  // "inf" and "nan" are no decimal numbers, though from_chars reads them.
  const bool decimal = s.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
  if (!decimal || !whole_number(s, d)) return Kind::cast_failed;
  out = Value::real(d);
  return {};
}

Fault cast_to_boolean(const Value& v, Value& out) {
  if (v.is_number()) {
    if (std::isnan(v.as_number())) return Kind::cast_failed;
    out = Value::boolean(v.as_number() != 0);
    return {};
  }
  const std::string_view s = trimmed(v.as_text());
  for (const std::string_view yes : {"true", "t", "yes", "y", "on", "1"}) {
    if (!equal_ignoring_case(s, yes)) continue;
    out = Value::boolean(true);
    return {};
  }
  for (const std::string_view no : {"false", "f", "no", "n", "off", "0"}) {
    if (!equal_ignoring_case(s, no)) continue;
    out = Value::boolean(false);
    return {};
  }
  return Kind::cast_failed;
}

}  // namespace

Order compare(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) {
    if (a.as_integer() == b.as_integer()) return Order::equal;
    return a.as_integer() < b.as_integer() ? Order::less : Order::greater;
  }
  if (a.is_real() && b.is_real()) return order_of(a.as_real(), b.as_real());
  if (a.is_text() && b.is_text()) {
    const int order = a.as_text().compare(b.as_text());
    return order < 0 ? Order::less : order > 0 ? Order::greater : Order::equal;
  }
  if (a.is_integer() && b.is_real()) return order_of(a.as_integer(), b.as_real());
  if (a.is_real() && b.is_integer()) return reversed(order_of(b.as_integer(), a.as_real()));
  if (a.is_null() || b.is_null()) return Order::unknown;
  if (a.is_boolean() && b.is_boolean()) {
    if (a.as_boolean() == b.as_boolean()) return Order::equal;
    return b.as_boolean() ? Order::less : Order::greater;
  }
  return Order::mismatched;
}

Fault add(const Value& a, const Value& b, Value& out) {
  return arithmetic(
      a, b, out,
      [](std::int64_t x, std::int64_t y, std::int64_t* r) { return __builtin_add_overflow(x, y, r); },
      [](double x, double y) { return x + y; });
}

Fault subtract(const Value& a, const Value& b, Value& out) {
  return arithmetic(
      a, b, out,
      [](std::int64_t x, std::int64_t y, std::int64_t* r) { return __builtin_sub_overflow(x, y, r); },
      [](double x, double y) { return x - y; });
}

Fault multiply(const Value& a, const Value& b, Value& out) {
  return arithmetic(
      a, b, out,
      [](std::int64_t x, std::int64_t y, std::int64_t* r) { return __builtin_mul_overflow(x, y, r); },
      [](double x, double y) { return x * y; });
}

Fault divide(const Value& a, const Value& b, Value& out) {
  if (is_zero(b) && (a.is_number() || a.is_null())) {
    out = Value::null();
    return {};
  }
  return arithmetic(
      a, b, out,
      [](std::int64_t x, std::int64_t y, std::int64_t* r) {
        if (y == -1) return __builtin_sub_overflow(std::int64_t{0}, x, r);
        *r = x / y;
        return false;
      },
      [](double x, double y) { return x / y; });
}

Fault remainder(const Value& a, const Value& b, Value& out) {
  if (is_zero(b) && (a.is_number() || a.is_null())) {
    out = Value::null();
    return {};
  }
  return arithmetic(
      a, b, out,
      [](std::int64_t x, std::int64_t y, std::int64_t* r) {
        *r = y == -1 ? 0 : x % y;
        return false;
      },
      [](double x, double y) { return std::fmod(x, y); });
}

Fault negate(const Value& a, Value& out) {
  if (a.is_integer()) {
    if (a.as_integer() == std::numeric_limits<std::int64_t>::min()) return Kind::integer_overflow;
    out = Value::integer(-a.as_integer());
    return {};
  }
  if (a.is_real()) {
    out = real_or_null(-a.as_real());
    return {};
  }
  if (!a.is_null()) return Kind::wrong_type;
  out = a;
  return {};
}

Fault cast(const Value& v, Value::Type to, Arena& arena, Value& out) {
  if (v.is_null() || v.type() == to) {
    out = v;
    return {};
  }
  switch (to) {
    case Value::Type::integer:
      return cast_to_integer(v, out);
    case Value::Type::real:
      return cast_to_real(v, out);
    case Value::Type::boolean:
      return cast_to_boolean(v, out);
    case Value::Type::text:
    case Value::Type::null:
      break;
  }
  out = as_text(v, arena);
  return {};
}

Value as_text(const Value& v, Arena& arena) {
  if (v.is_text()) return v;
  if (v.is_boolean()) return Value::text(v.as_boolean() ? "true" : "false");
  if (v.is_real()) return Value::text(arena.copy(real_to_text(v.as_real())));
  char digits[24];  // the longest integer takes 20
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, v.as_integer());
  return Value::text(arena.copy({digits, static_cast<std::size_t>(end - digits)}));
}

}  // namespace tidemark
