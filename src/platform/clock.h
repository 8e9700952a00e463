// Clock: where the time of the machine comes from. The one real implementation reads the kernel's clocks; the
// fake is moved by hand. Threads: any.
#pragma once

#include "base/times.h"

namespace tidemark {

class Clock {
 public:
  virtual ~Clock() = default;
  // Never goes back, also not over a suspend.
  virtual MonotonicTime monotonic() = 0;
  // What the wall clock says, right or wrong, in nanoseconds since 1970.
  virtual std::int64_t wall_ns() = 0;
  // True once the kernel says that the wall clock is synchronised. A board without a clock boots in 1970, and
  // until this turns true its wall clock is not believed.
  virtual bool synchronised() = 0;
};

}  // namespace tidemark
