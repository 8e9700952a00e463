#include "platform/detached_work.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>
#include <thread>

namespace tidemark {

Status run_detached(const std::string& name, std::function<void()> work) {
  sigset_t all, before;  // signals are for the other threads
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::string reason;
  try {
    std::thread thread(std::move(work));
    pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
    thread.detach();
  } catch (const std::system_error& error) {
    reason = error.what();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!reason.empty()) return fail("cannot start a thread: " + reason);
  return {};
}

}  // namespace tidemark
