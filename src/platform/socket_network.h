// SocketNetwork: the kernel's stream sockets, read in pieces of up to 64 KiB.
//
// Listening resolves names, which blocks: it belongs before the loop runs. Connecting resolves them on a
// thread of its own. SIGPIPE must be ignored. Lifetime: connections may outlive the network, but not the
// loop; what close() has left to send is sent for five seconds more, at most until the network is destroyed.
#pragma once

#include <memory>

#include "platform/fd_watch.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace tidemark {

std::unique_ptr<Network> make_socket_network(Loop& loop, FdWatcher& watcher);

}  // namespace tidemark
