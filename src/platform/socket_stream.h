// SocketStream: one connected stream socket, or standard input; the working part of a Connection.
//
// Shared between its Connection and, once closed with bytes left to send, the network. Private to
// platform/socket_*. Threads: loop only.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/pace.h"
#include "platform/fd_watch.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace tidemark {

class SocketStream : public std::enable_shared_from_this<SocketStream> {
 public:
  // What the connections of one network share.
  struct Shared {
    std::string buffer = std::string(64 * 1024, '\0');  // one read at a time
    Pace pace{4 * 1024, 64 * 1024};                     // of them
    std::set<std::shared_ptr<SocketStream>> lingering;  // closed, with bytes left to send
    bool network_gone = false;
  };
  enum class Kind { socket, local_socket, standard_input };  // local: its peer may hand over a file

  SocketStream(Loop& loop, std::shared_ptr<Shared> shared, int fd, Kind kind, std::string peer);
  ~SocketStream();
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

  void start(FdWatcher& watcher, Connection::Events events);
  void pause();
  void resume();
  void write(std::string bytes);
  void close();
  // The Connection is gone.
  void abandon();
  std::size_t unsent() const { return out_.size() - sent_; }
  const std::string& peer() const { return peer_; }
  std::unique_ptr<PassedFile> take_file() { return std::move(file_); }
  bool peer_gone() const;
  Connection::Sending sending() const;
  void break_unless_closed();

 private:
  void read();
  long receive(std::string& buffer, std::size_t most);
  void flush();
  void want();
  void ended(const std::string& reason);
  void shut();
  void linger(bool breaks);

  Loop& loop_;
  std::shared_ptr<Shared> shared_;
  int fd_;
  Kind kind_;
  int flags_before_ = -1;  // of standard input, which others share
  std::string peer_;
  std::unique_ptr<FdWatch> watch_;
  Connection::Events events_;
  std::unique_ptr<Timer> linger_;
  std::unique_ptr<PassedFile> file_;  // handed over last, and not yet taken

  std::string out_;
  std::size_t sent_ = 0;
  bool reading_ = false;  // not paused
  bool end_read_ = false;
  bool closing_ = false;
  bool flush_posted_ = false;
  bool breaks_ = false;  // goes with a reset, unless it is closed in order
};

// The door to a stream.
class SocketConnection final : public Connection {
 public:
  SocketConnection(std::shared_ptr<SocketStream> stream, FdWatcher& watcher)
      : stream_(std::move(stream)), watcher_(watcher) {}
  ~SocketConnection() override { stream_->abandon(); }

  void start(Events events) override { stream_->start(watcher_, std::move(events)); }
  void pause() override { stream_->pause(); }
  void resume() override { stream_->resume(); }
  void write(std::string bytes) override { stream_->write(std::move(bytes)); }
  std::size_t unsent() const override { return stream_->unsent(); }
  void close() override { stream_->close(); }
  std::unique_ptr<PassedFile> take_file() override { return stream_->take_file(); }
  const std::string& peer() const override { return stream_->peer(); }
  bool peer_gone() const override { return stream_->peer_gone(); }
  Sending sending() const override { return stream_->sending(); }
  void break_unless_closed() override { stream_->break_unless_closed(); }

 private:
  std::shared_ptr<SocketStream> stream_;
  FdWatcher& watcher_;
};

}  // namespace tidemark
