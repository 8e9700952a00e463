// SystemClock: the kernel's clocks. monotonic() counts time asleep too.
#pragma once

#include "platform/clock.h"

namespace tidemark {

class SystemClock final : public Clock {
 public:
  MonotonicTime monotonic() override;
  std::int64_t wall_ns() override;
  // What adjtimex says: somebody (an NTP client, a GPS receiver) disciplines the kernel's clock.
  bool synchronised() override;
};

}  // namespace tidemark
