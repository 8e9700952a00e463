// ThreadLane: a lane with a thread of its own.
//
// Work must not throw. Destroying the lane waits for the work in progress and drops what has not begun;
// whoever needs it done waits for its `done` first. Signals are left to the other threads. Lifetime: `loop`
// must outlive the lane.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "platform/lane.h"
#include "platform/loop.h"

namespace tidemark {

class ThreadLane final : public Lane {
 public:
  // `name` is what ps and gdb show for the thread; at most 15 characters.
  ThreadLane(Loop& loop, const std::string& name);
  ~ThreadLane() override;
  ThreadLane(const ThreadLane&) = delete;
  ThreadLane& operator=(const ThreadLane&) = delete;

  void submit(std::function<void()> work, std::function<void()> done) override;

 private:
  struct Task {
    std::function<void()> work;
    std::function<void()> done;
  };
  void run(std::stop_token stop);

  Loop& loop_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Task> waiting_;
  std::jthread thread_;  // last: it ends before the rest goes
};

}  // namespace tidemark
