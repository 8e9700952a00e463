#include "platform/sd_notify.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/format.h"

namespace tidemark {
namespace {

// The service manager's end, in the abstract name space, and an environment that names it.
class ServiceManager {
 public:
  ServiceManager() : name_(format("tidemark-test-{}", ::getpid())) {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name_.data(), name_.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name_.size());
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), length) == 0);
    ::setenv("NOTIFY_SOCKET", ("@" + name_).c_str(), 1);
  }
  ~ServiceManager() {
    ::close(socket_);
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }
  // The next thing told; empty when nothing more was.
  std::string heard() {
    char message[4096];
    const ssize_t size = ::recv(socket_, message, sizeof message, 0);
    return size < 0 ? std::string() : std::string(message, static_cast<std::size_t>(size));
  }

 private:
  std::string name_;
  int socket_ = -1;
};

TEST_CASE("each notification is a datagram in sd_notify's words") {
  ServiceManager manager;
  const auto notifier = make_service_notifier();
  notifier->ready();
  CHECK(manager.heard() == "READY=1");
  notifier->status("running;\ntwo lines");
  CHECK(manager.heard() == "STATUS=running; two lines");
  notifier->watchdog();
  CHECK(manager.heard() == "WATCHDOG=1");
  notifier->extend_timeout(30s);
  CHECK(manager.heard() == "EXTEND_TIMEOUT_USEC=30000000");
  notifier->stopping();
  CHECK(manager.heard() == "STOPPING=1");
  CHECK(manager.heard().empty());
}

TEST_CASE("that it is ready is told again when there was no room for it, before anything else") {
  ServiceManager manager;
  const auto notifier = make_service_notifier();
  CHECK(!notifier->owes());
  for (int i = 0; i < 5000; ++i) notifier->watchdog();
  CHECK(!notifier->owes());  // it is repeated anyway
  notifier->ready();
  CHECK(notifier->owes());
  notifier->status("running");  // there is still no room
  while (manager.heard() == "WATCHDOG=1") {
  }
  notifier->status("running for a while");
  CHECK(!notifier->owes());
  CHECK(manager.heard() == "READY=1");
  CHECK(manager.heard() == "STATUS=running for a while");
  CHECK(manager.heard().empty());
}

TEST_CASE("the watchdog's interval is the service manager's, for this process only") {
  ServiceManager manager;
  CHECK(!make_service_notifier()->watchdog_interval());
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  CHECK(make_service_notifier()->watchdog_interval() == 3s);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  CHECK(make_service_notifier()->watchdog_interval() == 3s);
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK(!make_service_notifier()->watchdog_interval());
  ::unsetenv("WATCHDOG_PID");
  for (const char* nonsense : {"", "0", "-1", "3s", "99999999999999999999"}) {
    ::setenv("WATCHDOG_USEC", nonsense, 1);
    INFO(nonsense);
    CHECK(!make_service_notifier()->watchdog_interval());
  }
}

TEST_CASE("without a service manager nothing happens") {
  ::unsetenv("NOTIFY_SOCKET");
  const auto silent = make_service_notifier();
  silent->ready();
  CHECK(!silent->watchdog_interval());
  ServiceManager manager;
  for (const std::string& nonsense :
       {std::string("relative"), std::string("/"), "/" + std::string(200, 'x')}) {
    ::setenv("NOTIFY_SOCKET", nonsense.c_str(), 1);
    make_service_notifier()->ready();
    CHECK(manager.heard().empty());
  }
}

TEST_CASE("a service manager that has gone is no trouble") {
  std::unique_ptr<ServiceNotifier> notifier;
  {
    ServiceManager manager;
    notifier = make_service_notifier();
  }
  notifier->ready();
  CHECK(!notifier->owes());
  notifier->status("still here");
}

}  // namespace
}  // namespace tidemark
