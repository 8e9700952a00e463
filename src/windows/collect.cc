#include <new>

#include "base/json.h"
#include "base/sizes.h"
#include "windows/aggregates.h"
#include "windows/held_value.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMostAsked = 10'000;
constexpr std::size_t kMostBytes = 64_KiB;  // as saved

// Values one after another, each behind its journal position, by which they are in order.
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
    if (!input.arguments[0].is_null()) take(of(state), input.position.value, input.arguments[0]);
  }
  void merge(std::byte* into, const std::byte* from) const override {
    Reading ours(of(into)), theirs(of(from));
    Collected both;
    while (ours.known && theirs.known && both.full == 0 && !(ours.ended() && theirs.ended())) {
      Reading& next = theirs.ended() || (!ours.ended() && ours.position <= theirs.position) ? ours : theirs;
      take(both, next.position, next.value.view());
      next.advance();
    }
    if (!ours.known || !theirs.known) both.full = 1;
    of(into) = std::move(both);
  }
  Value result(const std::byte* state, Arena& arena) const override {
    if (of(state).count == 0) return Value::null();
    JsonWriter out;
    out.begin_array();
    for (Reading reading(of(state)); !reading.ended(); reading.advance()) out.value(reading.value.view());
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
      const std::uint64_t position = in.varint();
      if (!value.load(in) || value.view().is_null()) return false;
      take(of(state), position, value.view());
    }
    of(state).full = word & 1;
    return !in.failed() && of(state).count == count;
  }
  std::size_t heap_bytes(const std::byte* state) const override {
    const std::size_t capacity = of(state).values.capacity();
    return capacity > std::string().capacity() ? capacity + 1 : 0;
  }

 private:
  // Goes over what was collected.
  struct Reading {
    explicit Reading(const Collected& from) : in(from.values), left(from.count), full(from.full != 0) {
      advance();
    }
    bool ended() const { return value.view().is_null(); }
    void advance() {
      value.assign(Value::null());
      if (left == 0) {
        known = !full;
        return;
      }
      --left;
      position = in.varint();
      value.load(in);
    }
    Decoder in;
    std::uint64_t left;
    bool full;
    bool known = true;  // false where what comes next was passed over
    std::uint64_t position = 0;
    HeldValue value;
  };

  void take(Collected& collected, std::uint64_t position, const Value& value) const {
    if (collected.count == limit_ || collected.full != 0) return;
    HeldValue held;
    held.assign(value);
    Encoder out;
    out.varint(position);
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
