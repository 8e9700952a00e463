// Connecting blocks (getaddrinfo, connect), so each attempt has a thread of its own (detached_work.h).
// Private to platform/mosquitto_*. Threads: loop only.
#pragma once

#include <functional>
#include <memory>

#include "platform/detached_work.h"
#include "platform/mosquitto_handle.h"

namespace tidemark {

// Calls handle->connect() on a new thread, then `done` with its result on the loop. The handle belongs to the
// thread until then.
void connect_on_a_thread(const std::shared_ptr<Mailbox>& mailbox, std::shared_ptr<MosquittoHandle> handle,
                         std::function<void(Status)> done);

}  // namespace tidemark
