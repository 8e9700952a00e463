#include <new>

#include "base/json.h"
#include "base/sizes.h"
#include "windows/aggregates.h"
#include "windows/held_value.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMostAsked = 10'000;
constexpr std::size_t kMostBytes = 64_KiB;  // as saved

// Values one after another, as HeldValue saves them.
struct Collected {
  std::uint64_t count : 63 = 0;
  std::uint64_t full : 1 = 0;  // a value had no room: nothing follows, so that no value is passed over
  std::string values;
};

class Collect final : public Aggregate {
 public:
  explicit Collect(std::uint64_t limit) : limit_(limit) {}
  std::size_t size() const override { return (sizeof(Collected) + 7) / 8 * 8; }
  void create(std::byte* state) const override { ::new (static_cast<void*>(state)) Collected(); }
  void destroy(std::byte* state) const override { of(state).~Collected(); }
  const char* check(const std::byte*, const Input&) const override { return nullptr; }
  void update(std::byte* state, const Input& input) const override {
    if (!input.arguments[0].is_null()) take(of(state), input.arguments[0]);
  }
  void merge(std::byte* into, const std::byte* from) const override {
    Decoder in(of(from).values);
    for (std::uint64_t i = 0; i < of(from).count; ++i) {
      HeldValue value;
      value.load(in);
      take(of(into), value.view());
    }
    if (of(from).full != 0) of(into).full = 1;
  }
  Value result(const std::byte* state, Arena& arena) const override {
    if (of(state).count == 0) return Value::null();
    JsonWriter out;
    out.begin_array();
    Decoder in(of(state).values);
    for (std::uint64_t i = 0; i < of(state).count; ++i) {
      HeldValue value;
      value.load(in);
      out.value(value.view());
    }
    out.end_array();
    return Value::text(arena.copy(out.view()));
  }
  void save(const std::byte* state, Encoder& out) const override {
    out.varint(of(state).count << 1 | of(state).full);
    out.raw(of(state).values);
  }
  bool load(Decoder& in, std::byte* state) const override {
    const std::uint64_t word = in.varint();
    const std::uint64_t count = word >> 1;
    if (count > limit_) return false;
    for (std::uint64_t i = 0; i < count; ++i) {
      HeldValue value;
      if (!value.load(in) || value.view().is_null()) return false;
      take(of(state), value.view());
    }
    of(state).full = word & 1;
    return !in.failed() && of(state).count == count;
  }
  std::size_t heap_bytes(const std::byte* state) const override {
    const std::size_t capacity = of(state).values.capacity();
    return capacity > std::string().capacity() ? capacity + 1 : 0;
  }

 private:
  void take(Collected& collected, const Value& value) const {
    if (collected.count == limit_ || collected.full != 0) return;
    HeldValue held;
    held.assign(value);
    Encoder out;
    held.save(out);
    if (collected.values.size() + out.size() > kMostBytes) {
      collected.full = 1;
      return;
    }
    collected.values += out.view();
    ++collected.count;
  }
  static Collected& of(std::byte* state) { return *std::launder(reinterpret_cast<Collected*>(state)); }
  static const Collected& of(const std::byte* state) {
    return *std::launder(reinterpret_cast<const Collected*>(state));
  }
  std::uint64_t limit_;
};

}  // namespace

MadeAggregate make_collect(std::span<const Value> constants) {
  if (constants.size() != 1 || !constants[0].is_integer() || constants[0].as_integer() < 1 ||
      constants[0].as_integer() > kMostAsked)
    return std::unexpected("limit is an integer from 1 to 10000");
  return std::make_unique<Collect>(static_cast<std::uint64_t>(constants[0].as_integer()));
}

}  // namespace tidemark
