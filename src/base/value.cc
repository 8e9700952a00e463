#include "base/value.h"

#include <charconv>
#include <cmath>

#include "base/invariant.h"
#include "base/number_text.h"

namespace tidemark {

std::string_view type_name(Value::Type type) {
  switch (type) {
    case Value::Type::null:
      return "NULL";
    case Value::Type::boolean:
      return "boolean";
    case Value::Type::integer:
      return "integer";
    case Value::Type::real:
      return "float";
    case Value::Type::text:
      return "text";
  }
  invariant_broken("a value has one of five types", std::source_location::current());
}

std::string to_text(const Value& value) {
  switch (value.type()) {
    case Value::Type::null:
      return "NULL";
    case Value::Type::boolean:
      return value.as_boolean() ? "true" : "false";
    case Value::Type::integer:
      return std::to_string(value.as_integer());
    case Value::Type::real:
      return real_to_text(value.as_real());
    case Value::Type::text:
      break;
  }
  std::string out = "'";
  for (const char c : value.as_text()) {
    if (c == '\'') out += '\'';
    out += c;
  }
  out += '\'';
  return out;
}

std::string real_to_text(double d) {
  std::string out;
  append_number(out, d);
  return out;
}

void append_number(std::string& out, double d) {
  if (std::isnan(d)) {
    out.append("nan");
    return;
  }
  if (std::isinf(d)) {
    out.append(d < 0 ? "-inf" : "inf");
    return;
  }
  // Without an exponent as far as people read it: 100000.0, not 1e+05.
  const double magnitude = std::fabs(d);
  const bool plain = d == 0 || (magnitude >= 1e-5 && magnitude < 1e16);
  char digits[32];  // the longest shortest double takes 24
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, d,
                                          plain ? std::chars_format::fixed : std::chars_format::scientific);
  invariant(error == std::errc{}, "32 characters hold the shortest text of a double");
  const std::string_view text(digits, static_cast<std::size_t>(end - digits));
  out.append(text);
  if (text.find_first_of(".e") == std::string_view::npos) out.append(".0");
}

void append_number(std::string& out, std::int64_t i) {
  char digits[20];  // the longest has as many
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, i);
  invariant(error == std::errc{}, "20 characters hold an integer");
  out.append(digits, end);
}

bool same_value(const Value& a, const Value& b) {
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Value::Type::null:
      return true;
    case Value::Type::boolean:
      return a.as_boolean() == b.as_boolean();
    case Value::Type::integer:
      return a.as_integer() == b.as_integer();
    case Value::Type::real:
      return a.as_real() == b.as_real() || (std::isnan(a.as_real()) && std::isnan(b.as_real()));
    case Value::Type::text:
      return a.as_text() == b.as_text();
  }
  invariant_broken("a value has one of five types", std::source_location::current());
}

}  // namespace tidemark
