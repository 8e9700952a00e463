// A savepoint: one checkpoint with everything that a start from it needs, as one file that can be carried
// away; also the results that sinks have not taken yet, and what sinks must remember to go on elsewhere.
//
// Written from front to end, so that it may go into any descriptor; whole when its last bytes are there. It
// belongs to the lineage that made it; where another lineage takes it in, a new one begins. Errors:
// Error::corrupt names the file and what does not verify.  Threads: one at a time; calls block.
// Format: FORMAT.md
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ancestry.h"
#include "base/result.h"
#include "checkpoint/manifest.h"
#include "checkpoint/segment.h"
#include "checkpoint/store.h"
#include "config/settings.h"
#include "platform/files.h"
#include "sinks/outbox.h"

namespace tidemark {

// Where one is written to: a file, or a descriptor that the command line has opened.
struct SavepointTarget {
  std::function<Status(std::string_view bytes)> write;  // at the end of what was written before
  std::function<Status()> sync;
};

class SavepointWriter {
 public:
  // What stands in it beside the checkpoint.
  struct Origin {
    Ancestry ancestry;
    std::map<std::string, std::string> client_ids;
    std::map<std::string, std::string> streams;  // of tcp sinks, by name: StreamState, encoded
  };
  SavepointWriter(SavepointTarget target, Manifest manifest, Origin origin);

  std::size_t segments() const { return manifest_.segments.size(); }
  // Segment after segment, each once; then the results of sink after sink; then the rest.
  Status write_segment(CheckpointStore& store, std::size_t index);
  Status write_results(const std::string& sink, std::span<const OutboxRow> rows);
  void add_stream(const std::string& sink, std::string state) { origin_.streams[sink] = std::move(state); }
  Status finish();

 private:
  Status begin();
  Status begin_segment(const SegmentReference& like);
  Status put(std::string_view piece);
  Status put_rows(std::string_view rows, std::uint64_t count);
  void end_segment();
  void end_results();

  SavepointTarget target_;
  Manifest manifest_;  // as the store has it
  Origin origin_;
  std::vector<SegmentReference> written_;
  bool begun_ = false;
  SegmentReference writing_;  // and its checksum so far
  SegmentChecksum checksum_;
  std::string results_of_;     // the sink whose results are being written; empty: none's
  std::uint64_t results_ = 0;  // of it, so far
  std::string undelivered_;    // section of that name
};

class Savepoint {
 public:
  // Reads all but the segments.
  static Result<Savepoint> open(Files& files, const std::string& path);

  const Manifest& manifest() const { return manifest_; }
  const SavepointWriter::Origin& origin() const { return origin_; }
  Status read_segment(std::size_t index, const SegmentDecoder::Block& block) const;
  // Results in it that their sinks had not taken.
  std::uint64_t results() const;
  // Everything, checksums and all.
  Status verify() const;
  // Copies the file; `to` is durable and whole, or not there.
  Status copy(Files& files, const std::string& to) const;

 private:
  std::string path_;
  std::shared_ptr<File> file_;
  std::uint64_t size_ = 0;
  Manifest manifest_;
  SavepointWriter::Origin origin_;
};

// Where what it holds goes.
struct SavepointDestination {
  CheckpointStore& store;
  Files& files;
  std::string outboxes, memories;  // folders: data_dir/outbox, data_dir/sinks
  CheckpointId id;
  Lineage lineage;
  DeliveryMode mode;
};
// Makes it a checkpoint under this id and lineage, with the results that wait in the outboxes of their sinks.
// A crash leaves what does not count, and it can be done again.
Status import_savepoint(const Savepoint& savepoint, const SavepointDestination& to);

// Where a data directory keeps the savepoint that its next start takes in as `id`.
std::string savepoint_path(const std::string& data_dir, CheckpointId id);
// Removes those of orders that count no more.
Status sweep_savepoints(Files& files, const std::string& data_dir, CheckpointId keep);

}  // namespace tidemark
