#include "platform/mosquitto_connecting.h"

#include <pthread.h>
#include <signal.h>

#include <system_error>
#include <thread>
#include <utility>

namespace tidemark {

void connect_on_a_thread(const std::shared_ptr<Mailbox>& mailbox, std::shared_ptr<MosquittoHandle> handle,
                         std::function<void(Status)> done) {
  auto work = [mailbox, handle = std::move(handle), done]() mutable {
    Status connected = handle->connect();
    handle.reset();  // `done` has its own
    mailbox->post([connected = std::move(connected), done = std::move(done)] { done(connected); });
  };
  sigset_t all, before;  // signals are for the other threads
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::string reason;
  try {
    std::thread thread(std::move(work));
    pthread_setname_np(thread.native_handle(), "mqtt-connect");
    thread.detach();
  } catch (const std::system_error& error) {
    reason = error.what();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!reason.empty())
    mailbox->post([reason, done = std::move(done)] { done(fail("cannot start a thread: " + reason)); });
}

}  // namespace tidemark
