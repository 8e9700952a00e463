// HeldValue is a value kept inside an aggregate's state: 16 bytes, texts on the heap.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/value.h"

namespace tidemark {

class HeldValue {
 public:
  HeldValue() = default;
  HeldValue(const HeldValue&) = delete;
  HeldValue& operator=(const HeldValue&) = delete;
  HeldValue(HeldValue&& other) noexcept : value_(std::exchange(other.value_, Value::null())) {}
  HeldValue& operator=(HeldValue&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~HeldValue() { release(); }

  void assign(const Value& value) {
    if (value.is_text() || value_.is_text())
      assign_text(value);
    else
      value_ = value;
  }
  const Value& view() const { return value_; }  // its text is owned here
  void save(Encoder& out) const;
  bool load(Decoder& in);
  std::size_t heap_bytes() const { return value_.is_text() ? value_.as_text().size() : 0; }

 private:
  void assign_text(const Value& value);
  void release() {
    if (value_.is_text()) delete[] value_.as_text().data();
    value_ = Value::null();
  }
  Value value_;  // a text points to bytes of our own
};

// How two values order: -1, 0, 1. Integers and floats compare by their exact values. Values of different
// kinds do not mix in one aggregate (comparable()), but where parts are merged, each of which has seen one
// kind: booleans come before numbers, and these before texts.
int compare_other_values(const Value& a, const Value& b);
inline int compare_values(const Value& a, const Value& b) {
  const auto order = [](auto x, auto y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (a.is_real() && b.is_real()) return order(a.as_real(), b.as_real());
  if (a.is_integer() && b.is_integer()) return order(a.as_integer(), b.as_integer());
  return compare_other_values(a, b);
}
inline bool comparable(const Value& a, const Value& b) {
  return (a.is_number() && b.is_number()) || a.type() == b.type();
}

}  // namespace tidemark
