#include "platform/socket_datagrams.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

namespace tidemark {
namespace {

constexpr std::size_t kDatagrams = 16;       // at most a call
constexpr std::size_t kLargest = 64 * 1024;  // no UDP datagram is larger
constexpr std::size_t kControl = CMSG_SPACE(sizeof(std::uint32_t));

using Received = std::function<void(std::span<const std::string_view>)>;

class Datagrams : public std::enable_shared_from_this<Datagrams> {
 public:
  Datagrams(FdWatcher& watcher, int fd, Received received)
      : fd_(fd), received_(std::move(received)), buffer_(new char[kDatagrams * kLargest]) {
    watch_ = watcher.watch(fd_, {.readable = [this] { read(); }});
    for (std::size_t i = 0; i < kDatagrams; ++i) {
      parts_[i] = {buffer_.get() + i * kLargest, kLargest};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  ~Datagrams() { close(); }
  Datagrams(const Datagrams&) = delete;
  Datagrams& operator=(const Datagrams&) = delete;

  void want(bool reading) {
    if (watch_) watch_->want(reading, false);
  }
  std::uint64_t dropped() const { return dropped_; }
  int fd() const { return fd_; }
  void close() {
    watch_.reset();
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  void read() {
    for (std::size_t i = 0; i < kDatagrams; ++i) {
      messages_[i].msg_hdr.msg_control = controls_[i].data();
      messages_[i].msg_hdr.msg_controllen = controls_[i].size();
    }
    // An error is one of a datagram that we did not send: there is none, or it is transient.
    const int got = ::recvmmsg(fd_, messages_.data(), kDatagrams, MSG_DONTWAIT, nullptr);
    if (got <= 0) return;
    std::array<std::string_view, kDatagrams> datagrams;
    const auto count = static_cast<std::size_t>(got);
    for (std::size_t i = 0; i < count; ++i) {
      datagrams[i] = std::string_view(buffer_.get() + i * kLargest, messages_[i].msg_len);
      look_for_drops(messages_[i].msg_hdr);
    }
    const auto self = shared_from_this();  // the callback may destroy the socket
    received_(std::span(datagrams.data(), count));
  }

  // The kernel counts in 32 bits, from the socket's beginning.
  void look_for_drops(msghdr& header) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SO_RXQ_OVFL) continue;
      std::uint32_t told = 0;
      std::memcpy(&told, CMSG_DATA(part), sizeof told);
      dropped_ += static_cast<std::uint32_t>(told - last_told_);
      last_told_ = told;
    }
  }

  int fd_;
  Received received_;
  std::unique_ptr<char[]> buffer_;  // untouched pages of it cost nothing
  std::array<iovec, kDatagrams> parts_{};
  std::array<mmsghdr, kDatagrams> messages_{};
  struct Control {
    alignas(cmsghdr) std::array<char, kControl> bytes;
    char* data() { return bytes.data(); }
    std::size_t size() const { return bytes.size(); }
  };
  std::array<Control, kDatagrams> controls_{};
  std::unique_ptr<FdWatch> watch_;
  std::uint32_t last_told_ = 0;
  std::uint64_t dropped_ = 0;
};

class SocketDatagrams final : public DatagramSocket {
 public:
  SocketDatagrams(std::shared_ptr<Datagrams> datagrams, std::string address)
      : datagrams_(std::move(datagrams)), address_(std::move(address)) {
    datagrams_->want(true);
  }
  ~SocketDatagrams() override { datagrams_->close(); }

  void pause() override { datagrams_->want(false); }
  void resume() override { datagrams_->want(true); }
  std::string address() const override { return address_; }
  std::uint64_t dropped() const override { return datagrams_->dropped(); }
  // The kernel says twice what it gives: half is for its own accounts.
  std::uint64_t receive_buffer() const override {
    int size = 0;
    socklen_t length = sizeof size;
    if (::getsockopt(datagrams_->fd(), SOL_SOCKET, SO_RCVBUF, &size, &length) < 0) return 0;
    return static_cast<std::uint64_t>(size / 2);
  }

 private:
  std::shared_ptr<Datagrams> datagrams_;
  std::string address_;
};

}  // namespace

std::unique_ptr<DatagramSocket> make_datagram_socket(FdWatcher& watcher, int fd, std::string address,
                                                     std::uint64_t receive_buffer, Received received) {
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  if (receive_buffer > 0) {
    const int size = static_cast<int>(std::min<std::uint64_t>(
        receive_buffer, static_cast<std::uint64_t>(std::numeric_limits<int>::max()) / 2));
    // With the privilege beyond net.core.rmem_max, else as far as that allows.
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  return std::make_unique<SocketDatagrams>(std::make_shared<Datagrams>(watcher, fd, std::move(received)),
                                           std::move(address));
}

}  // namespace tidemark
