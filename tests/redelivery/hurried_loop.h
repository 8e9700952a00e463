// HurriedLoop: the real loop with real sockets, on which time passes faster than it does.
//
// A reconnect after a second then takes 20 ms, and thousands of schedules fit into a test. The clock that
// goes with it runs at the same speed. Threads: as AsioLoop.
#pragma once

#include <chrono>

#include "platform/asio_loop.h"
#include "platform/clock.h"

namespace tidemark {

constexpr int kHurry = 50;

inline MonotonicTime real_time() {
  return MonotonicTime(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

class RealClock final : public Clock {
 public:
  MonotonicTime monotonic() override { return real_time(); }
  std::int64_t wall_ns() override { return to_ns(real_time()); }
  bool synchronised() override { return true; }
};

class HurriedClock final : public Clock {
 public:
  MonotonicTime monotonic() override { return begun_ + (real_time() - begun_) * kHurry; }
  std::int64_t wall_ns() override { return 1'700'000'000'000'000'000 + to_ns(monotonic()); }
  bool synchronised() override { return true; }
  MonotonicTime real_of(MonotonicTime hurried) const { return begun_ + (hurried - begun_) / kHurry; }

 private:
  MonotonicTime begun_ = real_time();
};

class HurriedLoop final : public Loop, public FdWatcher {
 public:
  explicit HurriedLoop(HurriedClock& clock) : clock_(clock), loop_(real_) {}
  void post(std::function<void()> work) override { loop_.post(std::move(work)); }
  std::unique_ptr<Timer> at(MonotonicTime when, std::function<void()> work) override {
    return loop_.at(clock_.real_of(when), std::move(work));
  }
  MonotonicTime now() override { return clock_.monotonic(); }
  std::unique_ptr<FdWatch> watch(int fd, FdWatch::Events events) override {
    return loop_.watch(fd, std::move(events));
  }

  // Runs until `holds`, looked at after whatever happens and every real millisecond; false after `limit` of
  // real time.
  bool run_until(const std::function<bool()>& holds, Duration limit = 10s) {
    const MonotonicTime latest = real_time() + limit;
    bool held = false;
    std::unique_ptr<Timer> timer;
    std::function<void()> look = [&] {
      held = holds();
      if (held || real_time() >= latest) return loop_.stop();
      timer = loop_.at(real_time() + 1ms, look);
    };
    timer = loop_.at(real_time(), look);
    loop_.run();
    return held;
  }

 private:
  HurriedClock& clock_;
  RealClock real_;
  AsioLoop loop_;
};

}  // namespace tidemark
