#include "platform/socket_connecting.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "base/format.h"
#include "platform/socket_address.h"

namespace tidemark {
namespace {

constexpr Duration kPatience = 10s;  // with one address

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

Result<std::vector<Address>> resolve(const std::string& text) {
  const std::optional<HostAndPort> parts = split_address(text);
  if (!parts || parts->host.empty())
    return fail("an address to connect to is host:port or [::1]:port", Error::Kind::usage);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(parts->host.c_str(), parts->port.c_str(), &hints, &found); error != 0)
    return fail(error == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &::freeaddrinfo);
  std::vector<Address> addresses;
  for (const addrinfo* at = found; at; at = at->ai_next) {
    if (at->ai_addrlen > sizeof(sockaddr_storage)) continue;
    Address address;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.length = at->ai_addrlen;
    addresses.push_back(address);
  }
  if (addresses.empty()) return fail("the name has no address");
  return addresses;
}

// Lives while it is resolved, tried, or held by the Connecting that the caller has.
class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(ConnectingDoors doors, std::string address, Network::Connected done)
      : doors_(std::move(doors)), address_(std::move(address)), done_(std::move(done)) {}
  ~Attempt() { give_up(); }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  void start() {
    // The thread knows nothing of this object, which belongs to the loop.
    auto resolved = [weak = weak_from_this()](Result<std::vector<Address>> addresses) {
      if (const auto self = weak.lock()) self->resolved(std::move(addresses));
    };
    Status started = run_detached("resolve", [mailbox = doors_.mailbox, address = address_, resolved] {
      mailbox->post([addresses = resolve(address), resolved] { resolved(addresses); });
    });
    if (!started)
      doors_.mailbox->post([error = started.error(), resolved] { resolved(std::unexpected(error)); });
  }

  void give_up() {
    done_ = nullptr;
    drop_socket();
  }

 private:
  void resolved(Result<std::vector<Address>> addresses) {
    if (!done_) return;
    if (!addresses) return finish(pass_on(addresses, format("connect to {}", address_)));
    addresses_ = std::move(*addresses);
    try_next();
  }

  void try_next() {
    for (;;) {
      drop_socket();
      if (next_ == addresses_.size())
        return finish(fail(format("connect to {}: {}", address_, std::strerror(last_error_))));
      const Address& to = addresses_[next_++];
      fd_ = ::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      if (fd_ < 0) {
        last_error_ = errno;
        continue;
      }
      if (::connect(fd_, as_sockaddr(to.storage), to.length) == 0 || errno == EINPROGRESS) break;
      last_error_ = errno;
    }
    watch_ = doors_.watcher.watch(fd_, {.writable = [this] { writable(); }});
    watch_->want(false, true);
    patience_ = doors_.loop.at(doors_.loop.now() + kPatience, [this] {
      last_error_ = ETIMEDOUT;
      const auto self = shared_from_this();
      try_next();
    });
  }

  void writable() {
    const auto self = shared_from_this();
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
    if (error != 0) {
      last_error_ = error;
      return try_next();
    }
    watch_.reset();
    patience_.reset();
    prepare_tcp(fd_);
    const Address& to = addresses_[next_ - 1];
    auto stream = std::make_shared<SocketStream>(doors_.loop, doors_.shared, std::exchange(fd_, -1),
                                                 SocketStream::Kind::socket,
                                                 numeric_address(as_sockaddr(to.storage), to.length));
    finish(std::make_unique<SocketConnection>(std::move(stream), doors_.watcher));
  }

  void finish(Result<std::unique_ptr<Connection>> result) {
    const auto self = shared_from_this();
    drop_socket();
    if (const Network::Connected done = std::exchange(done_, nullptr)) done(std::move(result));
  }

  void drop_socket() {
    watch_.reset();
    patience_.reset();
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  ConnectingDoors doors_;
  std::string address_;
  Network::Connected done_;
  std::vector<Address> addresses_;
  std::size_t next_ = 0;
  int last_error_ = EADDRNOTAVAIL;
  int fd_ = -1;
  std::unique_ptr<FdWatch> watch_;
  std::unique_ptr<Timer> patience_;
};

class HeldAttempt final : public Connecting {
 public:
  explicit HeldAttempt(std::shared_ptr<Attempt> attempt) : attempt_(std::move(attempt)) {}
  ~HeldAttempt() override { attempt_->give_up(); }

 private:
  std::shared_ptr<Attempt> attempt_;
};

}  // namespace

std::unique_ptr<Connecting> start_connecting(ConnectingDoors doors, const std::string& address,
                                             Network::Connected done) {
  auto attempt = std::make_shared<Attempt>(std::move(doors), address, std::move(done));
  attempt->start();
  return std::make_unique<HeldAttempt>(std::move(attempt));
}

}  // namespace tidemark
