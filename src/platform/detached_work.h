// Work that may block for as long as a name server likes, so each piece of it has a thread of its own.
//
// The thread is detached: nobody waits for a server that does not answer, neither a lane nor the end of the
// program. It tells the loop through a Mailbox, which forgets the loop when its owner goes.
// Threads: post() any, the rest the loop's.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/result.h"
#include "platform/loop.h"

namespace tidemark {

class Mailbox {
 public:
  explicit Mailbox(Loop& loop) : loop_(&loop) {}
  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    if (loop_) loop_->post(std::move(work));
  }
  void close() {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Loop* loop_;
};

// Runs `work` on a new thread, which is called `name` (at most 15 characters) in ps and gdb. `work` must not
// throw. Fails when no thread can be had; then `work` does not run.
Status run_detached(const std::string& name, std::function<void()> work);

}  // namespace tidemark
