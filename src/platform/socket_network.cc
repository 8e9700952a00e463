#include "platform/socket_network.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/format.h"
#include "platform/descriptors.h"
#include "platform/socket_address.h"
#include "platform/socket_connecting.h"
#include "platform/socket_datagrams.h"
#include "platform/socket_stream.h"

namespace tidemark {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr Duration kOutOfDescriptors = 100ms;  // wait before accepting again

using Accepted = std::function<void(std::unique_ptr<Connection>)>;

std::string name_of_socket(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  void* untyped = &address;
  if (::getsockname(fd, static_cast<sockaddr*>(untyped), &length) < 0) return "unknown";
  return numeric_address(as_sockaddr(address), length);
}

// A listening socket; its callbacks hold it while they run.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(Loop& loop, FdWatcher& watcher, std::shared_ptr<SocketStream::Shared> shared, int fd,
           std::string unix_path, Accepted accepted)
      : loop_(loop),
        watcher_(watcher),
        shared_(std::move(shared)),
        fd_(fd),
        unix_path_(std::move(unix_path)),
        accepted_(std::move(accepted)) {}
  ~Acceptor() { stop(); }

  void start() {
    watch_ = watcher_.watch(fd_, {.readable = [this] { accept_some(); }});
    watch_->want(true, false);
  }

  void stop() {
    if (fd_ < 0) return;
    watch_.reset();
    retry_.reset();
    ::close(fd_);
    fd_ = -1;
    if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
  }

  std::string address() const { return unix_path_.empty() ? name_of_socket(fd_) : unix_path_; }

 private:
  void accept_some() {
    const auto self = shared_from_this();  // a callback may destroy the listener
    for (int n = 0; n < kAcceptsPerTurn && fd_ >= 0; ++n) {
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      void* untyped = &from;
      const int fd = ::accept4(fd_, static_cast<sockaddr*>(untyped), &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        // Out of descriptors or memory: the peer waits in the queue until there are some.
        if (errno != EAGAIN && errno != EWOULDBLOCK) wait_a_little();
        return;
      }
      if (!leaves_descriptors(fd,
                              unix_path_.empty() ? kDescriptorsKeptFromNetwork : kDescriptorsKeptFromLocal)) {
        ::close(fd);
        return wait_a_little();
      }
      auto stream = std::make_shared<SocketStream>(
          loop_, shared_, fd,
          unix_path_.empty() ? SocketStream::Kind::socket : SocketStream::Kind::local_socket,
          prepare(fd, as_sockaddr(from), length));
      accepted_(std::make_unique<SocketConnection>(std::move(stream), watcher_));
    }
  }

  void wait_a_little() {
    watch_->want(false, false);
    retry_ = loop_.at(loop_.now() + kOutOfDescriptors, [this] { watch_->want(true, false); });
  }

  // Sets the options of an accepted socket; the peer's name.
  std::string prepare(int fd, const sockaddr* from, socklen_t length) const {
    if (unix_path_.empty()) {
      prepare_tcp(fd);
      return numeric_address(from, length);
    }
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return "a local process";
    return format("process {} of user {}", peer.pid, peer.uid);
  }

  Loop& loop_;
  FdWatcher& watcher_;
  std::shared_ptr<SocketStream::Shared> shared_;
  int fd_;
  std::string unix_path_;
  Accepted accepted_;
  std::unique_ptr<FdWatch> watch_;
  std::unique_ptr<Timer> retry_;
};

class SocketListener final : public Listener {
 public:
  explicit SocketListener(std::shared_ptr<Acceptor> acceptor) : acceptor_(std::move(acceptor)) {}
  ~SocketListener() override { acceptor_->stop(); }
  std::string address() const override { return acceptor_->address(); }

 private:
  std::shared_ptr<Acceptor> acceptor_;
};

std::unexpected<Error> cannot_listen(const std::string& address, int number) {
  std::string_view advice;
  if (number == EADDRINUSE) advice = "; another program (or another listener here) has it";
  if (number == EACCES) advice = "; ports below 1024 need a privilege (CAP_NET_BIND_SERVICE)";
  if (number == EADDRNOTAVAIL) advice = "; no interface of this machine has that address";
  return fail(format("listen on {}: {}{}", address, std::strerror(number), advice));
}

// A listening socket on this address, or -1 and errno.
int listening_socket(const addrinfo& at) {
  const bool stream = at.ai_socktype == SOCK_STREAM;
  const int fd = ::socket(at.ai_family, at.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at.ai_protocol);
  if (fd < 0) return -1;
  const int on = 1;
  const int off = 0;
  if (stream) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at.ai_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd, at.ai_addr, at.ai_addrlen) == 0 && (!stream || ::listen(fd, SOMAXCONN) == 0)) return fd;
  const int number = errno;
  ::close(fd);
  errno = number;
  return -1;
}

