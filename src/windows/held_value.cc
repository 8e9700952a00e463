#include "windows/held_value.h"

#include <cmath>
#include <cstring>

namespace tidemark {

void HeldValue::assign_text(const Value& value) {
  if (!value.is_text()) {
    release();
    value_ = value;
    return;
  }
  const std::string_view text = value.as_text();
  char* bytes = new char[text.size() + 1];  // one more: a text of no bytes still owns its place
  if (!text.empty()) std::memcpy(bytes, text.data(), text.size());
  release();
  value_ = Value::text({bytes, text.size()});
}

void HeldValue::save(Encoder& out) const {
  out.u8(static_cast<std::uint8_t>(value_.type()));
  switch (value_.type()) {
    case Value::Type::null:
      break;
    case Value::Type::boolean:
      out.boolean(value_.as_boolean());
      break;
    case Value::Type::integer:
      out.i64(value_.as_integer());
      break;
    case Value::Type::real:
      out.f64(value_.as_real());
      break;
    case Value::Type::text:
      out.bytes(value_.as_text());
      break;
  }
}

bool HeldValue::load(Decoder& in) {
  switch (static_cast<Value::Type>(in.u8())) {
    case Value::Type::null:
      assign(Value::null());
      return true;
    case Value::Type::boolean:
      assign(Value::boolean(in.boolean()));
      return true;
    case Value::Type::integer:
      assign(Value::integer(in.i64()));
      return true;
    case Value::Type::real:
      assign(Value::real(in.f64()));
      return true;
    case Value::Type::text:
      assign(Value::text(in.bytes()));
      return true;
  }
  return false;
}

namespace {

template <class T>
int order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

// By which values of different kinds order.
int kind_of(const Value& value) {
  if (value.is_null()) return 0;
  if (value.is_boolean()) return 1;
  return value.is_text() ? 3 : 2;
}

// Exact, where converting the integer to a float would round: 2^53 and 2^53 + 1 are two values.
int order_integer_real(std::int64_t i, double d) {
  if (d >= 9223372036854775808.0) return -1;
  if (d < -9223372036854775808.0) return 1;
  const double whole = std::floor(d);
  const int by_whole = order(i, static_cast<std::int64_t>(whole));
  return by_whole != 0 ? by_whole : (d > whole ? -1 : 0);
}

}  // namespace

int compare_other_values(const Value& a, const Value& b) {
  if (!comparable(a, b)) return order(kind_of(a), kind_of(b));
  if (a.is_text()) return order(a.as_text(), b.as_text());
  if (a.is_boolean()) return order(a.as_boolean(), b.as_boolean());
  return a.is_integer() ? order_integer_real(a.as_integer(), b.as_real())
                        : -order_integer_real(b.as_integer(), a.as_real());
}

}  // namespace tidemark
