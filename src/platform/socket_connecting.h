// Connecting a tcp socket without blocking the loop: the name is resolved on a thread of its own
// (detached_work.h), the addresses found are tried in turn. Private to socket_network.cc. Threads: loop only.
#pragma once

#include <memory>
#include <string>

#include "platform/detached_work.h"
#include "platform/fd_watch.h"
#include "platform/loop.h"
#include "platform/network.h"
#include "platform/socket_stream.h"

namespace tidemark {

struct ConnectingDoors {
  Loop& loop;
  FdWatcher& watcher;
  std::shared_ptr<SocketStream::Shared> shared;
  std::shared_ptr<Mailbox> mailbox;
};

std::unique_ptr<Connecting> start_connecting(ConnectingDoors doors, const std::string& address,
                                             Network::Connected done);

}  // namespace tidemark
