// NumericSum adds integers exactly and floats with compensation: what sum() and avg() keep.
//
// Integers are added in 64 bits; the first float makes the sum a float from there on. Floats are added by
// Neumaier's variant of Kahan's algorithm (A. Neumaier, ZAMM 54, 1974): the error does not grow with the
// number of terms. NaN and infinities do what IEEE 754 says: a sum that met a NaN stays NaN.
// 24 bytes: a pipeline keeps one per key.
#pragma once

#include <cmath>
#include <cstdint>

#include "base/bytes.h"
#include "base/value.h"

namespace tidemark {

class NumericSum {
 public:
  // Why the value cannot be added; null when it can. NULL can, and changes nothing.
  const char* check(const Value& value) const {
    if (value.is_real() || value.is_null()) return nullptr;
    return check_other(value);
  }
  void add(const Value& value) {
    if (value.is_real() && is_real_) {
      ++count_;
      add_real(value.as_real());
    } else if (value.is_integer() && !is_real_) {
      ++count_;
      integer_ += value.as_integer();
    } else {
      add_other(value);
    }
  }
  // The sum of both. Two integer sums that are too large together become a float.
  void merge(const NumericSum& other);

  std::uint64_t count() const { return count_; }
  Value sum() const;  // NULL over nothing
  double as_real() const { return is_real_ ? real_ + compensation_ : static_cast<double>(integer_); }

  void save(Encoder& out) const;
  bool load(Decoder& in);
  std::size_t heap_bytes() const { return 0; }

 private:
  const char* check_other(const Value& value) const;
  void add_other(const Value& value);
  void add_real(double value) {
    const double t = real_ + value;
    if (std::isfinite(t))
      compensation_ += std::fabs(real_) >= std::fabs(value) ? (real_ - t) + value : (value - t) + real_;
    real_ = t;
  }
  void add_integer_to_real(std::int64_t value);
  void become_real();

  union {
    std::int64_t integer_ = 0;
    double real_;
  };
  double compensation_ = 0;
  std::uint64_t count_ : 63 = 0;
  std::uint64_t is_real_ : 1 = 0;
};

static_assert(sizeof(NumericSum) == 24);

}  // namespace tidemark
