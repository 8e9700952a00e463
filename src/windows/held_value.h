// HeldValue is a value kept inside an aggregate's state: 16 bytes, texts on the heap.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/value.h"

namespace tidemark {

class HeldValue {
 public:
  HeldValue() = default;
  HeldValue(const HeldValue&) = delete;
  HeldValue& operator=(const HeldValue&) = delete;
  ~HeldValue() { release(); }

  void assign(const Value& value);
  const Value& view() const { return value_; }  // its text is owned here
  void save(Encoder& out) const;
  bool load(Decoder& in);
  std::size_t heap_bytes() const { return value_.is_text() ? value_.as_text().size() : 0; }

 private:
  void release();
  Value value_;  // a text points to bytes of our own
};

// How two values of one kind order: -1, 0, 1. Integers and floats compare by their exact values. Values of
// different kinds (text and number, boolean and number) do not compare: see comparable().
int compare_values(const Value& a, const Value& b);
bool comparable(const Value& a, const Value& b);

}  // namespace tidemark
