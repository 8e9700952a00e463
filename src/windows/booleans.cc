#include "windows/aggregates.h"
#include "windows/typed_aggregate.h"

namespace tidemark {
namespace {

struct Truth {
  enum : std::uint8_t { nothing = 0, no = 1, yes = 2 } so_far = nothing;
  void save(Encoder& out) const { out.u8(so_far); }
  bool load(Decoder& in) {
    const std::uint8_t byte = in.u8();
    so_far = byte == 1 ? no : byte == 2 ? yes : nothing;
    return byte <= 2;
  }
  std::size_t heap_bytes() const { return 0; }
};

// AND ends at the first FALSE, OR at the first TRUE.
class Every final : public TypedAggregate<Truth> {
 public:
  explicit Every(bool deciding) : deciding_(deciding) {}
  const char* check(const std::byte*, const Input& input) const override {
    const Value& value = input.arguments[0];
    return value.is_null() || value.is_boolean() ? nullptr : "bool_and and bool_or need booleans";
  }
  void update(std::byte* state, const Input& input) const override {
    if (!input.arguments[0].is_null()) take(of(state), input.arguments[0].as_boolean());
  }
  void merge(std::byte* into, const std::byte* from) const override {
    if (of(from).so_far != Truth::nothing) take(of(into), of(from).so_far == Truth::yes);
  }
  Value result(const std::byte* state, Arena&) const override {
    if (of(state).so_far == Truth::nothing) return Value::null();
    return Value::boolean(of(state).so_far == Truth::yes);
  }

 private:
  void take(Truth& truth, bool value) const {
    if (truth.so_far == Truth::nothing || value == deciding_) truth.so_far = value ? Truth::yes : Truth::no;
  }
  bool deciding_;
};

}  // namespace

std::unique_ptr<Aggregate> make_bool_and() {
  return std::make_unique<Every>(false);
}
std::unique_ptr<Aggregate> make_bool_or() {
  return std::make_unique<Every>(true);
}

}  // namespace tidemark
