// agg(DISTINCT x): every different value is applied once. Values are told apart as keys are.
#include <new>
#include <set>
#include <string>

#include "base/key_encoding.h"
#include "windows/aggregates.h"

namespace tidemark {
namespace {

// Exactness has a price a value, so it has a bound.
constexpr std::size_t kMostValues = 10'000;
constexpr std::size_t kMostBytes = 1u << 20;  // of their keys

struct Seen {
  std::set<std::string, std::less<>> keys;
  std::size_t bytes = 0;  // of the keys
};
constexpr std::size_t kNodeBytes = 72;  // of a std::set's element, about

// A block of its own state, and behind it the inner aggregate's.
class Distinct final : public Aggregate {
 public:
  explicit Distinct(std::unique_ptr<Aggregate> inner) : inner_(std::move(inner)) {}
  std::size_t size() const override { return kInner + inner_->size(); }
  void create(std::byte* state) const override {
    ::new (static_cast<void*>(state)) Seen();
    inner_->create(state + kInner);
  }
  void destroy(std::byte* state) const override {
    of(state).~Seen();
    inner_->destroy(state + kInner);
  }
  const char* check(const std::byte* state, const Input& input) const override {
    if (input.arguments[0].is_null()) return nullptr;
    const std::string key = key_of(input.arguments[0]);
    const Seen& seen = of(state);
    if (seen.keys.contains(key)) return nullptr;
    if (seen.keys.size() >= kMostValues || seen.bytes + key.size() > kMostBytes)
      return "DISTINCT holds 10000 values of 1 MiB together; count_distinct(x) estimates beyond";
    return inner_->check(state + kInner, input);
  }
  void update(std::byte* state, const Input& input) const override {
    if (!input.arguments[0].is_null() && remember(of(state), key_of(input.arguments[0])))
      inner_->update(state + kInner, input);
  }
  // Beyond the bound values are still taken: a merge cannot fail.
  void merge(std::byte* into, const std::byte* from) const override {
    for (const std::string& key : of(from).keys) {
      if (!remember(of(into), key)) continue;
      std::vector<std::string> scratch;
      const auto value = decode_key(key, scratch);
      if (!value) continue;
      const Input input{*value, {}, {}};
      if (inner_->check(into + kInner, input) == nullptr) {
        inner_->update(into + kInner, input);
      } else {  // integers that are too large together
        std::vector<std::uint64_t> block((inner_->size() + 7) / 8);
        auto* const alone = reinterpret_cast<std::byte*>(block.data());
        inner_->create(alone);
        inner_->update(alone, input);
        inner_->merge(into + kInner, alone);
        inner_->destroy(alone);
      }
    }
  }
  Value result(const std::byte* state, Arena& arena) const override {
    return inner_->result(state + kInner, arena);
  }
  void save(const std::byte* state, Encoder& out) const override {
    out.varint(of(state).keys.size());
    for (const std::string& key : of(state).keys) out.bytes(key);
    inner_->save(state + kInner, out);
  }
  bool load(Decoder& in, std::byte* state) const override {
    for (std::uint64_t left = in.varint(); left > 0; --left) {
      const std::string_view key = in.bytes();
      if (in.failed() || !remember(of(state), std::string(key))) return false;
      std::vector<std::string> scratch;
      if (const auto value = decode_key(key, scratch); !value || value->size() != 1) return false;
    }
    return inner_->load(in, state + kInner);
  }
  std::size_t heap_bytes(const std::byte* state) const override {
    return of(state).keys.size() * kNodeBytes + of(state).bytes + inner_->heap_bytes(state + kInner);
  }

 private:
  static constexpr std::size_t kInner = (sizeof(Seen) + 7) / 8 * 8;

  static std::string key_of(const Value& value) {
    std::string key;
    append_key(key, value);
    return key;
  }
  static bool remember(Seen& seen, std::string key) {
    const std::size_t size = key.size();
    if (!seen.keys.insert(std::move(key)).second) return false;
    seen.bytes += size;
    return true;
  }
  static Seen& of(std::byte* state) { return *std::launder(reinterpret_cast<Seen*>(state)); }
  static const Seen& of(const std::byte* state) {
    return *std::launder(reinterpret_cast<const Seen*>(state));
  }

  std::unique_ptr<Aggregate> inner_;
};

}  // namespace

std::unique_ptr<Aggregate> make_distinct(std::unique_ptr<Aggregate> inner) {
  return std::make_unique<Distinct>(std::move(inner));
}

}  // namespace tidemark
