// scan_journal finds out what of a journal's segments can be read, and in which order.
//
// It walks the headers; payloads only of blocks that no later block calls durable, since only those may be
// torn. What it meets and how it is told apart:
//
//   abandoned    blocks of a timeline, or of a part of one, that is no part of the present: passed over
//   rewritten    blocks that come again in a newer segment, because the older one's sync failed: the later
//                segment continues at or before the place where the older one breaks off
//   tail         a break that nothing durable follows: the end
//   damage       a break at a position that some block calls durable. Error::corrupt, unless everything it
//                touches lies at or before `needed_after`: then it is noted, and the journal counts from
//                behind it
// Threads: one at a time; calls block.   Format: FORMAT.md
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ancestry.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/times.h"
#include "journal/block.h"
#include "journal/reader.h"

namespace tidemark {

// Goes through the blocks of the present, one after another.
class Continuity {
 public:
  explicit Continuity(const Ancestry& ancestry) : ancestry_(ancestry) {}

  enum class Verdict {
    use,        // continues; `to` says how far it counts
    abandoned,  // no part of the present
    repeated,   // rewritten: already read
    gap,        // does not continue where the last one ended
  };
  struct Judgement {
    Verdict verdict;
    Position to;
  };
  // Changes nothing.
  Judgement judge(const BlockHeader& header) const;
  // Takes a block judged `use`.
  void take(const BlockHeader& header, Position to) {
    last_ = to;
    run_ = header.run;
  }
  // What comes next is the beginning.
  void start_anew() { last_.reset(); }
  // The position that comes next; 1 when nothing was taken.
  Position expected() const { return last_ ? last_->next() : Position{1}; }

 private:
  const Ancestry& ancestry_;
  std::optional<Position> last_;
  RunId run_;
};

// A part of a segment that is whole, holding the entries `first` to `last` of the present in order. It may
// hold abandoned and repeated blocks too; a stretch with nothing else has first > last.
struct Stretch {
  std::uint64_t segment = 0;
  std::uint64_t begin = 0, end = 0;  // bytes
  Position first{1}, last{0};
  Position lowest{~std::uint64_t{0}};  // first position of any block of the present, repeated ones too
  bool holds_abandoned = false;
};

struct JournalTail {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  bool abandoned_follows = false;  // blocks of abandoned timelines stand behind the break
};

struct JournalScan {
  std::vector<std::uint64_t> segments;
  std::vector<std::uint64_t> segment_bytes;
  std::vector<Stretch> stretches;
  Position first{1}, end{0};  // of the present's entries after the last gap
  JournalTime last_time;
  Position called_durable;  // the highest that a block of the present carries
  std::optional<JournalTail> tail;
  std::vector<std::string> notes;
};

Result<JournalScan> scan_journal(const JournalFolder& folder, Position needed_after);

// The error for entries of the past that cannot be read any more, with the way on.
Error damaged(const std::string& what, Position from, Position to);

}  // namespace tidemark
