// Tumbling windows: time cut into equal pieces [start, end), aligned to the epoch plus an offset. Of a time
// zone they are pieces of local time, whole days, some of which have 23 or 25 hours.
// Pure.
#pragma once

#include <memory>

#include "base/times.h"
#include "base/zone.h"

namespace tidemark {

class TumblingWindows {
 public:
  // size > 0; offset is taken modulo size. With a zone both are whole seconds.
  TumblingWindows(Duration size, Duration offset, std::shared_ptr<const Zone> zone = nullptr);
  // The start of the window that holds `ns` (nanoseconds since 1970, event or journal time alike).
  std::int64_t start_of(std::int64_t ns) const;
  // Saturates at the end of time.
  std::int64_t end_of(std::int64_t start) const {
    return zone_ == nullptr ? after(start, size_) : moved(start, 1);
  }
  // The start of the window that stands so many behind the one that starts there; before it, when negative.
  std::int64_t moved(std::int64_t start, std::int64_t windows) const;
  Duration size() const { return size_; }

 private:
  static std::int64_t after(std::int64_t ns, Duration by) {
    return to_ns(saturating_add(time_from_ns<EventTime>(ns), by));
  }
  std::int64_t number_at(std::int64_t seconds) const;
  std::int64_t second_of(std::int64_t number) const;

  Duration size_, offset_;
  std::shared_ptr<const Zone> zone_;  // null: UTC
};

}  // namespace tidemark
