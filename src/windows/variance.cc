#include <cmath>

#include "windows/aggregates.h"
#include "windows/moments.h"
#include "windows/typed_aggregate.h"

namespace tidemark {
namespace {

class Spread final : public TypedAggregate<Moments> {
 public:
  Spread(bool sample, bool root) : sample_(sample), root_(root) {}
  const char* check(const std::byte*, const Input& input) const override {
    const Value& value = input.arguments[0];
    return value.is_null() || value.is_number() ? nullptr : "variances and deviations need numbers";
  }
  void update(std::byte* state, const Input& input) const override {
    if (!input.arguments[0].is_null()) of(state).add(input.arguments[0].as_number());
  }
  void merge(std::byte* into, const std::byte* from) const override { of(into).merge(of(from)); }
  Value result(const std::byte* state, Arena&) const override {
    const Moments& moments = of(state);
    if (moments.count() <= (sample_ ? 1 : 0)) return Value::null();
    const double variance = moments.squares() / static_cast<double>(moments.count() - (sample_ ? 1 : 0));
    return Value::real(root_ ? std::sqrt(variance) : variance);
  }

 private:
  bool sample_, root_;
};

}  // namespace

std::unique_ptr<Aggregate> make_var_pop() {
  return std::make_unique<Spread>(false, false);
}
std::unique_ptr<Aggregate> make_var_samp() {
  return std::make_unique<Spread>(true, false);
}
std::unique_ptr<Aggregate> make_stddev_pop() {
  return std::make_unique<Spread>(false, true);
}
std::unique_ptr<Aggregate> make_stddev_samp() {
  return std::make_unique<Spread>(true, true);
}

}  // namespace tidemark
