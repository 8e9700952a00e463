#include "platform/socket_stream.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace tidemark {
namespace {

constexpr Duration kLinger = 5s;

}  // namespace

SocketStream::SocketStream(Loop& loop, std::shared_ptr<Shared> shared, int fd, Kind kind, std::string peer)
    : loop_(loop), shared_(std::move(shared)), fd_(fd), kind_(kind), peer_(std::move(peer)) {
  if (kind_ == Kind::standard_input) flags_before_ = ::fcntl(fd_, F_GETFL);
}

SocketStream::~SocketStream() {
  shut();
}

void SocketStream::start(FdWatcher& watcher, Connection::Events events) {
  events_ = std::move(events);
  watch_ = watcher.watch(fd_, {.readable = [this] { read(); }, .writable = [this] { flush(); }});
  reading_ = true;
  want();
}

void SocketStream::want() {
  if (watch_) watch_->want(reading_ && !end_read_ && !closing_, unsent() > 0 && !flush_posted_);
}

void SocketStream::pause() {
  reading_ = false;
  want();
}

void SocketStream::resume() {
  reading_ = true;
  want();
}

// Bytes, and a file that may come with them. Of several the last one is kept, the others are closed.
long SocketStream::receive(std::string& buffer, std::size_t most) {
  constexpr std::size_t kMostFiles = 8;
  alignas(cmsghdr) char control[CMSG_SPACE(kMostFiles * sizeof(int))];
  iovec piece{.iov_base = buffer.data(), .iov_len = most};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(fd_, &message, MSG_CMSG_CLOEXEC);
  if (got < 0) return got;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t files = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < files; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(part) + i * sizeof(int), sizeof descriptor);
      file_ = std::make_unique<PassedFile>(descriptor);
    }
  }
  return got;
}

void SocketStream::read() {
  const auto self = shared_from_this();  // the callbacks may destroy the connection
  const auto shared = shared_;
  std::string& buffer = shared->buffer;
  const std::size_t most = std::min(buffer.size(), shared->pace.size());
  ssize_t got = 0;
  do {
    got = kind_ == Kind::local_socket ? receive(buffer, most) : ::read(fd_, buffer.data(), most);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    const MonotonicTime begun = loop_.now();
    if (events_.data) events_.data(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
    if (const Duration took = self->loop_.now() - begun;
        took > kLoopSlice || static_cast<std::size_t>(got) == most)
      shared->pace.took(took);
    return;
  }
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  ended(got == 0 ? std::string() : std::strerror(errno));
}

void SocketStream::ended(const std::string& reason) {
  if (closing_) return shut();
  const bool first = !std::exchange(end_read_, true);
  if (!reason.empty()) {
    // Nothing can be sent any more, and nobody should wait for it.
    out_.clear();
    sent_ = 0;
  }
  want();
  if (first) {
    if (events_.closed) events_.closed(reason);
  } else if (!reason.empty() && events_.drained) {
    events_.drained();
  }
}

void SocketStream::write(std::string bytes) {
  if (closing_ || fd_ < 0 || bytes.empty() || kind_ == Kind::standard_input) return;
  if (out_.empty())
    out_ = std::move(bytes);
  else
    out_ += bytes;
  if (flush_posted_) return;
  // Sent from the loop, so that what is written in one callback leaves in one piece.
  flush_posted_ = true;
  loop_.post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->flush_posted_ = false;
    self->flush();
  });
}

void SocketStream::flush() {
  const auto self = shared_from_this();
  if (fd_ < 0 || unsent() == 0) return want();
  while (unsent() > 0) {
    const ssize_t sent = ::send(fd_, out_.data() + sent_, unsent(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (sent < 0) return ended(std::strerror(errno));
    sent_ += static_cast<std::size_t>(sent);
  }
  if (unsent() > 0) {
    if (sent_ > out_.size() / 2) out_.erase(0, std::exchange(sent_, 0));
    return want();
  }
  out_.clear();
  sent_ = 0;
  if (closing_) return shut();
  want();
  if (events_.drained) events_.drained();
}

bool SocketStream::peer_gone() const {
  if (fd_ < 0) return true;
  pollfd asked{.fd = fd_, .events = POLLRDHUP, .revents = 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

// The kernel is asked in this order: a connection that breaks in between is seen to be broken.
Connection::Sending SocketStream::sending() const {
  Connection::Sending state;
  if (fd_ < 0) return {.unconfirmed = 0, .broken = true, .silent = {}};
  int queued = 0;
  if (::ioctl(fd_, SIOCOUTQ, &queued) < 0) queued = 0;
  state.unconfirmed = unsent() + static_cast<std::size_t>(queued);
  pollfd asked{.fd = fd_, .events = 0, .revents = 0};
  state.broken = ::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLERR | POLLHUP)) != 0;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
    state.silent = std::chrono::milliseconds(std::min(info.tcpi_last_ack_recv, info.tcpi_last_data_recv));
  return state;
}

void SocketStream::break_unless_closed() {
  if (fd_ < 0) return;
  breaks_ = true;
  linger(true);
}

// A socket that lingers for no time at all is closed with a reset, whoever closes it.
void SocketStream::linger(bool breaks) {
  struct linger how {};
  how.l_onoff = breaks ? 1 : 0;
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &how, sizeof how);
}

void SocketStream::close() {
  if (closing_) return;
  closing_ = true;
  if (breaks_ && fd_ >= 0) linger(false);
  if (unsent() == 0 || !watch_ || shared_->network_gone) return shut();
  want();
  shared_->lingering.insert(shared_from_this());
  linger_ = loop_.at(loop_.now() + kLinger, [this] { shut(); });
}

void SocketStream::abandon() {
  if (!closing_) shut();
}

void SocketStream::shut() {
  if (fd_ < 0) return;
  closing_ = true;
  watch_.reset();
  linger_.reset();
  if (kind_ == Kind::standard_input) {
    if (flags_before_ >= 0 && (flags_before_ & O_NONBLOCK) == 0) ::fcntl(fd_, F_SETFL, flags_before_);
  } else {
    ::close(fd_);
  }
  fd_ = -1;
  out_.clear();
  sent_ = 0;
  // May destroy this: last.
  const auto it = weak_from_this().expired() ? shared_->lingering.end()
                                             : shared_->lingering.find(weak_from_this().lock());
  if (it == shared_->lingering.end()) return;
  const auto self = *it;
  shared_->lingering.erase(it);
}

}  // namespace tidemark
