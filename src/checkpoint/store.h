// CheckpointStore keeps manifests and segments: as files, or as rows of one SQLite database. Both hold the
// same.
//
// A checkpoint exists when its manifest does. commit() is atomic and durable, together with everything
// written through segment writers that were finished before; whatever else a crash leaves behind is an orphan
// and goes with the next sweep(). A segment lives as long as a manifest names it. Errors: Error::corrupt
// names the file or row and what is lost by it. Threads: one at a time (the bulk lane; before and after it,
// start-up or the command line). Calls block.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "checkpoint/manifest.h"
#include "checkpoint/segment.h"

namespace tidemark {

class SegmentWriter {
 public:
  virtual ~SegmentWriter() = default;  // unfinished: an orphan
  // Whole rows, at most 1 MiB. Written and synced before it returns.
  virtual Status append(std::string_view rows, std::uint64_t row_count) = 0;
  virtual Result<SegmentReference> finish() = 0;
};

class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;
  // Of every committed manifest, also damaged ones, ascending.
  virtual Result<std::vector<CheckpointId>> list() = 0;
  virtual Result<Manifest> read_manifest(CheckpointId id) = 0;
  virtual Result<std::unique_ptr<SegmentWriter>> create_segment(CheckpointId id, const Lineage& lineage,
                                                                std::string name, std::string owner) = 0;
  // Streams a segment's rows; stops at the first error of either side.
  virtual Status read_segment(const Manifest& manifest, const SegmentReference& reference,
                              const SegmentDecoder::Block& block) = 0;
  virtual Status commit(const Manifest& manifest) = 0;
  // The manifest first, durably; then what no remaining manifest names. Error::not_found when there is none.
  virtual Status remove(CheckpointId id) = 0;
  // Removes what no manifest names. A damaged manifest counts as naming everything: then nothing is removed.
  virtual Status sweep() = 0;
  virtual Result<std::uint64_t> size_on_disk() = 0;
};

// Reads everything that a checkpoint consists of and checks every checksum.
Status verify_checkpoint(CheckpointStore& store, CheckpointId id);

}  // namespace tidemark
