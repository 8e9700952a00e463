// min(x) and max(x), and what they share with min_by and max_by.
#pragma once

#include <cmath>

#include "windows/held_value.h"
#include "windows/typed_aggregate.h"

namespace tidemark {

enum class Side { smallest, largest };

// NaN orders nowhere, so it counts as NULL here.
inline bool counts_for_extreme(const Value& value) {
  return !value.is_null() && !(value.is_real() && std::isnan(value.as_real()));
}

inline const char* check_extreme(const HeldValue& held, const Value& value) {
  if (value.is_real() && held.view().is_real()) return nullptr;
  if (!counts_for_extreme(value) || held.view().is_null() || comparable(held.view(), value)) return nullptr;
  return "min and max need values of one kind: numbers, texts or booleans";
}

inline bool is_more_extreme(Side side, const Value& a, const Value& than) {
  const int order = compare_values(a, than);
  return side == Side::smallest ? order < 0 : order > 0;
}

inline void take_extreme(HeldValue& held, const Value& value, Side side) {
  if (value.is_real() && held.view().is_real()) {  // NaN is less than nothing
    const double a = value.as_real(), b = held.view().as_real();
    if (side == Side::smallest ? a < b : a > b) held.assign(value);
    return;
  }
  if (!counts_for_extreme(value)) return;
  if (held.view().is_null() || is_more_extreme(side, value, held.view())) held.assign(value);
}

class Extreme final : public TypedAggregate<HeldValue> {
 public:
  explicit Extreme(Side side) : side_(side) {}
  Side side() const { return side_; }

  const char* check(const std::byte* state, const Input& input) const override {
    return check_extreme(of(state), input.arguments[0]);
  }
  void update(std::byte* state, const Input& input) const override {
    take_extreme(of(state), input.arguments[0], side_);
  }
  void merge(std::byte* into, const std::byte* from) const override {
    take_extreme(of(into), of(from).view(), side_);
  }
  Value result(const std::byte* state, Arena&) const override { return of(state).view(); }

 private:
  Side side_;
};

}  // namespace tidemark