class SocketNetwork final : public Network {
 public:
  SocketNetwork(Loop& loop, FdWatcher& watcher)
      : loop_(loop),
        watcher_(watcher),
        shared_(std::make_shared<SocketStream::Shared>()),
        mailbox_(std::make_shared<Mailbox>(loop)) {}
  ~SocketNetwork() override {
    mailbox_->close();
    shared_->network_gone = true;
    const auto lingering = std::move(shared_->lingering);
    shared_->lingering.clear();
  }

  Result<std::unique_ptr<Listener>> listen_tcp(const std::string& address, Accepted accepted) override {
    Result<int> fd = socket_on(address, SOCK_STREAM);
    if (!fd) return pass_on(fd);
    return listen_on(*fd, {}, std::move(accepted));
  }

  Result<std::unique_ptr<DatagramSocket>> listen_udp(
      const std::string& address, std::uint64_t receive_buffer,
      std::function<void(std::span<const std::string_view>)> received) override {
    Result<int> fd = socket_on(address, SOCK_DGRAM);
    if (!fd) return pass_on(fd);
    return make_datagram_socket(watcher_, *fd, name_of_socket(*fd), receive_buffer, std::move(received));
  }

  Result<std::unique_ptr<Listener>> listen_unix(const std::string& path, unsigned mode,
                                                Accepted accepted) override {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
      return fail(
          format("listen on {}: a socket's path has 1 to {} bytes", path, sizeof address.sun_path - 1),
          Error::Kind::usage);
    std::copy(path.begin(), path.end(), address.sun_path);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return cannot_listen(path, errno);
    remove_stale(address);
    ::fchmod(fd, mode);  // so that it is never wider than asked; the umask narrows it until chmod
    const bool ready = ::bind(fd, as_sockaddr(address), sizeof address) == 0 &&
                       ::chmod(path.c_str(), mode) == 0 && ::listen(fd, SOMAXCONN) == 0;
    if (ready) return listen_on(fd, path, std::move(accepted));
    const int number = errno;
    ::close(fd);
    return cannot_listen(path, number);
  }

  std::unique_ptr<Connecting> connect_tcp(const std::string& address, Connected done) override {
    return start_connecting({.loop = loop_, .watcher = watcher_, .shared = shared_, .mailbox = mailbox_},
                            address, std::move(done));
  }

  Result<std::unique_ptr<Connection>> standard_input() override {
    if (::fcntl(STDIN_FILENO, F_GETFD) < 0) return fail("standard input is closed");
    auto stream = std::make_shared<SocketStream>(loop_, shared_, STDIN_FILENO,
                                                 SocketStream::Kind::standard_input, "standard input");
    return std::make_unique<SocketConnection>(std::move(stream), watcher_);
  }

 private:
  // A socket bound to the address, and listening where it is a stream.
  static Result<int> socket_on(const std::string& address, int kind) {
    const std::optional<HostAndPort> parts = split_address(address);
    if (!parts)
      return fail(format("listen on {}: an address is host:port, [::1]:port or :port", address),
                  Error::Kind::usage);
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = kind;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const char* host = parts->host.empty() ? nullptr : parts->host.c_str();
    if (const int error = ::getaddrinfo(host, parts->port.c_str(), &hints, &found); error != 0)
      return fail(format("listen on {}: {}", address, ::gai_strerror(error)));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &::freeaddrinfo);

    std::vector<const addrinfo*> candidates;
    for (const addrinfo* at = found; at; at = at->ai_next) candidates.push_back(at);
    // An IPv6 socket on every address takes IPv4 as well.
    if (!host)
      std::stable_partition(candidates.begin(), candidates.end(),
                            [](const addrinfo* at) { return at->ai_family == AF_INET6; });
    int number = EADDRNOTAVAIL;
    for (const addrinfo* at : candidates) {
      const int fd = listening_socket(*at);
      if (fd >= 0) return fd;
      number = errno;
      if (number == EADDRINUSE) break;  // not half of a name's addresses
    }
    return cannot_listen(address, number);
  }

  std::unique_ptr<Listener> listen_on(int fd, const std::string& unix_path, Accepted accepted) {
    auto acceptor = std::make_shared<Acceptor>(loop_, watcher_, shared_, fd, unix_path, std::move(accepted));
    acceptor->start();
    return std::make_unique<SocketListener>(std::move(acceptor));
  }

  // A socket file that nobody listens on was left by a crash.
  static void remove_stale(const sockaddr_un& address) {
    struct stat s;
    if (::lstat(address.sun_path, &s) < 0 || !S_ISSOCK(s.st_mode)) return;
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) return;
    const bool stale = ::connect(probe, as_sockaddr(address), sizeof address) < 0 && errno == ECONNREFUSED;
    ::close(probe);
    if (stale) ::unlink(address.sun_path);
  }

  Loop& loop_;
  FdWatcher& watcher_;
  std::shared_ptr<SocketStream::Shared> shared_;
  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace

std::unique_ptr<Network> make_socket_network(Loop& loop, FdWatcher& watcher) {
  return std::make_unique<SocketNetwork>(loop, watcher);
}

}  // namespace tidemark
