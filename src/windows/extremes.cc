#include <cmath>

#include "windows/aggregates.h"
#include "windows/held_value.h"
#include "windows/typed_aggregate.h"

namespace tidemark {
namespace {

// NaN orders nowhere, so it counts as NULL here.
bool counts(const Value& value) {
  return !value.is_null() && !(value.is_real() && std::isnan(value.as_real()));
}

const char* check_order(const HeldValue& held, const Value& value) {
  if (!counts(value) || held.view().is_null() || comparable(held.view(), value)) return nullptr;
  return "min and max need values of one kind: numbers, texts or booleans";
}

enum class Side { smallest, largest };

bool better(Side side, const Value& a, const Value& than) {
  const int order = compare_values(a, than);
  return side == Side::smallest ? order < 0 : order > 0;
}

class Extreme final : public TypedAggregate<HeldValue> {
 public:
  explicit Extreme(Side side) : side_(side) {}
  const char* check(const std::byte* state, const Input& input) const override {
    return check_order(of(state), input.arguments[0]);
  }
  void update(std::byte* state, const Input& input) const override { take(of(state), input.arguments[0]); }
  void merge(std::byte* into, const std::byte* from) const override { take(of(into), of(from).view()); }
  Value result(const std::byte* state, Arena&) const override { return of(state).view(); }

 private:
  void take(HeldValue& held, const Value& value) const {
    if (counts(value) && (held.view().is_null() || better(side_, value, held.view()))) held.assign(value);
  }
  Side side_;
};

// The value of the first argument where the second was smallest or largest; the first in journal order among
// equals.
struct Companion {
  HeldValue value, by;
  void save(Encoder& out) const {
    value.save(out);
    by.save(out);
  }
  bool load(Decoder& in) { return value.load(in) && by.load(in); }
  std::size_t heap_bytes() const { return value.heap_bytes() + by.heap_bytes(); }
};

class ExtremeBy final : public TypedAggregate<Companion> {
 public:
  explicit ExtremeBy(Side side) : side_(side) {}
  const char* check(const std::byte* state, const Input& input) const override {
    return check_order(of(state).by, input.arguments[1]);
  }
  void update(std::byte* state, const Input& input) const override {
    take(of(state), input.arguments[0], input.arguments[1]);
  }
  void merge(std::byte* into, const std::byte* from) const override {
    take(of(into), of(from).value.view(), of(from).by.view());
  }
  Value result(const std::byte* state, Arena&) const override { return of(state).value.view(); }

 private:
  void take(Companion& held, const Value& value, const Value& by) const {
    if (!counts(by) || (!held.by.view().is_null() && !better(side_, by, held.by.view()))) return;
    held.value.assign(value);
    held.by.assign(by);
  }
  Side side_;
};

}  // namespace

std::unique_ptr<Aggregate> make_min() {
  return std::make_unique<Extreme>(Side::smallest);
}
std::unique_ptr<Aggregate> make_max() {
  return std::make_unique<Extreme>(Side::largest);
}
std::unique_ptr<Aggregate> make_min_by() {
  return std::make_unique<ExtremeBy>(Side::smallest);
}
std::unique_ptr<Aggregate> make_max_by() {
  return std::make_unique<ExtremeBy>(Side::largest);
}

}  // namespace tidemark
