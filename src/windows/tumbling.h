// Tumbling windows: time cut into equal pieces [start, end), aligned to the epoch plus an offset.
// Pure.
#pragma once

#include "base/times.h"

namespace tidemark {

class TumblingWindows {
 public:
  // size > 0; offset is taken modulo size.
  TumblingWindows(Duration size, Duration offset);
  // The start of the window that holds `ns` (nanoseconds since 1970, event or journal time alike).
  std::int64_t start_of(std::int64_t ns) const;
  // Saturates at the end of time.
  std::int64_t end_of(std::int64_t start) const;
  Duration size() const { return size_; }

 private:
  Duration size_, offset_;
};

}  // namespace tidemark
