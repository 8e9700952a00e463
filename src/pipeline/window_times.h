// WindowTimes: what an operator with windows remembers over a restart beside its entries, and what follows
// from it when a new configuration allows another lateness. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/times.h"
#include "pipeline/operator.h"

namespace tidemark {

struct WindowTimes {
  std::int64_t watermark;                // what is closed is decided by it
  std::optional<JournalTime> every_due;  // the next beat of early results
  std::uint64_t next_order;              // the next number in the order of making; 0: nothing is numbered
  std::int64_t forgotten;                // what ends by then is gone, whatever lateness is allowed now

  void save(Encoder& out) const {
    out.i64(watermark);
    out.boolean(every_due.has_value());
    if (every_due) out.i64(to_ns(*every_due));
    out.varint(next_order);
    out.i64(forgotten);
  }
  // Whether it could be read, the decoder knows.
  static WindowTimes load(Decoder& in) {
    WindowTimes times{.watermark = in.i64(), .every_due = {}, .next_order = 0, .forgotten = 0};
    if (in.boolean()) times.every_due = time_from_ns<JournalTime>(in.i64());
    times.next_order = in.varint();
    times.forgotten = in.i64();
    return times;
  }
};

// What had closed by the watermark was forgotten under the lateness that was allowed until now.
inline std::int64_t forgotten_before(const PriorPipeline& prior, Duration lateness, std::int64_t watermark,
                                     std::int64_t forgotten) {
  const Duration before(prior.layout.allowed_lateness_ns);
  if (before >= lateness || watermark == to_ns(kEventTimeMin)) return forgotten;
  return std::max(forgotten, watermark - before.count());
}

}  // namespace tidemark
