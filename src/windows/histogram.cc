// histogram(x, [b, …]). NaN orders nowhere, so it counts as NULL here.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/json.h"
#include "windows/aggregates.h"

namespace tidemark {
namespace {

// As many counters as there are bounds, and one.
class Histogram final : public Aggregate {
 public:
  explicit Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)) {}
  std::size_t size() const override { return (bounds_.size() + 1) * 8; }
  void create(std::byte* state) const override { std::memset(state, 0, size()); }
  void destroy(std::byte*) const override {}
  const char* check(const std::byte*, const Input& input) const override {
    const Value& value = input.arguments[0];
    return value.is_null() || value.is_number() ? nullptr : "a histogram needs numbers";
  }
  void update(std::byte* state, const Input& input) const override {
    const Value& value = input.arguments[0];
    if (value.is_null() || std::isnan(value.as_number())) return;
    const auto bucket = std::ranges::upper_bound(bounds_, value.as_number()) - bounds_.begin();
    add(state, static_cast<std::size_t>(bucket), 1);
  }
  void merge(std::byte* into, const std::byte* from) const override {
    for (std::size_t i = 0; i <= bounds_.size(); ++i) add(into, i, count(from, i));
  }
  Value result(const std::byte* state, Arena& arena) const override {
    JsonWriter out;
    out.begin_array();
    bool any = false;
    for (std::size_t i = 0; i <= bounds_.size(); ++i) {
      any = any || count(state, i) != 0;
      out.unsigned_integer(count(state, i));
    }
    out.end_array();
    return any ? Value::text(arena.copy(out.view())) : Value::null();
  }
  void save(const std::byte* state, Encoder& out) const override {
    for (std::size_t i = 0; i <= bounds_.size(); ++i) out.varint(count(state, i));
  }
  bool load(Decoder& in, std::byte* state) const override {
    for (std::size_t i = 0; i <= bounds_.size(); ++i) add(state, i, in.varint());
    return !in.failed();
  }
  std::size_t heap_bytes(const std::byte*) const override { return 0; }

 private:
  static std::uint64_t count(const std::byte* state, std::size_t bucket) {
    std::uint64_t count;
    std::memcpy(&count, state + bucket * 8, sizeof count);
    return count;
  }
  static void add(std::byte* state, std::size_t bucket, std::uint64_t more) {
    const std::uint64_t sum = count(state, bucket) + more;
    std::memcpy(state + bucket * 8, &sum, sizeof sum);
  }

  std::vector<double> bounds_;
};

}  // namespace

MadeAggregate make_histogram(std::span<const Value> constants) {
  constexpr std::size_t kMost = 64;
  std::vector<double> bounds;
  for (const Value& bound : constants) {
    if (!bound.is_number()) return std::unexpected("bounds are numbers, as in histogram(x, [10, 20, 50])");
    if (!bounds.empty() && !(bounds.back() < bound.as_number()))
      return std::unexpected("bounds ascend, as in histogram(x, [10, 20, 50])");
    bounds.push_back(bound.as_number());
  }
  if (bounds.empty() || bounds.size() > kMost) return std::unexpected("there are 1 to 64 bounds");
  return std::make_unique<Histogram>(std::move(bounds));
}

}  // namespace tidemark
