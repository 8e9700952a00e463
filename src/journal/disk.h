// JournalDisk is the half of the writer that works on the journal lane: seals blocks, writes and syncs
// segments, removes old ones.
//
// A segment whose write or sync failed is never touched again: the kernel may have dropped its pages and
// report success next time. It stays where it is when it holds durable blocks, and the next one repeats what
// was not. Threads: one at a time: the lane while a job of the writer is under way.   Format: FORMAT.md
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ancestry.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/times.h"
#include "journal/block.h"
#include "platform/files.h"

namespace tidemark {

// A block between append and durable. The loop makes it; while a job is under way the lane alone touches
// `raw` and `sealed`.
struct PendingBlock {
  Position first, last;
  Timeline timeline;
  MonotonicTime since;  // when its first entry was appended
  std::size_t raw_bytes = 0;
  RawBlock raw;        // until it is sealed
  std::string sealed;  // then the bytes for the disk, kept until they are durable
};

struct JournalSegment {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
  bool counts = false;  // begins with a block of the present
  Position first;       // of that block
};

class JournalDisk {
 public:
  struct Options {
    std::string folder;
    Lineage lineage;
    std::optional<Ancestry> ancestry;  // none: every block counts as of the present
    RunId run;
    Position after;
    std::uint64_t segment_size = 0;
    std::uint64_t zeroed_ahead = 0;  // these two: see JournalWriter::Options
    std::uint64_t block_size = 0;
    bool compress = true;
  };
  struct Outcome {
    Status status;
    Position written, durable;
    std::uint64_t bytes_written = 0;  // since the start
    std::vector<JournalSegment> segments;
    std::vector<RawBlock> emptied;  // some buffers of blocks that were sealed, for new ones
  };
  static constexpr std::size_t kMostEmptied = 4;

  JournalDisk(Files& files, Options options);
  ~JournalDisk();

  // Learns which segments there are. Before anything else, and again until it succeeds.
  Outcome survey();
  // Writes blocks in order; with `sync`, all that was written is durable when it succeeds. After a failure
  // the next call must bring every block that is not durable.
  Outcome write(std::span<const std::shared_ptr<PendingBlock>> blocks, bool sync);
  // Removes the oldest segment, durably.
  Outcome remove_oldest();

 private:
  Status learn();
  Status write_blocks(std::span<const std::shared_ptr<PendingBlock>> blocks, bool sync);
  Status begin_segment(Position first);
  Status zero_ahead(std::uint64_t size);
  Status sync_segment();
  Status sync_folder();
  Status remove_first();
  void give_up_segment();
  void close_segment();
  Outcome outcome(Status status);

  Files& files_;
  const Options options_;
  std::vector<JournalSegment> segments_;  // ascending; the open one last
  std::uint64_t next_number_ = 1;
  std::unique_ptr<File> file_;    // of segments_.back()
  std::uint64_t zeroed_ = 0;      // the open segment's length, when zeros stand behind its last block
  bool name_durable_ = false;     // of the open segment
  bool holds_durable_ = false;    // the open segment
  bool removal_pending_ = false;  // a removed name is not yet durable
  Position written_, durable_;
  std::uint64_t bytes_written_ = 0;
  std::vector<RawBlock> emptied_;
};

}  // namespace tidemark
