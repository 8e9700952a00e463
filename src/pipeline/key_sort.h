// KeySort sorts entries by the bytes of their keys.
//
// Keys of one window begin alike, in their window and often in more, and lie all over the memory: comparing
// two costs a visit to both. So a few bytes of each are taken at a time, behind what all have in common, and
// sorted by those digit after digit (LSD radix sort, Knuth 5.2.5); keys that are still equal go on behind
// them. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "state/entry_table.h"

namespace tidemark {

class KeySort {
 public:
  using Entry = EntryTable::Entry;
  // The first `skipped` bytes of a key do not count; what is behind them differs in all of them.
  explicit KeySort(std::size_t skipped = 0) : skipped_(skipped) {}
  void sort(std::span<Entry*> entries);

 private:
  struct Cell {
    std::uint64_t head;  // eight bytes of the key, the first in the highest place
    Entry* entry;
  };
  // `cells` are equal in the first `depth` bytes of their keys, but for those skipped.
  void sort_from(std::span<Cell> cells, std::size_t depth, unsigned level);
  void sort_equal_heads(std::span<Cell> cells, std::size_t depth, unsigned level);
  void sort_by_head(std::span<Cell> cells);

  std::size_t skipped_;
  std::vector<Cell> cells_, other_;
};

}  // namespace tidemark
