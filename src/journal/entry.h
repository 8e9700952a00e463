// Entry: one thing that happened, as the journal keeps it: a record that came in, or a control record.
//
// Entries are raw: a record is the bytes as they arrived, not what a decoder made of them. Everything that
// the state depends on and that is no record (time passing, a clock step, a changed configuration, a session)
// is a control record, so that a replay meets it at the same place. Lifetime: views; who hands out an Entry
// says how long its bytes live.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/times.h"

namespace tidemark {

enum class EntryKind : std::uint8_t {
  record = 1,         // from `source`
  tick = 2,           // time passed and nothing arrived; only written when a timer was due
  clock_step = 3,     // the synchronised wall clock went back; `time` is the new time, lower than before
  configuration = 4,  // from here on under this configuration; payload: its hash in data_dir/config
  source_event =
      5,          // something that `source` must remember (session, peer); payload: the source's own encoding
  skip = 6,       // a pipeline that stands still gives up what it has missed; payload: its uid
  oversized = 7,  // a record beyond limits.max_record; payload: its first bytes. Counts as a bad record
  source_ended = 8,  // a bounded source has handed over everything it had; it counts as idle from here
  restart = 9,       // a pipeline that stands still tries again; payload: by whom (1 byte) and its uid
  drain = 10,        // `stop --drain`: every open window is closed here, whatever the watermarks say
};
constexpr EntryKind kLastEntryKind = EntryKind::drain;

struct Entry {
  EntryKind kind = EntryKind::record;
  std::uint16_t source = 0;  // number in the SourceTable; 0: none
  JournalTime time;          // arrival; stamped once per read, stored per record
  std::string_view resume;   // the source's own: packet id, file offset; a few bytes
  std::string_view topic;    // mqtt; else empty
  std::string_view payload;
};

// Numbers for source names, valid while the program runs. Blocks on disk carry the names they use.
class SourceTable {
 public:
  static constexpr std::size_t kLimit = 65535;
  std::uint16_t number(std::string_view name);  // adds it when new; numbers count from 1
  const std::string& name(std::uint16_t number) const { return names_[number - 1]; }
  std::size_t size() const { return names_.size(); }

 private:
  std::vector<std::string> names_;
};

}  // namespace tidemark
