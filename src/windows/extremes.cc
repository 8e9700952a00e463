#include "windows/extremes.h"

#include "windows/aggregates.h"

namespace tidemark {
namespace {

// The value of the first argument where the second was smallest or largest; the first in journal order among
// equals, also where those come from parts that are merged.
struct Companion {
  HeldValue value, by;
  std::uint64_t position = 0;
  void save(Encoder& out) const {
    value.save(out);
    by.save(out);
    out.varint(position);
  }
  bool load(Decoder& in) {
    if (!value.load(in) || !by.load(in)) return false;
    position = in.varint();
    return true;
  }
  std::size_t heap_bytes() const { return value.heap_bytes() + by.heap_bytes(); }
};

class ExtremeBy final : public TypedAggregate<Companion> {
 public:
  explicit ExtremeBy(Side side) : side_(side) {}
  const char* check(const std::byte* state, const Input& input) const override {
    return check_extreme(of(state).by, input.arguments[1]);
  }
  void update(std::byte* state, const Input& input) const override {
    take(of(state), input.arguments[0], input.arguments[1], input.position.value);
  }
  void merge(std::byte* into, const std::byte* from) const override {
    take(of(into), of(from).value.view(), of(from).by.view(), of(from).position);
  }
  Value result(const std::byte* state, Arena&) const override { return of(state).value.view(); }

 private:
  void take(Companion& held, const Value& value, const Value& by, std::uint64_t position) const {
    if (!counts_for_extreme(by)) return;
    if (!held.by.view().is_null() && !is_more_extreme(side_, by, held.by.view()) &&
        (is_more_extreme(side_, held.by.view(), by) || position >= held.position))
      return;
    held.value.assign(value);
    held.by.assign(by);
    held.position = position;
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
