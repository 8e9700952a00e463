// count(*) and count(x).
#pragma once

#include "windows/typed_aggregate.h"

namespace tidemark {

struct Counted {
  std::uint64_t n = 0;
  void save(Encoder& out) const { out.varint(n); }
  bool load(Decoder& in) {
    n = in.varint();
    return true;
  }
  std::size_t heap_bytes() const { return 0; }
};

class Count final : public TypedAggregate<Counted> {
 public:
  const char* check(const std::byte*, const Input&) const override { return nullptr; }
  void update(std::byte* state, const Input& input) const override {
    if (input.arguments.empty() || !input.arguments[0].is_null()) ++of(state).n;
  }
  void merge(std::byte* into, const std::byte* from) const override { of(into).n += of(from).n; }
  Value result(const std::byte* state, Arena&) const override {
    return Value::integer(static_cast<std::int64_t>(of(state).n));
  }
};

}  // namespace tidemark
