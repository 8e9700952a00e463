// SystemClock: the kernel's clocks. monotonic() counts time asleep too.
#pragma once

#include <optional>

#include "platform/clock.h"

namespace tidemark {

class SystemClock final : public Clock {
 public:
  MonotonicTime monotonic() override;
  std::int64_t wall_ns() override;
  // What adjtimex says: somebody (an NTP client, a GPS receiver) disciplines the kernel's clock. It is asked
  // four times a second at most, for that takes longer than a record. Threads: one at a time.
  bool synchronised() override;

 private:
  std::optional<MonotonicTime> asked_at_;
  bool synchronised_ = false;
};

}  // namespace tidemark
