#include "platform/mosquitto_self_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/format.h"
#include "platform/mosquitto_handle.h"

namespace tidemark {
namespace {

using namespace std::string_view_literals;

constexpr int kPatienceMs = 2000;  // for bytes that are on their way over the loopback

// A broker's end, just enough of one.
class LoopbackBroker {
 public:
  ~LoopbackBroker() {
    if (peer_ >= 0) ::close(peer_);
    if (listener_ >= 0) ::close(listener_);
  }
  LoopbackBroker() = default;
  LoopbackBroker(const LoopbackBroker&) = delete;
  LoopbackBroker& operator=(const LoopbackBroker&) = delete;

  Result<std::uint16_t> listen() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    void* untyped = &address;
    auto* generic = static_cast<sockaddr*>(untyped);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool ready = listener_ >= 0 && ::bind(listener_, generic, length) == 0 &&
                       ::listen(listener_, 1) == 0 && ::getsockname(listener_, generic, &length) == 0;
    if (!ready) return fail(format("listen on the loopback: {}", std::strerror(errno)));
    return ntohs(address.sin_port);
  }

  Status accept() {
    peer_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer_ < 0) return fail(format("accept on the loopback: {}", std::strerror(errno)));
    return {};
  }

  Status send(std::string_view bytes) {
    if (::send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()))
      return {};
    return fail(format("send on the loopback: {}", std::strerror(errno)));
  }

  // What is there, after waiting for the first of it. Over the loopback, what was sent has arrived.
  std::string receive(int wait_ms) {
    pollfd readable{peer_, POLLIN, 0};
    std::string got(4096, '\0');
    if (::poll(&readable, 1, wait_ms) <= 0) return {};
    const ssize_t n = ::recv(peer_, got.data(), got.size(), MSG_DONTWAIT);
    got.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return got;
  }

 private:
  int listener_ = -1;
  int peer_ = -1;
};

struct Seen final : MosquittoHandle::Listener {
  bool connected = false;
  std::string messages;  // "7d " for id 7 marked as duplicate
  void connack(int reason, bool, std::optional<Duration>) override { connected = reason == 0; }
  void message(const MqttMessage& m) override { messages += format("{}{} ", m.id, m.duplicate ? "d" : "n"); }
  void subscribed(int, std::span<const int>) override {}
  void unsubscribed() override {}
  void published(int, int) override {}
  void disconnected(int) override {}
};

Status read_until(MosquittoHandle& handle, const std::function<bool()>& holds) {
  for (int turn = 0; turn < 1000 && !holds(); ++turn) {
    pollfd readable{handle.socket(), POLLIN, 0};
    if (::poll(&readable, 1, kPatienceMs) <= 0) break;
    if (Status read = handle.read(); !read) return read;
  }
  if (holds()) return {};
  return fail("the library does not hand out what it was sent");
}

Status test(MqttVersion version) {
  const bool v5 = version == MqttVersion::v5;
  LoopbackBroker broker;
  const Result<std::uint16_t> port = broker.listen();
  if (!port) return fail(port.error().message);
  MqttOptions options{.host = "127.0.0.1", .port = *port, .client_id = "self-test", .version = version};
  Result<std::unique_ptr<MosquittoHandle>> made = MosquittoHandle::make(options, true);
  if (!made) return pass_on(made);
  MosquittoHandle& handle = **made;
  Seen seen;
  handle.listen(&seen);
  if (Status connected = handle.connect(); !connected) return connected;
  if (Status accepted = broker.accept(); !accepted) return accepted;
  if (!broker.receive(0).empty()) return fail("the library sends CONNECT before it is told to write");
  if (Status written = handle.write(); !written) return written;
  if (!broker.receive(kPatienceMs).starts_with('\x10'))
    return fail("the library does not send CONNECT when told to");

  if (Status sent = broker.send(v5 ? "\x20\x03\0\0\0"sv : "\x20\x02\0\0"sv); !sent) return sent;
  // PUBLISH of QoS 1 to "t" with the payload "x": id 7 marked as duplicate, id 8 not.
  const std::string_view publish =
      v5 ? "\x3a\x07\0\1t\0\7\0x\x32\x07\0\1t\0\10\0x"sv : "\x3a\6\0\1t\0\7x\x32\6\0\1t\0\10x"sv;
  if (Status sent = broker.send(publish); !sent) return sent;
  if (Status read = read_until(handle, [&] { return seen.messages.size() >= 6; }); !read) return read;
  if (!seen.connected || seen.messages != "7d 8n ")
    return fail("the library does not say in its log line which message is a duplicate");

  if (Status kept = handle.check_keep_alive(); !kept) return kept;
  if (!broker.receive(0).empty()) return fail("the library sends acknowledgements by itself");
  if (!handle.wants_write()) return fail("the library does not queue acknowledgements");
  if (Status written = handle.write(); !written) return written;
  const std::string acknowledged = broker.receive(kPatienceMs);
  if (acknowledged != "\x40\2\0\7\x40\2\0\10"sv)
    return fail("the library does not send acknowledgements when told to");
  return {};
}

}  // namespace

Status mosquitto_self_test() {
  for (const MqttVersion version : {MqttVersion::v5, MqttVersion::v311}) {
    int major = 0, minor = 0, patch = 0;
    mosquitto_lib_version(&major, &minor, &patch);
    if (Status done = test(version); !done)
      return pass_on(done, format("libmosquitto {}.{}.{} ({}) does not keep what Tidemark builds on", major,
                                  minor, patch, version == MqttVersion::v5 ? "MQTT 5" : "MQTT 3.1.1"));
  }
  return {};
}

}  // namespace tidemark
