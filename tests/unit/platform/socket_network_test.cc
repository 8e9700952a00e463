// Real sockets on the loopback, through the door. The test's own ends are plain blocking sockets or a second
// connection of the network.
#include "platform/socket_network.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "loop_harness.h"

using namespace tidemark;

namespace {

// A client end, non-blocking, driven by the test between turns of the loop.
class Client {
 public:
  explicit Client(const std::string& address) {
    if (address.starts_with('/')) {
      sockaddr_un to{};
      to.sun_family = AF_UNIX;
      std::copy(address.begin(), address.end(), to.sun_path);
      connect_to(AF_UNIX, &to, sizeof to);
    } else {
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
      connect_to(AF_INET, &to, sizeof to);
    }
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  // As many of the bytes as the kernel takes now.
  std::size_t send(std::string_view bytes) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  // What has arrived so far; `ended` at the end of the stream.
  const std::string& received() {
    char part[65536];
    for (;;) {
      const ssize_t n = ::recv(fd_, part, sizeof part, MSG_DONTWAIT);
      if (n == 0) ended = true;
      if (n < 0 && errno == ECONNRESET) failed = true;
      if (n <= 0) return received_;
      received_.append(part, static_cast<std::size_t>(n));
    }
  }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  void reset() {
    const linger none{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  bool ended = false;
  bool failed = false;  // by a reset

 private:
  void connect_to(int family, const void* to, socklen_t size) {
    fd_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connected_ = ::connect(fd_, static_cast<const sockaddr*>(to), size) == 0;
  }
  int fd_ = -1;
  bool connected_ = false;
  std::string received_;
};

// A server that keeps its connections and what they said.
struct Server {
  RealLoop real;
  std::unique_ptr<Network> network = make_socket_network(real.loop, real.loop);
  std::unique_ptr<Listener> listener;
  std::vector<std::unique_ptr<Connection>> connections;
  std::string said;
  std::vector<std::string> ends;
  int drained = 0;

  explicit Server(const std::string& address = "127.0.0.1:0") {
    auto listening = address.starts_with('/')
                         ? network->listen_unix(address, 0660, [this](auto c) { take(std::move(c)); })
                         : network->listen_tcp(address, [this](auto c) { take(std::move(c)); });
    if (!listening) FAIL(listening.error().message);
    listener = std::move(*listening);
  }
  void take(std::unique_ptr<Connection> connection) {
    connection->start({.data = [this](std::string_view bytes) { said += bytes; },
                       .closed = [this](std::string reason) { ends.push_back(std::move(reason)); },
                       .drained = [this] { ++drained; }});
    connections.push_back(std::move(connection));
  }
  bool until(const std::function<bool()>& holds) { return real.run_until(holds); }
};

struct TemporaryFolder {
  std::string path = (std::filesystem::temp_directory_path() / "tidemark-net-XXXXXX").string();
  TemporaryFolder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("a tcp peer is heard, answered, and its end noticed") {
  Server server;
  Client client(server.listener->address());
  REQUIRE(client.connected());
  client.send("hello");
  CHECK(server.until([&] { return server.said == "hello"; }));
  CHECK(server.connections[0]->peer().starts_with("127.0.0.1:"));
  server.connections[0]->write("wor");
  server.connections[0]->write("ld");
  CHECK(server.connections[0]->unsent() == 5);
  CHECK(server.until([&] { return client.received() == "world" && server.drained == 1; }));
  CHECK(server.connections[0]->unsent() == 0);
  client.close();
  CHECK(server.until([&] { return server.ends.size() == 1; }));
  CHECK(server.ends[0].empty());
}

TEST_CASE("what is written is unconfirmed until the peer's system has it, and a broken connection says so") {
  Server server;
  Client client(server.listener->address());
  CHECK(server.until([&] { return server.connections.size() == 1; }));
  Connection& connection = *server.connections[0];
  CHECK(connection.sending().unconfirmed == 0);
  CHECK_FALSE(connection.sending().broken);
  connection.write("hello");
  CHECK(connection.sending().unconfirmed == 5);
  CHECK(server.until([&] { return connection.sending().unconfirmed == 0; }));
  CHECK(client.received() == "hello");
  // More than both systems have room for, to a peer that does not read.
  const std::size_t much = 64u << 20;
  connection.write(std::string(much, 'x'));
  CHECK(server.until([&] { return connection.unsent() > 0 && connection.unsent() < much; }));
  const std::size_t unconfirmed = connection.sending().unconfirmed;
  CHECK(unconfirmed >= connection.unsent());
  CHECK(unconfirmed < much);
  CHECK(connection.sending().silent < 1min);
  client.reset();
  CHECK(server.until([&] { return connection.sending().broken; }));
}

TEST_CASE(
    "a peer that has ended its side is no broken connection, one that is gone is found out by writing") {
  Server server;
  Client client(server.listener->address());
  client.half_close();
  CHECK(server.until([&] { return server.ends.size() == 1; }));
  CHECK_FALSE(server.connections[0]->sending().broken);
  client.close();
  server.connections[0]->write("hello");
  CHECK(server.until([&] { return server.connections[0]->sending().broken; }));
}

TEST_CASE("a connection that shall break unless it is closed ends by a reset, or in order") {
  for (const bool close : {false, true}) {
    CAPTURE(close);
    Server server;
    Client client(server.listener->address());
    CHECK(server.until([&] { return server.connections.size() == 1; }));
    server.connections[0]->break_unless_closed();
    server.connections[0]->write("half a li");
    CHECK(server.until([&] { return client.received() == "half a li"; }));
    if (close) server.connections[0]->close();
    server.connections.clear();
    CHECK(server.until([&] { return client.received(), client.ended || client.failed; }));
    CHECK(client.ended == close);
  }
}

TEST_CASE("a peer that has sent all it had is still answered") {
  Server server;
  Client client(server.listener->address());
  client.send("all");
  client.half_close();
  CHECK(server.until([&] { return server.ends.size() == 1; }));
  server.connections[0]->write("taken");
  server.connections[0]->close();
  CHECK(server.until([&] { return client.received() == "taken" && client.ended; }));
}

TEST_CASE("a connection that breaks says why, once") {
  Server server;
  Client client(server.listener->address());
  client.send("x");
  CHECK(server.until([&] { return server.said == "x"; }));
  client.reset();
  CHECK(server.until([&] { return server.ends.size() == 1; }));
  CHECK(server.ends[0] == "Connection reset by peer");
  server.connections[0]->write("y");
  int turns = 0;
  CHECK(server.until([&] { return ++turns > 5; }));
  CHECK(server.ends.size() == 1);
  CHECK(server.connections[0]->unsent() == 0);
}

TEST_CASE("a paused connection slows its peer and loses nothing") {
  Server server;
  Client client(server.listener->address());
  CHECK(server.until([&] { return server.connections.size() == 1; }));
  server.connections[0]->pause();
  const std::string part(100'000, 'x');
  std::size_t sent = 0;
  int refused = 0;
  CHECK(server.until([&] {
    const std::size_t n = client.send(part);
    sent += n;
    refused = n == 0 ? refused + 1 : 0;
    return refused > 20;
  }));
  CHECK(server.said.empty());
  server.connections[0]->resume();
  CHECK(server.until([&] { return server.said.size() == sent; }));
}

TEST_CASE("what a peer does not read is unsent, and gone when it reads") {
  Server server;
  Client client(server.listener->address());
  CHECK(server.until([&] { return server.connections.size() == 1; }));
  const std::string much(20'000'000, 'y');
  server.connections[0]->write(much);
  int turns = 0;
  CHECK(server.until([&] { return ++turns > 20; }));
  CHECK(server.connections[0]->unsent() > 0);
  CHECK(server.drained == 0);
  CHECK(server.until([&] { return client.received().size() == much.size() && server.drained == 1; }));
}

TEST_CASE("a closed connection sends what it has, also when destroyed at once") {
  Server server;
  Client client(server.listener->address());
  CHECK(server.until([&] { return server.connections.size() == 1; }));
  const std::string much(5'000'000, 'z');
  server.connections[0]->write(much);
  server.connections[0]->close();
  server.connections.clear();
  CHECK(server.until([&] {
    client.received();
    return client.ended;
  }));
  CHECK(client.received().size() == much.size());
  CHECK(server.ends.empty());
}

TEST_CASE("a destroyed connection ends at once and calls back no more, also from its own callback") {
  Server server;
  std::unique_ptr<Connection> own;
  int calls = 0;
  auto listener = server.network->listen_tcp("127.0.0.1:0", [&](std::unique_ptr<Connection> connection) {
    own = std::move(connection);
    own->start({.data =
                    [&](std::string_view) {
                      ++calls;
                      own.reset();
                    },
                .closed = [&](std::string) { ++calls; }});
  });
  REQUIRE(listener);
  Client client((*listener)->address());
  client.send("x");
  CHECK(server.until([&] {
    client.received();
    return client.ended;
  }));
  CHECK(calls == 1);
}

TEST_CASE("a listener may be destroyed by what it accepts, and then takes nobody") {
  Server server;
  std::unique_ptr<Listener> own;
  bool accepted = false;
  auto listener = server.network->listen_tcp("127.0.0.1:0", [&](std::unique_ptr<Connection>) {
    accepted = true;
    own.reset();
  });
  REQUIRE(listener);
  own = std::move(*listener);
  const std::string address = own->address();
  Client client(address);
  CHECK(server.until([&] { return accepted; }));
  CHECK_FALSE(Client(address).connected());
}

TEST_CASE("an address that cannot be listened on is an error that says why") {
  Server server;
  const std::string taken = server.listener->address();
  const auto again = server.network->listen_tcp(taken, [](auto) {});
  REQUIRE_FALSE(again);
  CHECK(again.error().message ==
        "listen on " + taken + ": Address already in use; another program (or another listener here) has it");
  CHECK_FALSE(server.network->listen_tcp("127.0.0.1", [](auto) {}));
  CHECK_FALSE(server.network->listen_tcp("127.0.0.1:", [](auto) {}));
  CHECK_FALSE(server.network->listen_tcp("192.0.2.1:0", [](auto) {}));
  CHECK(server.network->listen_tcp(":0", [](auto) {}));
}

TEST_CASE("a unix socket has its mode, outlives a crash's leftovers and goes with its listener") {
  const TemporaryFolder folder;
  const std::string path = folder.path + "/s";
  {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), at.sun_path);
    const void* untyped = &at;
    const int stale = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(stale, static_cast<const sockaddr*>(untyped), sizeof at) == 0);
    ::close(stale);
  }
  {
    Server server(path);
    struct stat s;
    REQUIRE(::stat(path.c_str(), &s) == 0);
    CHECK((s.st_mode & 0777) == 0660);
    CHECK_FALSE(server.network->listen_unix(path, 0600, [](auto) {}));
    Client client(path);
    client.send("hi");
    CHECK(server.until([&] { return server.said == "hi"; }));
    CHECK(server.connections[0]->peer().find(std::to_string(::getpid())) != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("standard input is read to its end, be it a pipe or a file, and left as it was") {
  RealLoop real;
  const auto network = make_socket_network(real.loop, real.loop);
  const TemporaryFolder folder;
  const int before = ::dup(STDIN_FILENO);
  for (const bool pipe : {true, false}) {
    CAPTURE(pipe);
    int source = -1;
    if (pipe) {
      int ends[2];
      REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
      REQUIRE(::write(ends[1], "one\ntwo\n", 8) == 8);
      ::close(ends[1]);
      source = ends[0];
    } else {
      source = ::open((folder.path + "/in").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      REQUIRE(::pwrite(source, "one\ntwo\n", 8, 0) == 8);
    }
    REQUIRE(::dup2(source, STDIN_FILENO) == STDIN_FILENO);
    ::close(source);
    std::string said;
    int ends = 0;
    {
      auto input = network->standard_input();
      REQUIRE(input);
      (*input)->start(
          {.data = [&](std::string_view bytes) { said += bytes; }, .closed = [&](std::string) { ++ends; }});
      CHECK(real.run_until([&] { return ends == 1; }));
    }
    CHECK(said == "one\ntwo\n");
    CHECK((::fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK) == 0);
  }
  if (before >= 0) {
    ::dup2(before, STDIN_FILENO);
    ::close(before);
  }
}

namespace {

// What a connect_tcp came to.
struct Outcome {
  std::unique_ptr<Connecting> attempt;
  std::unique_ptr<Connection> connection;
  std::string error;
  bool done = false;

  void go(Network& network, const std::string& address) {
    attempt = network.connect_tcp(address, [this](Result<std::unique_ptr<Connection>> result) {
      done = true;
      if (result)
        connection = std::move(*result);
      else
        error = result.error().message;
    });
  }
};

// A sender of datagrams.
class Sender {
 public:
  explicit Sender(const std::string& address) {
    fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    to_.sin_family = AF_INET;
    to_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to_.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  }
  ~Sender() { ::close(fd_); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  bool send(std::string_view bytes) {
    const void* to = &to_;
    return ::sendto(fd_, bytes.data(), bytes.size(), 0, static_cast<const sockaddr*>(to), sizeof to_) >= 0;
  }

 private:
  int fd_ = -1;
  sockaddr_in to_{};
};

}  // namespace

TEST_CASE("connecting resolves a name, and both ends talk") {
  Server server;
  const std::string address = server.listener->address();
  for (const std::string host : {"localhost", "127.0.0.1"}) {
    CAPTURE(host);
    server.said.clear();
    Outcome outcome;
    outcome.go(*server.network, host + address.substr(address.rfind(':')));
    CHECK_FALSE(outcome.done);  // never before the loop runs
    REQUIRE(server.until([&] { return outcome.done; }));
    REQUIRE(outcome.connection);
    CHECK(outcome.connection->peer() == address);
    std::string heard;
    outcome.connection->start({.data = [&](std::string_view bytes) { heard += bytes; }});
    outcome.connection->write("hello");
    CHECK(server.until([&] { return server.said == "hello"; }));
    server.connections.back()->write("yes");
    CHECK(server.until([&] { return heard == "yes"; }));
  }
}

TEST_CASE("connecting over IPv6") {
  RealLoop real;
  const auto network = make_socket_network(real.loop, real.loop);
  auto listener = network->listen_tcp("[::1]:0", [](auto) {});
  if (!listener) return;  // a machine without IPv6
  Outcome outcome;
  outcome.go(*network, (*listener)->address());
  REQUIRE(real.run_until([&] { return outcome.done; }));
  CHECK(outcome.connection);
}

TEST_CASE("connecting to nobody, to no name and to no address says why") {
  RealLoop real;
  const auto network = make_socket_network(real.loop, real.loop);
  std::string free;
  {
    auto listener = network->listen_tcp("127.0.0.1:0", [](auto) {});
    REQUIRE(listener);
    free = (*listener)->address();
  }
  for (const std::string& address : {free, std::string("no-such-name.invalid:1"), std::string("scale")}) {
    CAPTURE(address);
    Outcome outcome;
    outcome.go(*network, address);
    REQUIRE(real.run_until([&] { return outcome.done; }));
    CHECK_FALSE(outcome.connection);
    CHECK(outcome.error.starts_with("connect to " + address + ": "));
  }
}

TEST_CASE("an attempt to connect that is given up calls back no more") {
  RealLoop real;
  const auto network = make_socket_network(real.loop, real.loop);
  auto listener = network->listen_tcp("127.0.0.1:0", [](auto) {});
  REQUIRE(listener);
  Outcome given_up, other;
  given_up.go(*network, (*listener)->address());
  other.go(*network, (*listener)->address());
  given_up.attempt.reset();
  REQUIRE(real.run_until([&] { return other.done; }));
  CHECK_FALSE(given_up.done);
}

TEST_CASE("datagrams come whole and in order, the largest included, and not while paused") {
  RealLoop real;
  const auto network = make_socket_network(real.loop, real.loop);
  std::vector<std::string> got;
  auto socket = network->listen_udp("127.0.0.1:0", 1 << 20, [&](std::span<const std::string_view> datagrams) {
    got.insert(got.end(), datagrams.begin(), datagrams.end());
  });
  REQUIRE(socket);
  CHECK((*socket)->receive_buffer() > 0);
  Sender sender((*socket)->address());
  const std::string large(65'507, 'x');
  REQUIRE(sender.send("one\n"));
  REQUIRE(sender.send(""));
  REQUIRE(sender.send(large));
  REQUIRE(real.run_until([&] { return got.size() == 3; }));
  CHECK(got == std::vector<std::string>{"one\n", "", large});
  (*socket)->pause();
  REQUIRE(sender.send("later"));
  bool turned = false;
  const auto turn = real.loop.at(real.loop.now() + 20ms, [&] { turned = true; });
  REQUIRE(real.run_until([&] { return turned; }));
  CHECK(got.size() == 3);
  (*socket)->resume();
  REQUIRE(real.run_until([&] { return got.size() == 4; }));
}

TEST_CASE("datagrams that the kernel has no room for are counted") {
  RealLoop real;
  const auto network = make_socket_network(real.loop, real.loop);
  std::uint64_t got = 0;
  auto socket = network->listen_udp(
      "127.0.0.1:0", 4096, [&](std::span<const std::string_view> datagrams) { got += datagrams.size(); });
  REQUIRE(socket);
  Sender sender((*socket)->address());
  std::uint64_t sent = 0;
  for (; sent < 1000; ++sent) REQUIRE(sender.send(std::string(1000, 'x')));
  REQUIRE(real.run_until([&] { return got > 0; }));
  // The count comes with a datagram that found room after those that did not.
  REQUIRE(real.run_until([&] {
    if ((*socket)->dropped() > 0) return true;
    sent += sender.send("x") ? 1 : 0;
    return false;
  }));
  CHECK(got + (*socket)->dropped() <= sent);
  CHECK((*socket)->dropped() > 100);
}

TEST_CASE("two datagram sockets cannot have one address") {
  RealLoop real;
  const auto network = make_socket_network(real.loop, real.loop);
  auto first = network->listen_udp("127.0.0.1:0", 0, [](auto) {});
  REQUIRE(first);
  const auto second = network->listen_udp((*first)->address(), 0, [](auto) {});
  REQUIRE_FALSE(second);
  CHECK(second.error().message.find("another program") != std::string::npos);
}
