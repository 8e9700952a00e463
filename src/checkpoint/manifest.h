// Manifest: what makes a checkpoint exist. Written last; it names every segment, with its checksum.
//
// Who owns a piece of state encodes it into a section; the manifest does not look inside. What a person wants
// to see (`checkpoint show`) stands beside it in plain fields.
// Value.   Format: FORMAT.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/times.h"

namespace tidemark {

struct SegmentReference {
  std::string name;   // unique in the store: "7-2-1" = of chk-7, run 2, the first
  std::string owner;  // "state/UID", "memory/SOURCE" or "pending/SINK"
  std::uint64_t bytes = 0;
  std::uint64_t rows = 0;
  std::uint64_t checksum = 0;  // of the whole file
  // State only: the partitions for which this segment starts anew, [base_from, base_to); rows of these
  // partitions in earlier segments of the same owner count no more.
  std::uint32_t base_from = 0, base_to = 0;
};

struct SourceSummary {
  std::string name;
  std::string text;  // "offset 1234", "session 3, 20 ids": the source's own words
  EventTime watermark;
};

struct PipelineSummary {
  std::string name, uid;
  std::uint64_t plan_fingerprint = 0;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;  // of state, in memory
  EventTime watermark;
  Position position;  // behind the checkpoint's when the pipeline stands still
};

struct Manifest {
  CheckpointId id;
  Lineage lineage;
  Timeline timeline;
  RunId run;
  Position position;
  JournalTime journal_time;     // of the entry at `position`
  std::int64_t wall_ns = 0;     // when it was taken; for people only
  Duration duration{};          // from barrier to manifest
  std::uint32_t semantics = 0;  // raised when the same journal would give other results under a newer program
  bool incremental = false;
  std::string configuration;  // canonical text
  std::vector<std::pair<std::string, std::string>> sections;
  std::vector<SegmentReference> segments;  // in the order in which they are applied
  std::vector<SourceSummary> sources;
  std::vector<PipelineSummary> pipelines;

  const std::string* section(std::string_view name) const;
  std::uint64_t total_bytes() const;  // of all segments
};

std::string encode_manifest(const Manifest& manifest);
// `where` names the file for the error.
Result<Manifest> decode_manifest(std::string_view bytes, std::string_view where);

}  // namespace tidemark
