// quantile(x, q) and median(x). NaN orders nowhere, so it counts as NULL here.
#include <cmath>

#include "windows/aggregates.h"
#include "windows/quantile_sketch.h"
#include "windows/typed_aggregate.h"

namespace tidemark {
namespace {

class Quantile final : public TypedAggregate<QuantileSketch> {
 public:
  explicit Quantile(double q) : q_(q) {}
  const char* check(const std::byte*, const Input& input) const override {
    const Value& value = input.arguments[0];
    return value.is_null() || value.is_number() ? nullptr : "quantiles need numbers";
  }
  void update(std::byte* state, const Input& input) const override {
    const Value& value = input.arguments[0];
    if (!value.is_null() && !std::isnan(value.as_number())) of(state).add(value.as_number());
  }
  void merge(std::byte* into, const std::byte* from) const override { of(into).merge(of(from)); }
  Value result(const std::byte* state, Arena&) const override {
    if (of(state).count() == 0) return Value::null();
    return Value::real(of(state).quantile(q_));
  }

 private:
  double q_;
};

}  // namespace

std::unique_ptr<Aggregate> make_median() {
  return std::make_unique<Quantile>(0.5);
}

MadeAggregate make_quantile(std::span<const Value> constants) {
  if (constants.size() != 1 || !constants[0].is_number() || !(constants[0].as_number() >= 0) ||
      !(constants[0].as_number() <= 1))
    return std::unexpected("q is a number from 0 to 1, such as 0.99");
  return std::make_unique<Quantile>(constants[0].as_number());
}

}  // namespace tidemark
