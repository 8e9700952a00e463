// FdWatch calls back while a file descriptor can be read or written without blocking.
//
// For what talks to descriptors of its own: the sockets of socket_network.h, and libraries that keep theirs.
// A callback comes again and again as long as it is wanted and the descriptor is ready. What epoll does not
// know (a regular file as standard input) counts as always ready. The descriptor stays its owner's, is made
// non-blocking, and must be open until the watch is destroyed; a library that closes its own behind the
// owner's back is watched through a dup(). Threads: loop only. Lifetime: a callback may destroy its watch;
// every watch goes before its loop.
#pragma once

#include <functional>
#include <memory>

namespace tidemark {

class FdWatch {
 public:
  struct Events {
    std::function<void()> readable = {};
    std::function<void()> writable = {};
  };
  virtual ~FdWatch() = default;
  // What to call back for from now on; nothing at first.
  virtual void want(bool read, bool write) = 0;
};

class FdWatcher {
 public:
  virtual ~FdWatcher() = default;
  virtual std::unique_ptr<FdWatch> watch(int fd, FdWatch::Events events) = 0;
};

}  // namespace tidemark
