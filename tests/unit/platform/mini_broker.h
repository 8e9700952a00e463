// MiniBroker: the broker's end of one MQTT connection at a time, played by a test packet by packet.
//
// Non-blocking; the test calls it between turns of the loop. Packets are written as bytes, since what is
// tested is what stands on the wire.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tidemark {

class MiniBroker {
 public:
  struct Packet {
    int type = 0;  // 1 CONNECT, 3 PUBLISH, 4 PUBACK, 8 SUBSCRIBE, 10 UNSUBSCRIBE, 12 PINGREQ, 14 DISCONNECT
    int flags = 0;
    std::string body = {};
    std::uint16_t id() const { return static_cast<std::uint16_t>(byte(0) << 8 | byte(1)); }
    int byte(std::size_t at) const { return static_cast<unsigned char>(body.at(at)); }
  };

  MiniBroker() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    void* untyped = &address;
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int small = 4096;  // a broker that does not read is soon noticed
    ::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    REQUIRE(::bind(listener_, static_cast<sockaddr*>(untyped), length) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    REQUIRE(::getsockname(listener_, static_cast<sockaddr*>(untyped), &length) == 0);
    port = ntohs(address.sin_port);
  }
  ~MiniBroker() {
    hang_up();
    if (listener_ >= 0) ::close(listener_);
  }
  MiniBroker(const MiniBroker&) = delete;
  MiniBroker& operator=(const MiniBroker&) = delete;

  std::uint16_t port = 0;
  std::vector<Packet> packets;  // of the current connection
  bool ended = false;           // the client has closed its end
  bool reset = false;           // … and threw away what was on its way
  int connections = 0;

  // Takes the next connection, if there is one and none is open, and reads what has come.
  void poll() {
    if (peer_ < 0) {
      peer_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (peer_ < 0) return;
      ++connections;
      ended = reset = false;
    }
    char part[65536];
    for (;;) {
      const ssize_t n = ::recv(peer_, part, sizeof part, MSG_DONTWAIT);
      if (n == 0) ended = true;
      if (n < 0 && errno == ECONNRESET) reset = true;
      if (n <= 0) break;
      bytes_.append(part, static_cast<std::size_t>(n));
    }
    while (take_packet()) {
    }
  }
  std::size_t count(int type) {
    poll();
    std::size_t n = 0;
    for (const Packet& packet : packets) n += packet.type == type;
    return n;
  }
  const Packet& last(int type) {
    for (auto it = packets.rbegin(); it != packets.rend(); ++it)
      if (it->type == type) return *it;
    FAIL("no such packet");
    return packets.back();
  }
  // The ids acknowledged, in order: "1 2 3 ".
  std::string acknowledged() {
    poll();
    std::string ids;
    for (const Packet& packet : packets)
      if (packet.type == 4) ids += std::to_string(packet.id()) + " ";
    return ids;
  }

  void send(std::string_view bytes) {
    REQUIRE(peer_ >= 0);
    CHECK(::send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  static std::string publish(bool v5, int id, int qos, std::string_view payload, int flags = 0) {
    std::string body;
    body.append(std::string_view("\0\1t", 3));
    if (qos > 0) body.append({static_cast<char>(id >> 8), static_cast<char>(id)});
    if (v5) body.push_back('\0');
    body.append(payload);
    const char head = static_cast<char>(0x30 | qos << 1 | flags);
    return std::string{head, static_cast<char>(body.size())} + body;
  }
  void hang_up() {
    if (peer_ >= 0) ::close(peer_);
    peer_ = -1;
    packets.clear();
    bytes_.clear();
  }

 private:
  bool take_packet() {
    std::size_t length = 0;
    std::size_t at = 1;
    for (int shift = 0;; shift += 7, ++at) {
      if (at >= bytes_.size()) return false;
      length |= static_cast<std::size_t>(bytes_[at] & 0x7f) << shift;
      if (!(bytes_[at] & 0x80)) break;
    }
    ++at;
    if (bytes_.size() < at + length) return false;
    const int head = static_cast<unsigned char>(bytes_[0]);
    packets.push_back({head >> 4, head & 15, bytes_.substr(at, length)});
    bytes_.erase(0, at + length);
    return true;
  }

  int listener_ = -1;
  int peer_ = -1;
  std::string bytes_;
};

}  // namespace tidemark
