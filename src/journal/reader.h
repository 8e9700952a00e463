// open_journal repairs the journal's tail and says what it holds; JournalReader then reads it in order.
//
// A power cut leaves a torn tail: blocks after the last fsync may be missing, half there, or whole behind a
// torn one. It is cut off, at start, before anything is appended. Damage is something else: a block that was
// durable does not verify. It is told apart by the durable position that every block carries and the run that
// seeds its checksum: a bad block followed by a valid one that calls it durable is damage. So is a journal
// whose segments do not join, or whose end lies before `known_durable`. Damage is Error::corrupt and names
// the segment, the positions and the way on; nothing is cut. Threads: one at a time; calls block (start-up,
// command line).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ancestry.h"
#include "base/ids.h"
#include "base/result.h"
#include "journal/entry.h"
#include "platform/files.h"

namespace tidemark {

struct JournalExtent {
  Position first;         // of the first entry that can be read; first = end + 1 when there is none
  Position end;           // of the last entry held on the present's timelines, and never below `needed_after`
  JournalTime last_time;  // of that entry; the epoch when there is none
  std::uint64_t bytes = 0;
  std::uint64_t cut_bytes = 0;     // of the torn tail that was cut off
  std::vector<std::string> notes;  // what was repaired, for the log
};

struct JournalFolder {
  Files& files;
  std::string path;
  Lineage lineage;
  Ancestry ancestry;
};

// Makes the folder when absent. Segments of another lineage are Error::corrupt. When it returns, every entry
// up to `end` is durable. `known_durable`: what a manifest or a sink says was durable; the journal must reach
// it. `needed_after`: the position of the checkpoint that is started from. What is damaged or missing at or
// before it hurts nobody: it is noted, and the journal counts as beginning behind it. So is an end below it:
// nobody can say from here what followed.
Result<JournalExtent> open_journal(const JournalFolder& folder, Position known_durable,
                                   Position needed_after = {});
// The same without repairing or making anything, for the command line.
Result<JournalExtent> inspect_journal(const JournalFolder& folder, Position needed_after = {});
// Removes every segment, for a start from nothing: journal and checkpoints go together.
Status erase_journal(Files& files, const std::string& path);

class JournalReader {
 public:
  // Reads entries after `after`, up to the end found when it was opened, obeying folder.ancestry.
  static Result<std::unique_ptr<JournalReader>> open(const JournalFolder& folder, Position after,
                                                     SourceTable& sources);
  ~JournalReader();

  struct Item {
    Position position;
    Timeline timeline;
    Entry entry;  // views valid until the next call of next()
  };
  // Nothing at the end.
  Result<std::optional<Item>> next();

 private:
  class Work;
  explicit JournalReader(std::unique_ptr<Work> work);
  std::unique_ptr<Work> work_;
};

}  // namespace tidemark
