// Checkpoints as JSON: what the control socket answers and what `checkpoint list --json` and `show --json`
// print.
//
// The conventions are status_json.h's; checksums and fingerprints are 16 hex digits.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.h"
#include "base/json.h"
#include "base/times.h"
#include "pipeline/appliance.h"

namespace tidemark {

// A line of `checkpoint list`.
struct CheckpointRow {
  CheckpointId id;
  std::string damage;  // why its manifest cannot be read; empty when it can. Otherwise nothing below is known
  std::int64_t wall_ns = 0;
  std::uint64_t bytes = 0;  // of its manifest and all its segments, those shared with others included
  bool incremental = false;
  Duration duration{};
  Position position;
  Timeline timeline;
};
CheckpointRow row_of(const Appliance::Listed& listed);

void write_checkpoint_row(JsonWriter& out, const CheckpointRow& row);
CheckpointRow read_checkpoint_row(const JsonValue& json);

// Without its sections, which only their owners can read.
void write_manifest(JsonWriter& out, const Manifest& manifest);
Manifest read_manifest(const JsonValue& json);

// 16 hex digits.
// The name under which data_dir/config keeps the configuration that it was taken under.
std::string configuration_of(const Manifest& manifest);
std::string fingerprint_text(std::uint64_t fingerprint);

}  // namespace tidemark
