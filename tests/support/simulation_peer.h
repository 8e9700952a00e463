// SimulatedPeer: a device that sends lines over a socket and keeps each until it was acknowledged.
//
// It introduces itself, is told how far its stream has come, and resends exactly the rest: what `ack = true`
// promises, from the device's side. What it sees go wrong (an answer lower than an earlier one, or higher
// than what was ever sent) is a violation of P1 or P2. It survives the crash of the machine; the connection
// does not.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "support/fake_network.h"

namespace tidemark {

class SimulatedPeer {
 public:
  // What must be known to go on from this moment with another instance of the peer.
  struct Memory {
    std::uint64_t acknowledged = 0;
    std::uint64_t sent = 0;  // the most that ever left
  };

  SimulatedPeer(std::string name, std::string address)
      : SimulatedPeer(std::move(name), std::move(address), {}) {}
  SimulatedPeer(std::string name, std::string address, Memory memory)
      : name_(std::move(name)), address_(std::move(address)), memory_(memory) {}

  // Lines that the device has measured, from its beginning, without their newline.
  void measure(std::string line) { lines_.push_back(std::move(line)); }
  std::uint64_t measured() const { return lines_.size(); }

  // False when nobody listens.
  bool connect(FakeNetwork& network);
  void disconnect() { connection_.reset(); }
  // Reads what was answered and sends what is unsent, at most `most` lines, as one read.
  void turn(std::size_t most = SIZE_MAX);
  // Reads what was answered. An answer that has left the machine counts, also when it loses its power now.
  void listen();
  // The line that this connection sends next, from 0.
  std::uint64_t next() const { return next_; }
  bool all_acknowledged() const { return memory_.acknowledged == lines_.size(); }
  const Memory& memory() const { return memory_; }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  void answered(std::uint64_t lines);

  std::string name_, address_;
  Memory memory_;
  std::vector<std::string> lines_;
  std::unique_ptr<FakePeer> connection_;
  std::string received_;
  bool welcomed_ = false;   // the first answer of this connection has come
  std::uint64_t next_ = 0;  // index of the next line to send on this connection
  std::vector<std::string> violations_;
};

}  // namespace tidemark
