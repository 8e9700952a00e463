// bench_publish: publishes the lines of a file, each a message, as fast as the broker takes them.
//
//   bench_publish FILE PORT TOPIC QOS     QOS: 0 | 1; MQTT 3.1.1 to 127.0.0.1:PORT
//
// With QoS 1 up to 1,000 messages are under way, and it ends when all are acknowledged. With QoS 0 it ends
// when the broker answers a ping behind the last one. mosquitto_pub -l drops messages at such speeds.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace {

constexpr std::size_t kUnderWay = 1000;
constexpr std::size_t kChunk = 32 << 10;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void put_length(std::string& packet, std::size_t length) {
  do {
    const auto digit = static_cast<unsigned char>(length % 128);
    length /= 128;
    packet.push_back(static_cast<char>(length > 0 ? digit | 0x80 : digit));
  } while (length > 0);
}

void put_number(std::string& packet, std::size_t number) {
  packet.push_back(static_cast<char>(number >> 8 & 0xff));
  packet.push_back(static_cast<char>(number & 0xff));
}

class Connection {
 public:
  explicit Connection(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (socket_ < 0 || connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      fail("connect");
    const std::string body = std::string("\0\4MQTT\4\2\0\0\0\7publish", 19);  // clean session, no keep-alive
    std::string packet(1, '\x10');
    put_length(packet, body.size());
    send_all(packet + body);
    read_until([this] { return connected_; });
  }

  void send_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0) fail("send");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void take_answers() { read_some(MSG_DONTWAIT); }
  template <class Condition>
  void read_until(Condition condition) {
    while (!condition()) read_some(0);
  }
  std::size_t acknowledged() const { return acknowledged_; }
  bool pinged() const { return pinged_; }

 private:
  void read_some(int flags) {
    char bytes[16384];
    const ssize_t got = recv(socket_, bytes, sizeof bytes, flags);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) fail("the broker has closed the connection");
    held_.append(bytes, static_cast<std::size_t>(got));
    // Every packet that a publisher gets is two bytes and at most 127 more.
    std::size_t at = 0;
    while (held_.size() - at >= 2 && held_.size() - at >= 2u + static_cast<unsigned char>(held_[at + 1])) {
      const auto type = static_cast<unsigned char>(held_[at]) >> 4;
      connected_ |= type == 2 && held_[at + 3] == 0;
      acknowledged_ += type == 4 ? 1 : 0;
      pinged_ |= type == 13;
      at += 2u + static_cast<unsigned char>(held_[at + 1]);
    }
    held_.erase(0, at);
  }

  int socket_;
  std::string held_;
  std::size_t acknowledged_ = 0;
  bool connected_ = false, pinged_ = false;
};

}  // namespace

int main(int count, char** arguments) {
  const bool usable =
      count == 5 && (std::strcmp(arguments[4], "0") == 0 || std::strcmp(arguments[4], "1") == 0);
  if (!usable) {
    std::fputs("usage: bench_publish FILE PORT TOPIC 0|1\n", stderr);
    return 2;
  }
  std::ifstream file(arguments[1], std::ios::binary);
  if (!file) fail(arguments[1]);
  std::ostringstream whole;
  whole << file.rdbuf();
  const std::string content = whole.str();
  const std::string_view topic = arguments[3];
  const bool acknowledged = arguments[4][0] == '1';
  Connection connection(static_cast<std::uint16_t>(std::atoi(arguments[2])));

  std::string packets;
  std::size_t published = 0, id = 0;
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t end = content.find('\n', at);
    const std::string_view payload(content.data() + at, end - at);
    at = end + 1;
    packets.push_back(acknowledged ? '\x32' : '\x30');
    put_length(packets, 2 + topic.size() + (acknowledged ? 2 : 0) + payload.size());
    put_number(packets, topic.size());
    packets += topic;
    if (acknowledged) put_number(packets, id = id % 65'535 + 1);
    packets += payload;
    ++published;
    const bool full = acknowledged && published - connection.acknowledged() >= kUnderWay;
    if (packets.size() < kChunk && !full) continue;
    connection.send_all(packets);
    packets.clear();
    connection.take_answers();
    if (acknowledged)
      connection.read_until([&] { return published - connection.acknowledged() < kUnderWay; });
  }
  connection.send_all(packets + std::string("\xc0\0", 2));
  connection.read_until(
      [&] { return connection.pinged() && (!acknowledged || connection.acknowledged() == published); });
  connection.send_all(std::string_view("\xe0\0", 2));
}
