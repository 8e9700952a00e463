#include "platform/sd_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/format.h"

namespace tidemark {
namespace {

class SocketNotifier final : public ServiceNotifier {
 public:
  SocketNotifier(const std::string& path, std::optional<Duration> interval) : interval_(interval) {
    if (path.empty() || path.size() >= sizeof address_.sun_path) return;
    if (path.front() != '/' && path.front() != '@') return;
    address_.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address_.sun_path);
    if (path.front() == '@') address_.sun_path[0] = '\0';  // an abstract name
    length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  }
  ~SocketNotifier() override {
    if (fd_ >= 0) ::close(fd_);
  }
  SocketNotifier(const SocketNotifier&) = delete;
  SocketNotifier& operator=(const SocketNotifier&) = delete;

  void ready() override { owe("READY=1"); }
  void status(std::string_view text) override {
    std::string line = format("STATUS={}", text);
    std::replace(line.begin(), line.end(), '\n', ' ');
    send(line);
  }
  void stopping() override { owe("STOPPING=1"); }
  void watchdog() override { send("WATCHDOG=1"); }
  void extend_timeout(Duration by) override {
    send(format("EXTEND_TIMEOUT_USEC={}", std::chrono::duration_cast<std::chrono::microseconds>(by).count()));
  }
  bool owes() const override { return !owed_.empty(); }
  std::optional<Duration> watchdog_interval() const override { return interval_; }

 private:
  void owe(std::string line) {
    owed_.push_back(std::move(line));
    pay();
  }
  void send(std::string_view line) {
    if (pay()) static_cast<void>(took(line));
  }
  // False while something is still owed.
  bool pay() {
    while (!owed_.empty() && took(owed_.front())) owed_.erase(owed_.begin());
    return owed_.empty();
  }
  // False only when the queue is full: where nobody listens, nothing is owed.
  bool took(std::string_view line) const {
    if (fd_ < 0) return true;
    const void* address = &address_;
    const ssize_t sent = ::sendto(fd_, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                                  static_cast<const sockaddr*>(address), length_);
    return sent >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS);
  }

  sockaddr_un address_{};
  socklen_t length_ = 0;
  int fd_ = -1;
  std::optional<Duration> interval_;
  std::vector<std::string> owed_;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n <= 0) return std::nullopt;
  return n;
}

}  // namespace

std::unique_ptr<ServiceNotifier> make_service_notifier() {
  std::optional<Duration> interval;
  const auto microseconds = number(environment("WATCHDOG_USEC"));
  const std::string pid = environment("WATCHDOG_PID");
  const bool ours = pid.empty() || number(pid) == static_cast<std::int64_t>(::getpid());
  if (microseconds && ours) interval = std::chrono::microseconds(*microseconds);
  return std::make_unique<SocketNotifier>(environment("NOTIFY_SOCKET"), interval);
}

}  // namespace tidemark
