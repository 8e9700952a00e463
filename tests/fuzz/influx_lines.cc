// Any bytes as lines of Influx line protocol (records.h).

#include <cstdint>
#include <string_view>

#include "base/invariant.h"
#include "decode/decoder.h"
#include "records.h"

using namespace tidemark;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const FormatSettings kFormat = [] {
    FormatSettings format;
    format.type = FormatSettings::Type::influx;
    format.fields = {{.name = "n", .type = FieldSetting::Type::integer, .place = {}},
                     {.name = "x", .type = FieldSetting::Type::real, .place = {}}};
    return format;
  }();
  static fuzz::Records nothing(kFormat, {});
  static fuzz::Records some(kFormat, {fuzz::member("_measurement"), fuzz::member("_timestamp"),
                                      fuzz::member("a"), fuzz::member("n"), fuzz::member("x")});
  const std::string_view payload(reinterpret_cast<const char*>(bytes), size);
  invariant(some.fates(payload) == nothing.fates(payload), "what is read decides nothing");
  return 0;
}
