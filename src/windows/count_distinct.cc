#include "base/checksum.h"
#include "base/key_encoding.h"
#include "windows/aggregates.h"
#include "windows/distinct_sketch.h"
#include "windows/typed_aggregate.h"

namespace tidemark {
namespace {

class CountDistinct final : public TypedAggregate<DistinctSketch> {
 public:
  const char* check(const std::byte*, const Input&) const override { return nullptr; }
  void update(std::byte* state, const Input& input) const override {
    if (input.arguments[0].is_null()) return;
    std::string key;
    append_key(key, input.arguments[0]);
    of(state).add(checksum(key));
  }
  void merge(std::byte* into, const std::byte* from) const override { of(into).merge(of(from)); }
  Value result(const std::byte* state, Arena&) const override {
    return Value::integer(static_cast<std::int64_t>(of(state).estimate()));
  }
};

}  // namespace

std::unique_ptr<Aggregate> make_count_distinct() {
  return std::make_unique<CountDistinct>();
}

}  // namespace tidemark
