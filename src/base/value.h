// Value is one scalar of a record, an expression or a result: NULL, boolean, integer, float or text.
//
// 16 bytes, trivially copyable. Text is a borrowed view: into the record's bytes, an Arena, or an entry of
// keyed state; whoever hands out a Value says how long its text lives. Integer and float are distinct types.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tidemark {

class Value {
 public:
  enum class Type : std::uint8_t { null, boolean, integer, real, text };

  constexpr Value() : type_(Type::null), length_(0), integer_(0) {}
  static constexpr Value null() { return Value(); }
  static Value boolean(bool b) { return Value(Type::boolean, b ? 1 : 0); }
  static Value integer(std::int64_t i) { return Value(Type::integer, i); }
  static Value real(double d) {
    Value v;
    v.type_ = Type::real;
    v.real_ = d;
    return v;
  }
  static Value text(std::string_view s) {
    Value v;
    v.type_ = Type::text;
    v.length_ = static_cast<std::uint32_t>(s.size());
    v.text_ = s.data();
    return v;
  }

  Type type() const { return type_; }
  bool is_null() const { return type_ == Type::null; }
  bool is_boolean() const { return type_ == Type::boolean; }
  bool is_integer() const { return type_ == Type::integer; }
  bool is_real() const { return type_ == Type::real; }
  bool is_number() const { return is_integer() || is_real(); }
  bool is_text() const { return type_ == Type::text; }

  bool as_boolean() const { return integer_ != 0; }
  std::int64_t as_integer() const { return integer_; }
  double as_real() const { return real_; }
  std::string_view as_text() const { return {text_, length_}; }
  // The number as a float, whichever of the two it is.
  double as_number() const { return is_integer() ? static_cast<double>(integer_) : real_; }

 private:
  Value(Type type, std::int64_t i) : type_(type), length_(0), integer_(i) {}

  Type type_;
  std::uint32_t length_;
  union {
    std::int64_t integer_;
    double real_;
    const char* text_;
  };
};

// "NULL", "boolean", "integer", "float", "text": as error messages name them.
std::string_view type_name(Value::Type type);

// For messages and tests: NULL, true, 42, 1.5, 'text'.
std::string to_text(const Value& value);

// The shortest decimal text that reads back as the same double, always with a '.', an exponent or a name
// ("1.0", "1e+300", "inf", "nan"), so that a float is never taken for an integer.
std::string real_to_text(double d);

// Same type and same value. NULL equals NULL here, NaN equals NaN, -0.0 equals 0.0, and 1 differs from 1.0:
// the identity of keys, not SQL's "=".
bool same_value(const Value& a, const Value& b);

// A Value that owns its text.
class OwnedValue {
 public:
  OwnedValue() = default;
  explicit OwnedValue(const Value& v) { assign(v); }
  void assign(const Value& v) {
    if (v.is_text()) text_.assign(v.as_text());
    value_ = v;
  }
  Value view() const { return value_.is_text() ? Value::text(text_) : value_; }

 private:
  Value value_;
  std::string text_;
};

}  // namespace tidemark
