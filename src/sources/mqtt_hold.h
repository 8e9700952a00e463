// MqttHold: the messages read on this connection whose acknowledgements have not been released.
//
// Acknowledgements leave all together, so holding goes in rounds: read, cut (stop reading), wait until
// everything read is safe, release, read on. A cut is due when the broker's window is nearly used up or the
// oldest message has waited as long as it may. One that lasts longer than a third of the keep-alive must be
// given up: the ping, too, waits. Pure. Threads: loop only.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/times.h"

namespace tidemark {

class MqttHold {
 public:
  struct Limits {
    std::uint32_t window = 20;  // messages that the broker sends unacknowledged
    Duration longest = 200ms;
    Duration keep_alive = 60s;
  };
  explicit MqttHold(Limits limits) { set_limits(limits); }

  void set_limits(Limits limits) {
    limits_ = limits;
    limits_.longest = std::min(limits.longest, limits.keep_alive / 4);
  }
  // A message of QoS 1 was read; true when it is the first of its round. A repetition of one whose
  // acknowledgement has left on this connection owes the broker another one, but its id may be in use again
  // already: rule 1 says nothing about it.
  bool read(std::uint16_t id, bool repetition, MonotonicTime now) {
    if (!repetition || !released_->test(id)) {
      if (!held_->test(id)) round_.push_back(id);
      held_->set(id);
      released_->reset(id);
    }
    if (count_++ > 0) return false;
    since_ = now;
    return true;
  }
  // Rule 1 of MqttSession.
  bool holds(std::uint16_t id) const { return count_ > 0 && held_->test(id); }
  std::uint64_t count() const { return count_; }
  bool nearly_full() const { return count_ * 4 >= std::uint64_t{limits_.window} * 3; }
  MonotonicTime cut_due() const { return since_ + limits_.longest; }
  MonotonicTime give_up_due() const { return since_ + limits_.keep_alive / 3; }
  void released() {
    for (const std::uint16_t id : round_) {
      held_->reset(id);
      released_->set(id);
    }
    round_.clear();
    count_ = 0;
  }
  // Nothing was released on the next connection, and nothing is owed to it.
  void connection_lost() {
    held_->reset();
    released_->reset();
    round_.clear();
    count_ = 0;
  }

 private:
  Limits limits_;
  using Ids = std::bitset<65536>;
  std::unique_ptr<Ids> held_ = std::make_unique<Ids>();
  std::unique_ptr<Ids> released_ = std::make_unique<Ids>();
  std::vector<std::uint16_t> round_;  // those in held_
  std::uint64_t count_ = 0;
  MonotonicTime since_{};
};

}  // namespace tidemark
