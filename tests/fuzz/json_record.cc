// Any bytes as a JSON record. Beside not crashing: a record is good or bad whatever is read of it, the fast
// parser and the plain scanner that explains its errors agree on which records hold, and a record has the
// same values among other lines, alone, and with a space before it, which leaves it to the DOM parser.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
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
    const auto found = decoder_->decode(record, slots_, arena_);
    return found && *found == Found::record;
  }
  // The texts must be readable to their ends.
  bool same_values(const Reader& other) const { return std::ranges::equal(slots_, other.slots_, same_value); }
  void expect(std::string_view bytes) { decoder_->expect(bytes); }
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
  static const std::vector<RecordPath> kSome = {
      member("a"),
      member("b"),
      {RecordStep::member("a"), RecordStep::member("b"), RecordStep::element(1)},
      {RecordStep::member("b"), RecordStep::element(0), RecordStep::member("c")}};
  static Reader nothing({});
  static Reader some(kSome), whole(kSome), among(kSome);
  const std::string_view record(reinterpret_cast<const char*>(bytes), size);
  const bool good = nothing.good(record);
  invariant(some.good(record) == good, "what is read decides nothing");
  invariant(find_json_fault(record, Reader::kDepth).has_value() == !good, "parser and scanner agree");
  std::string spaced = " ";
  spaced += record;
  invariant(whole.good(spaced) == good, "both parsers take the same records");
  if (good) invariant(some.same_values(whole), "both parsers read the same");

  among.expect(record);
  for (std::size_t at = 0, end = 0; end != std::string_view::npos; at = end + 1) {
    end = record.find('\n', at);
    const std::string_view line = record.substr(at, end - at);
    invariant(among.good(line) == some.good(line), "a line is good by itself");
    if (some.good(line)) invariant(among.same_values(some), "a line means the same among others");
  }
  among.expect({});
  return 0;
}
