// LineReceiver: the other side of a tcp sink: takes lines, and with `acks` counts and acknowledges them as a
// tcp source with `ack` does (sources/tcp_peers.h).
//
// It outlives the networks that it is reached over, as a server outlives the machines that send to it; what
// it knows can be handed to another one. What it has taken is durable once it is synced; crash() forgets the
// rest. Threads: the test's.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/format.h"
#include "base/invariant.h"
#include "base/json.h"
#include "support/fake_network.h"

namespace tidemark {

class LineReceiver {
  struct Peer {
    std::string stream;
    std::uint64_t lines = 0, durable = 0;
  };

 public:
  struct Memory {
    std::map<std::string, Peer> peers;
    std::string lines, unsynced;
    std::uint64_t streams = 0;
  };

  explicit LineReceiver(bool acks) : acks_(acks) {}
  LineReceiver(bool acks, Memory memory) : acks_(acks), memory_(std::move(memory)) {}
  const Memory& memory() const { return memory_; }

  // From now on it is reached over this network; connections over another one are gone.
  void serve(FakeNetwork& network, const std::string& address) {
    connections_.clear();
    network_ = &network;
    address_ = address;
    network.serve(address);
  }
  void leave() {
    connections_.clear();
    network_ = nullptr;
  }

  // Accepts, takes at most `most` lines, and syncs them, unless syncing is held.
  void turn(std::size_t most = ~std::size_t{0}) {
    if (network_ == nullptr) return;
    while (auto peer = network_->accepted(address_)) connections_.push_back({.peer = std::move(peer)});
    for (std::size_t i = 0; i < connections_.size(); ++i) take(i, most);
    std::erase_if(connections_, [](const Connection& c) { return c.over; });
    if (!holds_sync) sync();
  }
  void sync() {
    memory_.lines += std::exchange(memory_.unsynced, {});
    for (auto& [name, known] : memory_.peers) known.durable = known.lines;
    for (Connection& connection : connections_) {
      if (!acks_ || connection.name.empty()) continue;
      const Peer& known = memory_.peers[connection.name];
      if (connection.told == known.durable) continue;
      connection.told = known.durable;
      connection.peer->send(format("{{\"ack\":{}}}\n", known.durable));
    }
  }
  // What was not synced is gone, and so are the connections.
  void crash() {
    memory_.unsynced.clear();
    for (auto& [name, known] : memory_.peers) known.lines = known.durable;
    break_connections();
  }
  void break_connections() {
    for (Connection& connection : connections_) connection.peer->reset();
    connections_.clear();
  }
  // An older copy of it is put back: so many lines of every stream, fewer than it had.
  void go_back(std::uint64_t lines) {
    for (auto& [name, known] : memory_.peers) known.lines = known.durable = lines;
    break_connections();
  }

  // Everything durable, in the order taken.
  const std::string& text() const { return memory_.lines; }
  FakePeer& peer() {
    invariant(!connections_.empty(), "there is a connection");
    return *connections_.back().peer;
  }
  std::size_t connections() const { return connections_.size(); }
  const std::vector<std::string>& introductions() const { return introductions_; }
  std::uint64_t streams() const { return memory_.streams; }

  bool holds_sync = false;

 private:
  struct Connection {
    std::unique_ptr<FakePeer> peer;
    std::string name = {};
    std::string rest = {};
    std::uint64_t told = ~std::uint64_t{0};
    bool over = false;
  };

  void take(std::size_t index, std::size_t& most) {
    Connection& connection = connections_[index];
    connection.rest += connection.peer->take_received();
    std::size_t at = 0;
    while (most > 0) {
      const std::size_t end = connection.rest.find('\n', at);
      if (end == std::string::npos) break;
      const std::string line = connection.rest.substr(at, end + 1 - at);
      at = end + 1;
      if (acks_ && connection.name.empty()) {
        introduce(index, line);
        continue;
      }
      --most;
      memory_.unsynced += line;
      if (acks_) ++memory_.peers[connection.name].lines;
    }
    connection.rest.erase(0, at);
  }

  void introduce(std::size_t index, const std::string& line) {
    introductions_.push_back(line);
    const auto introduction = JsonValue::parse(line);
    invariant(introduction.has_value(), "an introduction is JSON");
    invariant(introduction->members.size() == 2, "an introduction has two members");
    const std::string name(introduction->text_of("peer")), stream(introduction->text_of("stream"));
    invariant(!name.empty(), "a peer has a name");
    invariant(!stream.empty(), "a stream has a name");
    for (std::size_t i = 0; i < connections_.size(); ++i)
      if (i != index && connections_[i].name == name) connections_[i].over = true;
    Peer& known = memory_.peers[name];
    if (known.stream != stream) {
      known = {.stream = stream};
      ++memory_.streams;
    }
    connections_[index].name = name;
  }

  bool acks_;
  FakeNetwork* network_ = nullptr;
  std::string address_;
  std::vector<Connection> connections_;
  std::vector<std::string> introductions_;
  Memory memory_;
};

}  // namespace tidemark
