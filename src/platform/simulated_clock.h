// SimulatedClock: a clock that stands still until it is moved.
//
// Starts at monotonic one hour and at 2025-03-01T12:00:00Z, synchronised. Threads: any.
#pragma once

#include <atomic>

#include "platform/clock.h"

namespace tidemark {

class SimulatedClock final : public Clock {
 public:
  static constexpr std::int64_t kStartWall = 1'740'830'400'000'000'000;  // 2025-03-01T12:00:00Z

  explicit SimulatedClock(std::int64_t wall_ns = kStartWall) : wall_ns_(wall_ns) {}

  MonotonicTime monotonic() override { return time_from_ns<MonotonicTime>(monotonic_ns_.load()); }
  std::int64_t wall_ns() override { return wall_ns_.load(); }
  bool synchronised() override { return synchronised_.load(); }

  // Time passes: both clocks move.
  void advance(Duration d) {
    monotonic_ns_ += d.count();
    wall_ns_ += d.count();
  }
  void advance_to(MonotonicTime when) {
    if (when > monotonic()) advance(when - monotonic());
  }
  // Somebody sets the wall clock; no time passes.
  void set_wall_ns(std::int64_t ns) { wall_ns_ = ns; }
  void step_wall(Duration d) { wall_ns_ += d.count(); }
  void set_synchronised(bool synchronised) { synchronised_ = synchronised; }

 private:
  std::atomic<std::int64_t> monotonic_ns_{3'600'000'000'000};
  std::atomic<std::int64_t> wall_ns_;
  std::atomic<bool> synchronised_{true};
};

}  // namespace tidemark
