// Any bytes as a CSV record. Beside not crashing: a record is good or bad whatever is read of it, and what is
// read of a good one is as its column says.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/invariant.h"
#include "decode/decoder.h"
#include "decode/utf8.h"

namespace {

using namespace tidemark;

class Reader {
 public:
  explicit Reader(const std::vector<std::string_view>& reads) {
    format_.type = FormatSettings::Type::csv;
    for (const auto& [name, type] : {std::pair("a", FieldSetting::Type::text),
                                     {"n", FieldSetting::Type::integer},
                                     {"x", FieldSetting::Type::real},
                                     {"ok", FieldSetting::Type::boolean}})
      format_.fields.push_back({.name = name, .type = type, .place = {}});
    for (const std::string_view name : reads) fields_.add({RecordStep::member(name)});
    decoder_ = std::move(make_decoder({.format = format_, .fields = fields_, .limits = limits_}).value());
    slots_.resize(fields_.size());
  }
  bool good(std::string_view record) {
    arena_.clear();
    return decoder_->decode(record, slots_, arena_).has_value();
  }
  const Value& slot(std::size_t i) const { return slots_[i]; }

 private:
  FormatSettings format_;
  FieldSet fields_;
  LimitSettings limits_;
  std::unique_ptr<RecordDecoder> decoder_;
  std::vector<Value> slots_;
  Arena arena_;
};

bool is(const Value& value, Value::Type type) {
  return value.is_null() || value.type() == type;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static Reader nothing({}), all({"a", "n", "x", "ok"});
  const std::string_view record(reinterpret_cast<const char*>(bytes), size);
  const bool good = all.good(record);
  invariant(nothing.good(record) == good, "what is read decides nothing");
  if (!good) return 0;
  invariant(is(all.slot(0), Value::Type::text) && is(all.slot(1), Value::Type::integer) &&
                is(all.slot(2), Value::Type::real) && is(all.slot(3), Value::Type::boolean),
            "a column has one type");
  if (all.slot(0).is_text())
    invariant(valid_utf8(all.slot(0).as_text()) == all.slot(0).as_text().size(), "texts are UTF-8");
  return 0;
}
