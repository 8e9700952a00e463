// ArrivalClock says at what time an entry arrives: the last journaled time plus what the steady clock has
// counted since, following the wall clock forward and never back.
//
// A board without a clock of its own boots in 1970 and learns the time later; an administrator sets a clock
// back. The first is a jump forward, followed at once. The second, when the kernel calls the clock
// synchronised, is a clock_step entry: step_needed() says so, and the caller journals it and calls stepped().
// Threads: loop only.
#pragma once

#include <optional>

#include "base/times.h"
#include "platform/clock.h"

namespace tidemark {

class ArrivalClock {
 public:
  explicit ArrivalClock(Clock& clock) : clock_(clock), at_(clock.monotonic()) {}

  JournalTime now() {
    const JournalTime steady = last_ + (clock_.monotonic() - at_);
    const auto wall = time_from_ns<JournalTime>(clock_.wall_ns());
    return wall > steady ? wall : steady;
  }
  // The time for what is journaled next; time is counted on from here.
  JournalTime stamp() {
    set(now());
    return last_;
  }
  // Counts on from `time`, also when that is back.
  void set(JournalTime time) {
    last_ = time;
    at_ = clock_.monotonic();
  }
  // The time to step back to: the wall clock is synchronised and more than a second behind.
  std::optional<JournalTime> step_needed() {
    const auto wall = time_from_ns<JournalTime>(clock_.wall_ns());
    if (wall + 1s >= now() || !clock_.synchronised()) return std::nullopt;
    return wall;
  }
  bool synchronised() { return clock_.synchronised(); }
  // When the steady clock will show journal time `due`, unless the wall clock gets there first.
  MonotonicTime monotonic_of(JournalTime due) {
    const JournalTime present = now();
    return clock_.monotonic() + (due > present ? due - present : Duration(0));
  }

 private:
  Clock& clock_;
  JournalTime last_{};
  MonotonicTime at_;
};

}  // namespace tidemark
