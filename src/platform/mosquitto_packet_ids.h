// PacketIds: whether a broker counts its packet ids, for then a repetition is known without its DUP flag.
//
// The flag costs a formatted log line a message (mosquitto_handle.h). A broker that gives out the lowest free
// id can never have given out more of them one after the other than it may have unacknowledged at once. One
// that has is counting, and the next new message has the next id; any other id is a repetition, or something
// that has to be looked at again with the flag in sight. Where every id may be unacknowledged at once there
// is no such proof, and the flag is all that is believed. Value. Threads: one at a time.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tidemark {

class PacketIds {
 public:
  // MQTT 5: what was announced as receive maximum. 3.1.1 has no such bound: kAnyNumber.
  static constexpr std::uint32_t kAnyNumber = 65535;
  explicit PacketIds(std::uint32_t most_unacknowledged)
      : proof_(std::max<std::uint32_t>(most_unacknowledged, 64)) {}

  // The broker counts, until this is false again: the flag need not be seen.
  bool count() const { return run_ > proof_ && proof_ < kAnyNumber; }
  // A message of QoS 1 has come, with the flag as it was seen; whether it is to be taken for a duplicate.
  bool read(std::uint16_t id, bool flag) {
    const bool next = id == (last_ == 65535 ? 1 : last_ + 1);
    const bool duplicate = count() ? !next : flag;
    last_ = id;
    run_ = !next || duplicate ? 0 : std::min(run_ + 1, proof_ + 1);
    return duplicate;
  }

 private:
  std::uint32_t proof_;
  std::uint32_t run_ = 0;  // new messages whose ids followed each other
  std::uint16_t last_ = 0;
};

}  // namespace tidemark
