// Sample is a number at a time: what aggregates over the course of a value remember of it.
//
// Samples are ordered by event time, those of one time by their place in the journal.
#pragma once

#include <cmath>
#include <cstdint>
#include <tuple>

#include "base/bytes.h"
#include "windows/aggregate.h"

namespace tidemark {

struct Sample {
  Value value;  // NULL: there is none
  std::int64_t time = 0;
  std::uint64_t position = 0;

  static Sample of(const Aggregate::Input& input) {
    return {input.arguments[0], to_ns(input.time), input.position.value};
  }
  // NaN orders nowhere, so it counts as NULL here.
  bool counts() const { return value.is_number() && !std::isnan(value.as_number()); }
  bool before(const Sample& other) const {
    return std::tie(time, position) < std::tie(other.time, other.position);
  }
  double seconds_to(const Sample& later) const {
    return static_cast<double>(later.time - time) * 1e-9;  // windows are shorter than 292 years
  }

  void save(Encoder& out) const {
    out.u8(value.is_null() ? 0 : value.is_integer() ? 1 : 2);
    if (value.is_integer()) out.i64(value.as_integer());
    if (value.is_real()) out.f64(value.as_real());
    if (value.is_null()) return;
    out.i64(time);
    out.varint(position);
  }
  bool load(Decoder& in) {
    const std::uint8_t type = in.u8();
    if (type == 1) value = Value::integer(in.i64());
    if (type == 2) value = Value::real(in.f64());
    if (type == 0 || type > 2) return type == 0;
    time = in.i64();
    position = in.varint();
    return counts() && !in.failed();
  }
};

// later - earlier: an integer where both are and it is one, else a float.
inline Value difference(const Value& later, const Value& earlier) {
  std::int64_t integer;
  if (later.is_integer() && earlier.is_integer() &&
      !__builtin_sub_overflow(later.as_integer(), earlier.as_integer(), &integer))
    return Value::integer(integer);
  return Value::real(later.as_number() - earlier.as_number());
}

}  // namespace tidemark
