// RestoreRule says which rows of a chain of segments make up the state: for each partition of the keys, those
// of the newest segment that starts the partition anew, and of the segments after it.
//
// Rows that count are applied in the order of their segments, by EntryTable::restore_row().
// Value.  Pure.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "state/entry_table.h"

namespace tidemark {

class RestoreRule {
 public:
  // The bases of the segments, oldest first, as they were given to begin_snapshot().
  explicit RestoreRule(std::span<const EntryTable::Base> segments);

  // Whether a row with this key in segment number `segment` counts.
  bool counts(std::size_t segment, std::string_view key) const {
    return segment >= first_[EntryTable::partition_of(key)];
  }
  // Whether any row of the segment can: a segment that has no more is no longer needed.
  bool counts_at_all(std::size_t segment) const;

 private:
  std::array<std::size_t, EntryTable::kPartitions> first_{};  // by partition, the first segment that counts
};

}  // namespace tidemark
