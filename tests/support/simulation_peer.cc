#include "support/simulation_peer.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"

namespace tidemark {

bool SimulatedPeer::connect(FakeNetwork& network) {
  connection_ = network.connect(address_);
  welcomed_ = false;
  received_.clear();
  if (!connection_) return false;
  connection_->send(format("{{\"peer\":\"{}\",\"stream\":\"1\"}}\n", name_));
  return true;
}

void SimulatedPeer::turn(std::size_t most) {
  if (!connection_) return;
  listen();
  if (!welcomed_ || next_ >= lines_.size()) return;
  std::string bytes;
  const std::uint64_t end = next_ + std::min<std::uint64_t>(most, lines_.size() - next_);
  for (; next_ < end; ++next_) bytes.append(lines_[next_]).push_back('\n');
  connection_->send(bytes);
  memory_.sent = std::max(memory_.sent, next_);
}

void SimulatedPeer::listen() {
  if (!connection_) return;
  received_ += connection_->take_received();
  static constexpr std::string_view kBefore = "{\"ack\":", kAfter = "}\n";
  std::size_t at = 0;
  while (true) {
    const std::size_t end = received_.find('\n', at);
    if (end == std::string::npos) break;
    const std::string_view line = std::string_view(received_).substr(at, end + 1 - at);
    at = end + 1;
    std::uint64_t lines = 0;
    const bool known = line.starts_with(kBefore) && line.ends_with(kAfter);
    if (known) std::from_chars(line.data() + kBefore.size(), line.data() + line.size(), lines);
    if (known)
      answered(lines);
    else
      violations_.push_back(format("{} was answered: {}", name_, line));
  }
  received_.erase(0, at);
}

void SimulatedPeer::answered(std::uint64_t lines) {
  if (lines < memory_.acknowledged)
    violations_.push_back(
        format("P1: {} was told {} after it had been told {}", name_, lines, memory_.acknowledged));
  if (lines > memory_.sent)
    violations_.push_back(format("P2: {} was told {} and has sent {}", name_, lines, memory_.sent));
  memory_.acknowledged = std::max(memory_.acknowledged, lines);
  if (welcomed_) return;
  welcomed_ = true;
  next_ = lines;
}

}  // namespace tidemark
