// JournalWriter appends entries to the newest segment and makes them durable in batches.
//
// Three positions, never confused:  durable() <= written() <= appended()
//   appended()  has a position and is in memory; lost by a crash of the program
//   written()   handed to the file system; lost by a power cut
//   durable()   fsynced; survives a power cut.  Sources acknowledge, sinks receive, up to here.
//
// append() never waits and never fails. The disk does its work on the journal lane: compress, checksum,
// write, fdatasync, one fdatasync for everything that gathered within `sync` or meanwhile. When the disk
// falls behind, full() turns true and the caller stops its sources; nothing is dropped. A disk error is not
// an end: the batch stays in memory, a new segment is begun (a file whose fsync failed is never written
// again), and it is tried again with growing pauses; trouble() says what is wrong meanwhile, and durable()
// stands still.
// Threads: event loop only.   Lifetime: everything in `Doors` outlives the writer.   Format: FORMAT.md
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/ancestry.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/times.h"
#include "config/settings.h"
#include "journal/entry.h"
#include "platform/files.h"
#include "platform/lane.h"
#include "platform/log.h"
#include "platform/loop.h"

namespace tidemark {

class JournalWriter {
 public:
  struct Doors {
    Loop& loop;
    Files& files;
    Lane& lane;
    Log& log;
  };
  struct Options {
    std::string folder;
    JournalSettings settings;
    Lineage lineage;
    Timeline timeline;
    RunId run;
    Ancestry ancestry;                      // its present is `timeline`; else trim() keeps more than it need
    Position after;                         // the last position already in the journal (or 0)
    JournalTime last_time{};                // of that entry
    std::uint64_t segment_size = 8u << 20;  // a new segment is begun beyond it
    std::uint64_t zeroed_ahead = 0;         // bytes that small syncs make a segment longer at once; 0: none
    std::uint64_t block_size = 256u << 10;  // raw bytes that are cut into one block
    std::uint64_t max_unsynced = 8u << 20;  // raw bytes not yet durable at which full() turns true
  };

  JournalWriter(Doors doors, Options options, SourceTable& sources);
  ~JournalWriter();  // drops what is not durable; call sync_now() and wait for durable() first

  Position append(const Entry& entry);

  Position appended() const;
  Position written() const;
  Position durable() const;
  bool full() const;
  std::optional<Error> trouble() const;
  // Since when the oldest entry that is not durable waits; none when everything is durable.
  std::optional<MonotonicTime> waiting_since() const;

  // Does not wait for `sync`: what is appended goes to the disk as soon as the lane is free.
  void sync_now();
  // Called on the loop, each time durable() has grown, trouble() or full() has changed, or a segment was
  // removed.
  void on_progress(std::function<void()> callback);

  // Removes segments that hold nothing after `position`. The one being written stays.
  void trim(Position position);
  // The present's timeline has changed (a chain hash did not match): later blocks carry the new one.
  void set_timeline(Timeline timeline);

  std::uint64_t size_on_disk() const;   // of all segments
  std::uint64_t bytes_written() const;  // since the start, for the flash accounting

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace tidemark
