// Connecting blocks (getaddrinfo, connect), so each attempt has a thread of its own. Private to
// platform/mosquitto_*.
//
// The thread is detached: nobody waits for a name server that does not answer. It tells the loop through the
// Mailbox, which forgets the loop when the connector goes.
// Threads: post() any, the rest the loop's.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "platform/loop.h"
#include "platform/mosquitto_handle.h"

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

// Calls handle->connect() on a new thread, then `done` with its result on the loop. The handle belongs to the
// thread until then.
void connect_on_a_thread(const std::shared_ptr<Mailbox>& mailbox, std::shared_ptr<MosquittoHandle> handle,
                         std::function<void(Status)> done);

}  // namespace tidemark
