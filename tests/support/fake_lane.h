// InlineLane and ManualLane: lanes without a thread, on which a test decides when work happens.
//
// InlineLane does the work inside submit() and posts `done`; ManualLane keeps it until the test steps. Both
// can be held, as a disk that does not answer. Threads: the test's. The loop must outlive the lane.
#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "platform/lane.h"
#include "platform/loop.h"

namespace tidemark {

class InlineLane final : public Lane {
 public:
  explicit InlineLane(Loop& loop) : loop_(loop) {}

  void submit(std::function<void()> work, std::function<void()> done) override {
    waiting_.emplace_back(std::move(work), std::move(done));
    run();
  }

  // From now on work only queues; release() does what has queued.
  void hold() { held_ = true; }
  void release() {
    held_ = false;
    run();
  }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  void run() {
    while (!held_ && !waiting_.empty()) {
      auto [work, done] = std::move(waiting_.front());
      waiting_.pop_front();
      work();
      loop_.post(std::move(done));
    }
  }

  Loop& loop_;
  bool held_ = false;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> waiting_;
};

class ManualLane final : public Lane {
 public:
  explicit ManualLane(Loop& loop) : loop_(loop) {}

  void submit(std::function<void()> work, std::function<void()> done) override {
    waiting_.emplace_back(std::move(work), std::move(done));
  }

  // Does the oldest work and posts its `done`; false when nothing waits or the lane is held.
  bool step() { return finish_one() || (start_one() && finish_one()); }
  std::size_t step_all() {
    std::size_t steps = 0;
    while (step()) ++steps;
    return steps;
  }

  // The two halves of a step: the work is done but the loop has not heard of it.
  bool start_one() {
    if (held_ || started_ || waiting_.empty()) return false;
    started_ = true;
    waiting_.front().first();
    return true;
  }
  bool finish_one() {
    if (held_ || !started_) return false;
    started_ = false;
    loop_.post(std::move(waiting_.front().second));
    waiting_.pop_front();
    return true;
  }

  void hold() { held_ = true; }
  void release() { held_ = false; }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  Loop& loop_;
  bool held_ = false;
  bool started_ = false;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> waiting_;
};

}  // namespace tidemark
