// sum(x) and avg(x).
#pragma once

#include "windows/numeric_sum.h"
#include "windows/typed_aggregate.h"

namespace tidemark {

class Summing : public TypedAggregate<NumericSum> {
 public:
  const char* check(const std::byte* state, const Input& input) const final {
    return of(state).check(input.arguments[0]);
  }
  void update(std::byte* state, const Input& input) const final { of(state).add(input.arguments[0]); }
  void merge(std::byte* into, const std::byte* from) const final { of(into).merge(of(from)); }
};

class Sum final : public Summing {
 public:
  Value result(const std::byte* state, Arena&) const override { return of(state).sum(); }
};

class Average final : public Summing {
 public:
  Value result(const std::byte* state, Arena&) const override {
    const NumericSum& sum = of(state);
    if (sum.count() == 0) return Value::null();
    return Value::real(sum.as_real() / static_cast<double>(sum.count()));
  }
};

}  // namespace tidemark
