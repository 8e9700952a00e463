// Any bytes as the file of a time zone. What is read must know an offset at every instant, and an instant for
// every time on its wall; where the wall shows that time at all, the instant is one at which it does.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/invariant.h"
#include "base/zone.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidemark;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto& zone : {Zone::parse(bytes), Zone::of_rule(bytes)}) {
    if (!zone) continue;
    // From the year 0 to 9999, in steps that meet every time of day and of the year.
    for (std::int64_t utc = -62'167'219'200; utc < 253'402'300'800; utc += 3'155'769'277) {
      const Zone::Offset offset = zone->at(utc);
      const std::int64_t wall = utc + offset.ahead;
      invariant(zone->to_utc(wall, offset.ahead) == utc, "a wall shows what it showed");
      const std::int64_t again = zone->to_utc(wall);
      invariant(again - utc < 4 * 86400 && utc - again < 4 * 86400,
                "an instant is near its time on the wall");
    }
  }
  return 0;
}
