// OrderedDrain hands out many entries in key order without ever sorting all of them at once.
//
// Closing a window of a million keys must not stop the loop for the time of a sort: runs of a few thousand
// are sorted, one run a step, and then merged with a heap of the runs' heads (external merge sort,
// Knuth 5.4.1, in memory). Threads: loop only.  Lifetime: entries must stay until they are handed out.
#pragma once

#include <cstddef>
#include <vector>

#include "state/entry_table.h"

namespace tidemark {

class OrderedDrain {
 public:
  static constexpr std::size_t kRun = 2048;

  void start(std::vector<EntryTable::Entry*> entries);
  // One bounded piece of preparation; true when next() may be called.
  bool prepare();
  // The next entry by key bytes; null at the end.
  EntryTable::Entry* next();
  bool done() const { return prepared_ == entries_.size() && heads_.empty(); }

 private:
  struct Head {
    std::size_t at, end;
  };
  bool later(const Head& a, const Head& b) const;

  std::vector<EntryTable::Entry*> entries_;
  std::size_t prepared_ = 0;  // entries before it stand in sorted runs
  std::vector<Head> heads_;   // a heap once everything is prepared
};

}  // namespace tidemark
