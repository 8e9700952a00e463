// FakeNetwork: sockets without a kernel. The test plays the peer: it connects, sends bytes in any cut, sees
// what was written, refuses to read, and closes.
//
//   FakeNetwork network(loop);
//   auto listener = network.listen_tcp("127.0.0.1:9999", accepted);
//   auto peer = network.connect("127.0.0.1:9999");
//   peer->send("hel");  peer->send("lo\n");  loop.run_ready();      // two calls of data()
//
// Everything reaches the program by a callback of the loop, one chunk a callback, never from inside send().
// Threads: the test's. The loop must outlive the network; peers may outlive it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/loop.h"
#include "platform/network.h"

namespace tidemark {

struct FakeStream;  // what both ends share

// The test's end of a connection.
class FakePeer {
 public:
  explicit FakePeer(std::shared_ptr<FakeStream> stream);

  void send(std::string_view bytes);
  // The same in pieces of at most `cut` bytes, each of which becomes one call of data().
  void send_cut(std::string_view bytes, std::size_t cut);
  // The peer closes in order, after what it has sent, and goes on reading; or breaks the connection at once,
  // with what is unread.
  void close();
  void reset(const std::string& reason = "connection reset by peer");

  // What the program has written and the peer has read.
  const std::string& received() const;
  std::string take_received();
  // While the peer does not read, what the program writes stays in unsent().
  void stop_reading();
  void resume_reading();
  // Its system keeps to itself what it has got from here on, until it is confirmed.
  void hold_confirmations();
  void confirm();
  // Nothing was heard of its system for so long.
  void silent_for(Duration duration);

  // True once the program has closed or destroyed its end.
  bool closed_by_program() const;
  // Or reset, as the program wanted for the case that it goes without closing.
  bool reset_by_program() const;
  bool paused_by_program() const;
  // Bytes sent that the program has not read.
  std::size_t unread() const;

 private:
  std::shared_ptr<FakeStream> stream_;
};

class FakeNetwork final : public Network {
 public:
  explicit FakeNetwork(Loop& loop);
  ~FakeNetwork() override;

  Result<std::unique_ptr<Listener>> listen_tcp(
      const std::string& address, std::function<void(std::unique_ptr<Connection>)> accepted) override;
  Result<std::unique_ptr<Listener>> listen_unix(
      const std::string& path, unsigned mode,
      std::function<void(std::unique_ptr<Connection>)> accepted) override;
  Result<std::unique_ptr<DatagramSocket>> listen_udp(
      const std::string& address, std::uint64_t receive_buffer,
      std::function<void(std::span<const std::string_view>)> received) override;
  std::unique_ptr<Connecting> connect_tcp(const std::string& address, Connected done) override;
  Result<std::unique_ptr<Connection>> standard_input() override;

  // Connects to a listener by the address that it was given or by the one that it took; null when nobody
  // listens. The program hears of it when the loop runs.
  std::unique_ptr<FakePeer> connect(const std::string& address);
  // Datagrams for the program, which are read `at_once` at a time; dropped where nobody listens. The kernel
  // says that it has dropped some with the next one that it hands over.
  void send_datagram(const std::string& address, std::string_view bytes);
  void drop_datagrams(const std::string& address, std::uint64_t count);
  std::size_t datagrams_at_once = 1;
  std::uint64_t most_receive_buffer = 212992;

  // A server of the test's: while it stands, the program's connect_tcp() to the address succeeds; else it
  // fails with `reason`. A held server answers only once it is released.
  void serve(const std::string& address) { servers_[address] = Server::up; }
  void hold(const std::string& address) { servers_[address] = Server::held; }
  void refuse(const std::string& address, const std::string& reason = "connection refused") {
    servers_.erase(address);
    refuse_connect_ = reason;
  }
  // The oldest connection made to that server, or to any, and not yet taken; null when there is none.
  std::unique_ptr<FakePeer> accepted(const std::string& address = {});
  std::uint64_t connects() const { return connects_; }

  // The writing end of standard input, before or after the program asks for it.
  FakePeer& standard_input_peer();
  // Addresses listened on.
  std::vector<std::string> listening() const;

  // The next listen_* fails with this.
  void refuse_listen(const std::string& reason) { refuse_listen_ = reason; }

 private:
  class FakeListener;
  class FakeConnection;
  class FakeConnecting;
  class FakeDatagrams;
  enum class Server { up, held };
  struct Door {
    std::string asked;
    std::function<void(std::unique_ptr<Connection>)> accepted;
  };
  using Doors = std::map<std::string, std::shared_ptr<Door>>;  // by the address taken

  Result<std::unique_ptr<Listener>> listen(const std::string& asked, const std::string& taken,
                                           std::function<void(std::unique_ptr<Connection>)> accepted);

  Loop& loop_;
  std::shared_ptr<Doors> doors_;
  std::uint16_t next_port_ = 40000;
  std::uint16_t next_peer_ = 50000;
  std::string refuse_listen_;
  std::map<std::string, FakeDatagrams*> datagrams_;
  std::map<std::string, Server> servers_;
  std::string refuse_connect_ = "connection refused";
  std::uint64_t connects_ = 0;
  std::deque<std::pair<std::string, std::shared_ptr<FakeStream>>> accepted_;  // by the server's address
  std::shared_ptr<FakeStream> input_;
  std::unique_ptr<FakePeer> input_peer_;
};

}  // namespace tidemark
