#include <algorithm>

#include "base/invariant.h"
#include "base/json.h"
#include "base/key_encoding.h"
#include "windows/aggregates.h"
#include "windows/frequent_values.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMostAsked = 100;
constexpr std::size_t kLeastCounted = 64;
// Values are kept: one of a megabyte, counted for every key, would be more than a pipeline can hold.
constexpr std::size_t kLongestValue = 1024;

class Top final : public Aggregate {
 public:
  explicit Top(std::size_t k) : k_(k), capacity_(std::max(kLeastCounted, 8 * k)) {}
  std::size_t size() const override { return (sizeof(FrequentValues) + 7) / 8 * 8; }
  void create(std::byte* state) const override { ::new (static_cast<void*>(state)) FrequentValues(); }
  void destroy(std::byte* state) const override { of(state).~FrequentValues(); }
  const char* check(const std::byte*, const Input& input) const override {
    const Value& value = input.arguments[0];
    if (value.is_text() && value.as_text().size() > kLongestValue)
      return "top counts texts of up to 1024 bytes";
    return nullptr;
  }
  void update(std::byte* state, const Input& input) const override {
    if (input.arguments[0].is_null()) return;
    std::string key;
    append_key(key, input.arguments[0]);
    of(state).add(key, capacity_);
  }
  void merge(std::byte* into, const std::byte* from) const override { of(into).merge(of(from), capacity_); }
  Value result(const std::byte* state, Arena& arena) const override {
    if (of(state).empty()) return Value::null();
    JsonWriter out;
    out.begin_array();
    for (const FrequentValues::Counted* counted : of(state).top(k_)) {
      std::vector<std::string> scratch;
      const auto value = decode_key(counted->key, scratch);
      out.begin_object().key("value").value(value && value->size() == 1 ? value->front() : Value::null());
      out.key("count").unsigned_integer(counted->count).end_object();
    }
    out.end_array();
    return Value::text(arena.copy(out.view()));
  }
  void save(const std::byte* state, Encoder& out) const override { of(state).save(out); }
  bool load(Decoder& in, std::byte* state) const override { return of(state).load(in, capacity_); }
  std::size_t heap_bytes(const std::byte* state) const override { return of(state).heap_bytes(); }

 private:
  static FrequentValues& of(std::byte* state) {
    return *std::launder(reinterpret_cast<FrequentValues*>(state));
  }
  static const FrequentValues& of(const std::byte* state) {
    return *std::launder(reinterpret_cast<const FrequentValues*>(state));
  }
  std::size_t k_, capacity_;
};

}  // namespace

MadeAggregate make_top(std::span<const Value> constants) {
  if (constants.size() != 1 || !constants[0].is_integer() || constants[0].as_integer() < 1 ||
      constants[0].as_integer() > kMostAsked)
    return std::unexpected("k is an integer from 1 to 100");
  return std::make_unique<Top>(static_cast<std::size_t>(constants[0].as_integer()));
}

}  // namespace tidemark
