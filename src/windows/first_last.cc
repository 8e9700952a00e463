#include <tuple>

#include "windows/aggregates.h"
#include "windows/held_value.h"
#include "windows/typed_aggregate.h"

namespace tidemark {
namespace {

// By event time; the journal's order decides between equal times.
struct Dated {
  HeldValue value;
  std::int64_t time = 0;
  std::uint64_t position = 0;
  void save(Encoder& out) const {
    value.save(out);
    out.i64(time);
    out.varint(position);
  }
  bool load(Decoder& in) {
    const bool good = value.load(in);
    time = in.i64();
    position = in.varint();
    return good;
  }
  std::size_t heap_bytes() const { return value.heap_bytes(); }
};

class Ordered final : public TypedAggregate<Dated> {
 public:
  explicit Ordered(bool first) : first_(first) {}
  const char* check(const std::byte*, const Input&) const override { return nullptr; }
  void update(std::byte* state, const Input& input) const override {
    take(of(state), input.arguments[0], to_ns(input.time), input.position.value);
  }
  void merge(std::byte* into, const std::byte* from) const override {
    const Dated& other = of(from);
    take(of(into), other.value.view(), other.time, other.position);
  }
  Value result(const std::byte* state, Arena&) const override { return of(state).value.view(); }

 private:
  void take(Dated& held, const Value& value, std::int64_t time, std::uint64_t position) const {
    if (value.is_null()) return;
    const auto candidate = std::tie(time, position), kept = std::tie(held.time, held.position);
    if (!held.value.view().is_null() && (first_ ? !(candidate < kept) : candidate < kept)) return;
    held.value.assign(value);
    held.time = time;
    held.position = position;
  }
  bool first_;
};

// The first in journal order.
struct Placed {
  HeldValue value;
  std::uint64_t position = 0;
  void save(Encoder& out) const {
    value.save(out);
    out.varint(position);
  }
  bool load(Decoder& in) {
    const bool good = value.load(in);
    position = in.varint();
    return good;
  }
  std::size_t heap_bytes() const { return value.heap_bytes(); }
};

class Any final : public TypedAggregate<Placed> {
 public:
  const char* check(const std::byte*, const Input&) const override { return nullptr; }
  void update(std::byte* state, const Input& input) const override {
    take(of(state), input.arguments[0], input.position.value);
  }
  void merge(std::byte* into, const std::byte* from) const override {
    take(of(into), of(from).value.view(), of(from).position);
  }
  Value result(const std::byte* state, Arena&) const override { return of(state).value.view(); }

 private:
  static void take(Placed& held, const Value& value, std::uint64_t position) {
    if (value.is_null() || (!held.value.view().is_null() && position >= held.position)) return;
    held.value.assign(value);
    held.position = position;
  }
};

}  // namespace

std::unique_ptr<Aggregate> make_any_value() {
  return std::make_unique<Any>();
}
std::unique_ptr<Aggregate> make_first() {
  return std::make_unique<Ordered>(true);
}
std::unique_ptr<Aggregate> make_last() {
  return std::make_unique<Ordered>(false);
}

}  // namespace tidemark
