// The chain of segments that together are the state of one pipeline: a base, the increments after it, and
// perhaps parts of the key space begun anew in between.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/manifest.h"
#include "checkpoint/store.h"

namespace tidemark {

// Removes the segments of `owner` whose every partition begins anew in a later one: nothing of them is read
// any more.
void drop_superseded(std::vector<SegmentReference>& segments, const std::string& owner);

// Hands rows to a writer in blocks that it accepts, never cutting a row.
Status append_in_blocks(SegmentWriter& writer, std::string_view rows);

// Restores the table of `owner` from the manifest's segments, in order, leaving out rows that a later base
// supersedes.
Status restore_table(CheckpointStore& store, const Manifest& manifest, const std::string& owner,
                     class EntryTable& table);

}  // namespace tidemark
