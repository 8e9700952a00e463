#include "app/control_client.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "app/control_socket.h"

namespace tidemark {
namespace {

// The far end of one connection, on a thread: reads the request line, sends `answer`, closes.
class FarEnd {
 public:
  explicit FarEnd(std::string path, std::string answer, bool keep_open = false) : path_(std::move(path)) {
    const Result<SocketName> name = SocketName::make(path_);
    REQUIRE(name.has_value());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name->text().data(), name->text().size());
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 4) == 0);
    thread_ = std::thread([this, answer = std::move(answer), keep_open] {
      const int peer = ::accept(listener_, nullptr, nullptr);
      char byte = 0;
      while (::recv(peer, &byte, 1, 0) == 1 && byte != '\n') request += byte;
      if (::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) request += " (no answer)";
      // Stays open until the asker gives up.
      while (keep_open && ::recv(peer, &byte, 1, 0) == 1) {
      }
      ::close(peer);
    });
  }
  ~FarEnd() {
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  void wait() { thread_.join(); }

  std::string request;

 private:
  std::string path_;
  int listener_ = -1;
  std::thread thread_;
};

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string socket() const { return path + "/control.sock"; }
  std::string path;
};

ControlClient connected(const std::string& path, Duration silence = 30s) {
  Result<std::optional<ControlClient>> client = ControlClient::connect(path, silence);
  REQUIRE(client.has_value());
  REQUIRE(client->has_value());
  return std::move(**client);
}

TEST_CASE("an instance that does not answer is named, once, before it is given up on") {
  const Folder folder;
  FarEnd far(folder.socket(), "{", true);
  {
    ControlClient client = connected(folder.socket(), 2500ms);
    std::vector<std::string> said;
    client.on_unanswered([&](const std::string& what) { said.push_back(what); });
    const Result<JsonValue> answer = client.ask(control_request("status"));
    REQUIRE(!answer.has_value());
    CHECK(answer.error().message.find("has said nothing for") != std::string::npos);
    REQUIRE(said.size() == 1);
    CHECK(said[0].find(std::to_string(::getpid())) != std::string::npos);
  }
}

TEST_CASE("a result comes back, after whatever progress") {
  const Folder folder;
  FarEnd far(
      folder.socket(),
      "{\"progress\":{\"seconds\":5}}\n{\"progress\":{}}\n{\"ok\":true,\"result\":{\"id\":\"chk-7\"}}\n");
  ControlClient client = connected(folder.socket());
  std::vector<std::int64_t> progress;
  const Result<JsonValue> answer =
      client.ask(control_request("checkpoint-show", "chk-7"), [&](std::int64_t s) { progress.push_back(s); });
  REQUIRE(answer.has_value());
  CHECK(answer->text_of("id") == "chk-7");
  CHECK(progress == std::vector<std::int64_t>{5, 0});
  far.wait();
  CHECK(far.request == R"({"command":"checkpoint-show","id":"chk-7"})");
}

TEST_CASE("an error comes back with its kind") {
  const Folder folder;
  const FarEnd far(folder.socket(),
                   "{\"ok\":false,\"kind\":\"not_found\",\"error\":\"there is no chk-7\"}\n");
  const Result<JsonValue> answer = connected(folder.socket()).ask(control_request("x"));
  REQUIRE(!answer.has_value());
  CHECK(answer.error().message == "there is no chk-7");
  CHECK(answer.error().kind == Error::Kind::not_found);
}

TEST_CASE("an instance that ends before it answers is told apart from an answer") {
  const Folder folder;
  const FarEnd far(folder.socket(), "{\"ok\":true");
  const Result<JsonValue> answer = connected(folder.socket()).ask(control_request("stop"));
  REQUIRE(!answer.has_value());
  CHECK(answer.error().message.find("has ended before it answered") != std::string::npos);
}

TEST_CASE("an instance that says nothing is given up on") {
  const Folder folder;
  const FarEnd far(folder.socket(), "", true);
  const Result<JsonValue> answer = connected(folder.socket(), 50ms).ask(control_request("status"));
  REQUIRE(!answer.has_value());
  CHECK(answer.error().message.find("has said nothing for 50ms") != std::string::npos);
}

TEST_CASE("an answer that is no JSON is an error") {
  const Folder folder;
  const FarEnd far(folder.socket(), "220 mail ready\n");
  const Result<JsonValue> answer = connected(folder.socket()).ask(control_request("status"));
  REQUIRE(!answer.has_value());
  CHECK(answer.error().message.find("answer on control socket") != std::string::npos);
}

TEST_CASE("nobody listening is no error") {
  const Folder folder;
  const Result<std::optional<ControlClient>> absent = ControlClient::connect(folder.socket());
  REQUIRE(absent.has_value());
  CHECK(!absent->has_value());
  {
    FarEnd left_behind(folder.socket(), "");
    static_cast<void>(connected(folder.socket()).ask("{}"));
  }
  REQUIRE(std::filesystem::exists(folder.socket()));
  const Result<std::optional<ControlClient>> stale = ControlClient::connect(folder.socket());
  REQUIRE(stale.has_value());
  CHECK(!stale->has_value());
}

TEST_CASE("a path too long for a socket's address works all the same") {
  const Folder folder;
  const std::string deep = folder.path + "/" + std::string(120, 'd');
  std::filesystem::create_directory(deep);
  const std::string path = deep + "/control.sock";
  const FarEnd far(path, "{\"ok\":true,\"result\":1}\n");
  CHECK(connected(path).ask(control_request("status")).has_value());
  CHECK(std::filesystem::exists(path));
  const Result<std::optional<ControlClient>> nowhere =
      ControlClient::connect(folder.path + "/" + std::string(120, 'x') + "/control.sock");
  REQUIRE(nowhere.has_value());
  CHECK(!nowhere->has_value());
}

TEST_CASE("the control socket stands with the service manager, the user, or the data") {
  const auto place = [](std::optional<std::string> service, std::optional<std::string> user,
                        bool user_exists) {
    return control_socket_path({.variable = [&](const std::string& name) -> std::optional<std::string> {
                                  if (name == "RUNTIME_DIRECTORY") return service;
                                  if (name == "XDG_RUNTIME_DIR") return user;
                                  return std::nullopt;
                                },
                                .is_directory = [&](const std::string&) { return user_exists; }},
                               "/var/lib/tidemark");
  };
  CHECK(place("/run/tidemark", "/run/user/1000", true) == "/run/tidemark/control.sock");
  CHECK(place("/run/tidemark:/run/other", std::nullopt, false) == "/run/tidemark/control.sock");
  const std::string of_user = place(std::nullopt, "/run/user/1000", true);
  CHECK(of_user.starts_with("/run/user/1000/tidemark/"));
  CHECK(of_user.ends_with(".sock"));
  CHECK(place("", "/run/user/1000", false) == "/var/lib/tidemark/control.sock");
  CHECK(place(std::nullopt, "relative", true) == "/var/lib/tidemark/control.sock");
  CHECK(place(std::nullopt, std::nullopt, true) == "/var/lib/tidemark/control.sock");
}

}  // namespace
}  // namespace tidemark
