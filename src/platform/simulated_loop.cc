#include "platform/simulated_loop.h"

#include "base/invariant.h"

namespace tidemark {

class SimulatedLoop::SimulatedTimer final : public Timer {
 public:
  SimulatedTimer(std::weak_ptr<Timers> timers, TimerKey key) : timers_(std::move(timers)), key_(key) {}
  ~SimulatedTimer() override {
    const std::shared_ptr<Timers> timers = timers_.lock();
    if (!timers) return;
    // Out of the map first: destroying the callback may destroy further timers.
    const auto node = timers->waiting.extract(key_);
  }

 private:
  std::weak_ptr<Timers> timers_;
  TimerKey key_;
};

SimulatedLoop::SimulatedLoop(SimulatedClock& clock) : clock_(clock), timers_(std::make_shared<Timers>()) {}

SimulatedLoop::~SimulatedLoop() = default;

void SimulatedLoop::post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(work));
}

std::unique_ptr<Timer> SimulatedLoop::at(MonotonicTime when, std::function<void()> work) {
  const TimerKey key{when, ++created_};
  timers_->waiting.emplace(key, std::move(work));
  return std::make_unique<SimulatedTimer>(timers_, key);
}

MonotonicTime SimulatedLoop::now() {
  return clock_.monotonic();
}

bool SimulatedLoop::run_one() {
  std::function<void()> work;
  {
    const std::lock_guard lock(mutex_);
    if (posted_.empty()) return false;
    work = std::move(posted_.front());
    posted_.pop_front();
  }
  work();
  return true;
}

bool SimulatedLoop::fire_one_due() {
  const auto first = timers_->waiting.begin();
  if (first == timers_->waiting.end() || first->first.first > now()) return false;
  const auto node = timers_->waiting.extract(first);
  node.mapped()();
  return true;
}

std::size_t SimulatedLoop::run_ready() {
  std::size_t ran = 0;
  while (run_one() || fire_one_due()) {
    ++ran;
    invariant(ran < 1'000'000, "the loop comes to rest");
  }
  return ran;
}

void SimulatedLoop::advance(Duration d) {
  const MonotonicTime end = now() + d;
  run_ready();
  for (auto next = next_timer(); next && *next <= end; next = next_timer()) {
    clock_.advance_to(*next);
    run_ready();
  }
  clock_.advance_to(end);
  run_ready();
}

bool SimulatedLoop::run_until_idle(Duration limit) {
  return run_until([this] { return posted() == 0 && timers() == 0; }, limit);
}

bool SimulatedLoop::run_until(const std::function<bool()>& holds, Duration limit) {
  const MonotonicTime end = now() + limit;
  run_ready();
  while (!holds()) {
    if (posted() > 0) {  // what `holds` itself has set going
      run_ready();
      if (holds()) return true;
    }
    const auto next = next_timer();
    if (!next || *next > end) return false;
    clock_.advance_to(*next);
    run_ready();
  }
  return true;
}

std::size_t SimulatedLoop::posted() const {
  const std::lock_guard lock(mutex_);
  return posted_.size();
}

std::size_t SimulatedLoop::timers() const {
  return timers_->waiting.size();
}

std::optional<MonotonicTime> SimulatedLoop::next_timer() const {
  if (timers_->waiting.empty()) return std::nullopt;
  return timers_->waiting.begin()->first.first;
}

}  // namespace tidemark
