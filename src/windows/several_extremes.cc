// min_by(a, b, n) and max_by(a, b, n): the values of a where b was smallest or largest, as a JSON array.
#include <new>
#include <utility>
#include <vector>

#include "base/json.h"
#include "windows/aggregates.h"
#include "windows/extremes.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMostAsked = 100;
// Both values of a place are kept for every key, as those that `top` counts.
constexpr std::size_t kLongestText = 1024;

struct Place {
  HeldValue value, by;
  std::uint64_t position = 0;
};

// The most extreme first, among equals the first in journal order, also where they come from parts that are
// merged.
class SeveralExtremes final : public Aggregate {
 public:
  SeveralExtremes(Side side, std::size_t n) : side_(side), n_(n) {}
  std::size_t size() const override { return (sizeof(Places) + 7) / 8 * 8; }
  void create(std::byte* state) const override { ::new (static_cast<void*>(state)) Places(); }
  void destroy(std::byte* state) const override { of(state).~Places(); }
  const char* check(const std::byte* state, const Input& input) const override {
    for (const Value& value : input.arguments)
      if (value.is_text() && value.as_text().size() > kLongestText)
        return "min_by and max_by of several keep texts of up to 1024 bytes";
    return of(state).empty() ? nullptr : check_extreme(of(state).front().by, input.arguments[1]);
  }
  void update(std::byte* state, const Input& input) const override {
    take(of(state), input.arguments[0], input.arguments[1], input.position.value);
  }
  void merge(std::byte* into, const std::byte* from) const override {
    for (const Place& place : of(from)) take(of(into), place.value.view(), place.by.view(), place.position);
  }
  Value result(const std::byte* state, Arena& arena) const override {
    if (of(state).empty()) return Value::null();
    JsonWriter out;
    out.begin_array();
    for (const Place& place : of(state)) out.value(place.value.view());
    out.end_array();
    return Value::text(arena.copy(out.view()));
  }
  void save(const std::byte* state, Encoder& out) const override {
    out.varint(of(state).size());
    for (const Place& place : of(state)) {
      place.value.save(out);
      place.by.save(out);
      out.varint(place.position);
    }
  }
  bool load(Decoder& in, std::byte* state) const override {
    Places& places = of(state);
    for (std::uint64_t left = in.varint(); left > 0; --left) {
      Place place;
      if (places.size() == n_ || !place.value.load(in) || !place.by.load(in)) return false;
      place.position = in.varint();
      if (!counts_for_extreme(place.by.view())) return false;
      // Parts that are merged may hold values of different kinds, which have an order too.
      if (!places.empty() && is_before(place.by.view(), place.position, places.back())) return false;
      places.push_back(std::move(place));
    }
    return !in.failed();
  }
  // They become more one by one, live and loaded, and never fewer: the room follows from how many they are.
  std::size_t heap_bytes(const std::byte* state) const override {
    std::size_t bytes = of(state).capacity() * sizeof(Place);
    for (const Place& place : of(state)) bytes += place.value.heap_bytes() + place.by.heap_bytes();
    return bytes;
  }

 private:
  using Places = std::vector<Place>;

  bool is_before(const Value& by, std::uint64_t position, const Place& place) const {
    const int order = compare_values(by, place.by.view());
    if (order != 0) return side_ == Side::smallest ? order < 0 : order > 0;
    return position < place.position;
  }
  void take(Places& places, const Value& value, const Value& by, std::uint64_t position) const {
    if (!counts_for_extreme(by)) return;
    if (places.size() == n_) {
      if (!is_before(by, position, places.back())) return;
      places.pop_back();
    }
    std::size_t at = places.size();
    while (at > 0 && is_before(by, position, places[at - 1])) --at;
    Place place;
    place.value.assign(value);
    place.by.assign(by);
    place.position = position;
    places.insert(places.begin() + static_cast<std::ptrdiff_t>(at), std::move(place));
  }
  static Places& of(std::byte* state) { return *std::launder(reinterpret_cast<Places*>(state)); }
  static const Places& of(const std::byte* state) {
    return *std::launder(reinterpret_cast<const Places*>(state));
  }
  Side side_;
  std::size_t n_;
};

MadeAggregate make_several(Side side, std::span<const Value> constants) {
  if (constants.size() != 1 || !constants[0].is_integer() || constants[0].as_integer() < 1 ||
      constants[0].as_integer() > kMostAsked)
    return std::unexpected("n is an integer from 1 to 100");
  return std::make_unique<SeveralExtremes>(side, static_cast<std::size_t>(constants[0].as_integer()));
}

}  // namespace

MadeAggregate make_several_min_by(std::span<const Value> constants) {
  return make_several(Side::smallest, constants);
}
MadeAggregate make_several_max_by(std::span<const Value> constants) {
  return make_several(Side::largest, constants);
}

}  // namespace tidemark
