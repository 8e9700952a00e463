// The repair of the journal's end at start, before anything is appended.
//
// A torn tail is cut off. What is whole but was never called durable may so far be in the page cache only
// (the program was killed, not the machine), or in pages whose sync failed and that the kernel will not write
// again: it is copied to a new segment and synced there, so that what a replay builds on survives a power
// cut. Threads: one at a time; calls block.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "journal/reader.h"
#include "journal/scan.h"

namespace tidemark {

// Bytes of a torn tail in this segment: behind the whole blocks, without zeros that were put ahead.
Result<std::uint64_t> torn_bytes(const JournalFolder& folder, const JournalTail& tail, std::uint64_t segment);

struct TailRepair {
  std::uint64_t cut_bytes = 0;
  std::vector<std::string> notes;
};

// `known_durable`: positions up to it need no copy.
Result<TailRepair> repair_tail(const JournalFolder& folder, const JournalScan& scan, Position known_durable);

}  // namespace tidemark
