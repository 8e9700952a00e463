#include "windows/numeric_sum.h"

namespace tidemark {

const char* NumericSum::check_other(const Value& value) const {
  if (!value.is_number()) return "sum and avg need numbers";
  std::int64_t unused;
  if (!is_real_ && value.is_integer() && __builtin_add_overflow(integer_, value.as_integer(), &unused))
    return "integer overflow in a sum";
  return nullptr;
}

void NumericSum::become_real() {
  if (is_real_) return;
  const std::int64_t integer = integer_;
  is_real_ = 1;
  real_ = 0;
  add_integer_to_real(integer);
}

// In two parts, each of which is exact as a float.
void NumericSum::add_integer_to_real(std::int64_t value) {
  constexpr std::int64_t kPart = std::int64_t{1} << 32;
  const std::int64_t low = value % kPart;
  add_real(static_cast<double>(value - low));
  add_real(static_cast<double>(low));
}

void NumericSum::add_other(const Value& value) {
  if (value.is_null()) return;
  ++count_;
  become_real();
  if (value.is_real())
    add_real(value.as_real());
  else
    add_integer_to_real(value.as_integer());
}

void NumericSum::merge(const NumericSum& other) {
  count_ += other.count_;
  std::int64_t both;
  if (!is_real_ && !other.is_real_ && !__builtin_add_overflow(integer_, other.integer_, &both)) {
    integer_ = both;
    return;
  }
  NumericSum right = other;
  become_real();
  right.become_real();
  add_real(right.real_);
  compensation_ += right.compensation_;
}

Value NumericSum::sum() const {
  if (count_ == 0) return Value::null();
  return is_real_ ? Value::real(real_ + compensation_) : Value::integer(integer_);
}

void NumericSum::save(Encoder& out) const {
  out.varint(count_);
  out.boolean(is_real_);
  if (is_real_) {
    out.f64(real_);
    out.f64(compensation_);
  } else {
    out.svarint(integer_);
  }
}

bool NumericSum::load(Decoder& in) {
  const std::uint64_t count = in.varint();
  if (count >> 63 != 0) return false;
  count_ = count;
  const std::uint8_t kind = in.u8();
  if (kind > 1) return false;
  is_real_ = kind;
  if (is_real_) {
    real_ = in.f64();
    compensation_ = in.f64();
  } else {
    integer_ = in.svarint();
  }
  return !in.failed();
}

}  // namespace tidemark
