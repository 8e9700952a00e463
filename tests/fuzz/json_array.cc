// Any bytes as JSON of several records: an array of them, or records at a path (records.h).

#include <cstdint>
#include <string_view>

#include "base/invariant.h"
#include "decode/decoder.h"
#include "records.h"

using namespace tidemark;

namespace {

FormatSettings format(std::string_view records) {
  FormatSettings format;
  format.type = FormatSettings::Type::json;
  format.records.value = records;
  format.fields = {{.name = "n", .type = FieldSetting::Type::integer, .place = {}}};
  return format;
}

const std::vector<RecordPath> kSome = {
    fuzz::member("a"),
    fuzz::member("n"),
    {RecordStep::member("a"), RecordStep::member("b"), RecordStep::element(1)}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static fuzz::Records nothing(format(""), {}), some(format(""), kSome);
  static fuzz::Records nothing_at_path(format("a.r"), {}), some_at_path(format("a.r"), kSome);
  const std::string_view payload(reinterpret_cast<const char*>(bytes), size);
  invariant(some.fates(payload) == nothing.fates(payload), "what is read decides nothing");
  invariant(some_at_path.fates(payload) == nothing_at_path.fates(payload), "what is read decides nothing");
  return 0;
}
