// Any bytes as a JSON record. Beside not crashing: a record is good or bad whatever is read of it, and the
// fast parser and the plain scanner that explains its errors agree on which records hold.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/invariant.h"
#include "decode/decoder.h"
#include "decode/json_fault.h"

namespace {

using namespace tidemark;

class Reader {
 public:
  explicit Reader(const std::vector<RecordPath>& reads) {
    limits_.max_depth = kDepth;
    limits_.max_fields = 1u << 30;
    for (const RecordPath& path : reads) fields_.add(path);
    decoder_ = std::move(make_decoder({.format = format_, .fields = fields_, .limits = limits_}).value());
    slots_.resize(fields_.size());
  }
  bool good(std::string_view record) {
    arena_.clear();
    return decoder_->decode(record, slots_, arena_).has_value();
  }
  // The texts must be readable to their ends.
  std::size_t text_sizes() const {
    std::size_t sum = 0;
    for (const Value& value : slots_)
      if (value.is_text())
        for (const char c : value.as_text()) sum += static_cast<unsigned char>(c);
    return sum;
  }
  static constexpr std::uint32_t kDepth = 20;

 private:
  FormatSettings format_;
  FieldSet fields_;
  LimitSettings limits_;
  std::unique_ptr<RecordDecoder> decoder_;
  std::vector<Value> slots_;
  Arena arena_;
};

RecordPath member(std::string_view name) {
  return {RecordStep::member(name)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static Reader nothing({});
  static Reader some({member("a"),
                      member("b"),
                      {RecordStep::member("a"), RecordStep::member("b"), RecordStep::element(1)},
                      {RecordStep::member("b"), RecordStep::element(0), RecordStep::member("c")}});
  const std::string_view record(reinterpret_cast<const char*>(bytes), size);
  const bool good = nothing.good(record);
  invariant(some.good(record) == good, "what is read decides nothing");
  if (good) some.text_sizes();
  invariant(find_json_fault(record, Reader::kDepth).has_value() == !good, "parser and scanner agree");
  return 0;
}
