// Network: stream sockets as the rooms see them. No asio type passes this door.
//
// Callbacks run on the loop. A Connection or Listener that is destroyed calls back no more. A callback may
// destroy the object that calls it.
// Back-pressure: pause() stops reading from the kernel, whose buffer then fills and slows the peer.
// Threads: loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/times.h"
#include "platform/passed_file.h"

namespace tidemark {

class Connection {
 public:
  struct Events {
    // The bytes are valid during the call.
    std::function<void(std::string_view)> data = {};
    // Once, with the reason; empty when the peer closed in order, and then it may still be written to: a peer
    // that has sent all it had may be waiting for answers. Not called after close().
    std::function<void(std::string reason)> closed = {};
    // The write buffer has become empty.
    std::function<void()> drained = {};
  };
  virtual ~Connection() = default;  // closes at once
  virtual void start(Events events) = 0;
  virtual void pause() = 0;
  virtual void resume() = 0;
  // Queues bytes for sending; the caller looks at unsent() and stops in time.
  virtual void write(std::string bytes) = 0;
  virtual std::size_t unsent() const = 0;
  // Sends what is queued, then closes; the object may be destroyed meanwhile.
  virtual void close() = 0;
  // The file that the peer handed over last with its bytes (SCM_RIGHTS), once; a local stream socket only.
  virtual std::unique_ptr<PassedFile> take_file() { return nullptr; }
  virtual const std::string& peer() const = 0;  // "127.0.0.1:40312", for messages
  // Whether the peer has closed its end, asked of the kernel now: also when what it sent before is still to
  // be read, and while reading is paused.
  virtual bool peer_gone() const = 0;

  // How what was written stands, asked of the kernel now.
  struct Sending {
    std::size_t unconfirmed = 0;  // bytes that the peer's system has not said to have, unsent() among them
    bool broken = false;          // nothing can be sent any more; then `unconfirmed` says nothing
    Duration silent{};            // since anything was heard of the peer's system; zero where none can say
  };
  virtual Sending sending() const = 0;
  // The peer must not take half a line for a whole one: when this connection goes without close(), also
  // because the program is killed, the peer sees a reset instead of an end in order.
  virtual void break_unless_closed() {}
};

class Listener {
 public:
  virtual ~Listener() = default;
  virtual std::string address() const = 0;  // with the port that was really taken
};

// A socket that datagrams come in on.
class DatagramSocket {
 public:
  virtual ~DatagramSocket() = default;
  virtual void pause() = 0;
  virtual void resume() = 0;
  virtual std::string address() const = 0;           // with the port that was really taken
  virtual std::uint64_t receive_buffer() const = 0;  // bytes of the kernel's buffer
  // Datagrams that the kernel had no room for, as far as it has told: it does with each one that it hands
  // over.
  virtual std::uint64_t dropped() const = 0;
};

// One attempt to connect. Destroyed, it is given up, and `done` is not called.
class Connecting {
 public:
  virtual ~Connecting() = default;
};

class Network {
 public:
  using Connected = std::function<void(Result<std::unique_ptr<Connection>>)>;
  virtual ~Network() = default;
  // "host:port", "[::1]:port", ":port". Accepts until the Listener is destroyed.
  virtual Result<std::unique_ptr<Listener>> listen_tcp(
      const std::string& address, std::function<void(std::unique_ptr<Connection>)> accepted) = 0;
  // A stream socket in the file system, made with `mode`. A stale socket file in its way is removed.
  virtual Result<std::unique_ptr<Listener>> listen_unix(
      const std::string& path, unsigned mode, std::function<void(std::unique_ptr<Connection>)> accepted) = 0;
  // "host:port", "[::1]:port", ":port". `receive_buffer` 0: the system's default. `received` hears of all
  // datagrams of one read at once; the bytes are valid during the call.
  virtual Result<std::unique_ptr<DatagramSocket>> listen_udp(
      const std::string& address, std::uint64_t receive_buffer,
      std::function<void(std::span<const std::string_view>)> received) = 0;
  // "host:port", "[::1]:port". The name is resolved beside the loop; its addresses are tried one after
  // another, each for at most ten seconds. `done` is called once, later; it may destroy the attempt.
  virtual std::unique_ptr<Connecting> connect_tcp(const std::string& address, Connected done) = 0;
  // The program's standard input as a connection that is only read.
  virtual Result<std::unique_ptr<Connection>> standard_input() = 0;
};

}  // namespace tidemark
