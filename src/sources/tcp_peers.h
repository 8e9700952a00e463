// Peers of a tcp source with acknowledgements: who introduced itself, and how far each stream has come.
//
// A peer's first line may be {"peer":"NAME","stream":"ID"}. N, what it is told in {"ack":N}, counts every
// line ended by a newline after the introduction of that stream, over all connections: blank, bad and
// oversized ones too, because the peer counts them. A new stream of a peer counts from 0; within a stream N
// never goes back.
//
// PeerTable is a function of the source's own entries: an introduction event names the slot that it takes
// (and so who is forgotten for it), and each record says how many lines it stands for. PeerTable holds at
// most `limit` peers; the one longest without a line and without a connection is forgotten first.
// Threads: loop only.   Format: FORMAT.md
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace tidemark {

struct Introduction {
  std::string peer;
  std::string stream;
};
// Nothing when the line is no introduction: an object of exactly "peer" and, perhaps, "stream", both text. An
// error when it is one that cannot be accepted (an empty name, one longer than 256 bytes).
std::optional<Result<Introduction>> parse_introduction(std::string_view line);

struct Peer {
  std::string name;
  std::string stream;
  std::uint64_t lines = 0;  // appended, not yet all safe
  Position last;            // of its last entry
};

class PeerTable {
 public:
  using Slot = std::uint32_t;
  explicit PeerTable(std::size_t limit) : limit_(limit) {}

  std::optional<Slot> find(std::string_view name) const;
  const Peer& at(Slot slot) const { return peers_[slot]; }
  std::size_t size() const { return peers_.size(); }

  // Where `name` is or would be put: its own slot, a new one, or that of the peer to be forgotten, which is
  // none for which `connected` says true. Nothing when all are connected.
  std::optional<Slot> slot_for(std::string_view name, const std::function<bool(Slot)>& connected) const;

  static std::string introduction_event(Slot slot, const Introduction& introduction);
  static std::string lines_event(Slot slot, std::uint64_t lines);
  static std::string record_resume(Slot slot, std::uint64_t lines);

  void remember_record(Position position, std::string_view resume);
  void remember_event(Position position, std::string_view payload);
  void gone_back_to(Position at);
  void save(Encoder& out) const;
  bool load(Decoder& in);

 private:
  void add_lines(Position position, std::uint64_t slot, std::uint64_t lines);

  std::size_t limit_;
  std::vector<Peer> peers_;
  std::map<std::string, Slot, std::less<>> by_name_;
};

// How far one connection has been read and what it has been told: after each read a mark (position, N); a
// mark may be told once its position is safe. Bounded: when many reads wait, the newest marks become one.
class AckMarks {
 public:
  void reached(Position position, std::uint64_t lines);
  // The highest N that may be told and has not been. The first mark is told even when its N is 0.
  std::optional<std::uint64_t> take(Position safe);
  bool empty() const { return marks_.empty(); }

 private:
  struct Mark {
    Position position;
    std::uint64_t lines = 0;
  };
  std::deque<Mark> marks_;
  std::optional<std::uint64_t> marked_;  // N of the newest mark ever
};

}  // namespace tidemark
