#include "platform/thread_lane.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace tidemark {

ThreadLane::ThreadLane(Loop& loop, const std::string& name) : loop_(loop) {
  // The thread inherits the mask, so that no signal can arrive before it has set its own.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
}

ThreadLane::~ThreadLane() = default;

void ThreadLane::submit(std::function<void()> work, std::function<void()> done) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({std::move(work), std::move(done)});
  }
  wake_.notify_one();
}

void ThreadLane::run(std::stop_token stop) {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [this] { return !waiting_.empty(); });
      if (stop.stop_requested()) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
    }
    task.work();
    task.work = nullptr;  // what it holds is freed here, before the loop hears of it
    loop_.post(std::move(task.done));
  }
}

}  // namespace tidemark
