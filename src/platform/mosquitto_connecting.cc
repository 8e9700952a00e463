#include "platform/mosquitto_connecting.h"

#include <utility>

namespace tidemark {

void connect_on_a_thread(const std::shared_ptr<Mailbox>& mailbox, std::shared_ptr<MosquittoHandle> handle,
                         std::function<void(Status)> done) {
  auto work = [mailbox, handle = std::move(handle), done]() mutable {
    Status connected = handle->connect();
    handle.reset();  // `done` has its own
    mailbox->post([connected = std::move(connected), done = std::move(done)] { done(connected); });
  };
  Status started = run_detached("mqtt-connect", std::move(work));
  if (!started) mailbox->post([started = std::move(started), done = std::move(done)] { done(started); });
}

}  // namespace tidemark
