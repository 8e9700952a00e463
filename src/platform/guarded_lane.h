// GuardedLane: a lane as seen by an object that may be destroyed while work of its is queued or running
// there.
//
// The destructor waits for the work that is running and drops what is queued, `done` included; so work may
// use what its owner owns without sharing it. Work of one owner runs in order, one after another. Threads:
// made, used and destroyed on the loop. Lifetime: the lane outlives it. Declare it last in its owner.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "platform/lane.h"

namespace tidemark {

class GuardedLane {
 public:
  explicit GuardedLane(Lane& lane) : lane_(lane), guard_(std::make_shared<Guard>()) {}
  GuardedLane(const GuardedLane&) = delete;
  GuardedLane& operator=(const GuardedLane&) = delete;
  ~GuardedLane() {
    const std::lock_guard lock(guard_->running);
    guard_->over = true;
  }

  void submit(std::function<void()> work, std::function<void()> done) {
    lane_.submit(
        [guard = guard_, work = std::move(work)] {
          const std::lock_guard lock(guard->running);
          if (!guard->over) work();
        },
        [guard = guard_, done = std::move(done)] {
          if (!guard->over) done();  // `over` is only written on the loop, where this runs
        });
  }

 private:
  struct Guard {
    std::mutex running;
    bool over = false;
  };
  Lane& lane_;
  std::shared_ptr<Guard> guard_;
};

}  // namespace tidemark
