// SimulatedLoop: a loop that runs only when it is told to, on a clock that is moved by hand.
//
// Posted work runs in the order posted; timers fire in the order (time, creation). A loop that does not come
// to rest within a million callbacks at one moment aborts: it would spin in production too. Threads: post()
// any, the rest one. `clock` must outlive the loop; handles of timers may outlive it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "platform/loop.h"
#include "platform/simulated_clock.h"

namespace tidemark {

class SimulatedLoop final : public Loop {
 public:
  explicit SimulatedLoop(SimulatedClock& clock);
  ~SimulatedLoop() override;
  SimulatedLoop(const SimulatedLoop&) = delete;
  SimulatedLoop& operator=(const SimulatedLoop&) = delete;

  void post(std::function<void()> work) override;
  [[nodiscard]] std::unique_ptr<Timer> at(MonotonicTime when, std::function<void()> work) override;
  MonotonicTime now() override;

  // Runs one posted callback; false when none waits. Timers do not fire.
  bool run_one();
  // Runs all that can run without time passing: posted work, what that posts in turn, and timers already due.
  // Returns how many callbacks ran.
  std::size_t run_ready();
  // Lets time pass: stops at every timer due on the way and runs what it makes ready.
  void advance(Duration d);
  // Hops from timer to timer until nothing is posted and no timer waits; false when that takes longer than
  // `limit` (a periodic timer never ends).
  bool run_until_idle(Duration limit = 1h);
  // Hops from timer to timer until `holds`; false when it does not come to hold within `limit`.
  bool run_until(const std::function<bool()>& holds, Duration limit = 1h);

  std::size_t posted() const;
  std::size_t timers() const;
  std::optional<MonotonicTime> next_timer() const;

 private:
  class SimulatedTimer;
  using TimerKey = std::pair<MonotonicTime, std::uint64_t>;
  // Shared with the handles, so that one destroyed after the loop finds nothing to cancel.
  struct Timers {
    std::map<TimerKey, std::function<void()>> waiting;
  };

  bool fire_one_due();

  SimulatedClock& clock_;
  mutable std::mutex mutex_;
  std::deque<std::function<void()>> posted_;
  std::shared_ptr<Timers> timers_;
  std::uint64_t created_ = 0;
};

}  // namespace tidemark
