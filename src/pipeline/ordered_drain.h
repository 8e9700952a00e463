// OrderedDrain hands out many entries in key order without ever sorting all of them at once.
//
// Closing a window of a million keys must not stop the loop for the time of a sort: runs of some thousand
// are sorted, one run a step, and then merged with a heap of the runs' heads (external merge sort,
// Knuth 5.4.1, in memory). Threads: loop only.  Lifetime: entries must stay until they are handed out.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include "pipeline/entry_list.h"
#include "pipeline/key_sort.h"

namespace tidemark {

class OrderedDrain {
 public:
  static constexpr std::size_t kRun = 2048;

  // The first `skipped` bytes of a key do not count; what is behind them differs in all of them.
  explicit OrderedDrain(std::size_t skipped = 0) : skipped_(skipped), sort_(skipped) {}
  void start(EntryList entries);
  // How many entries the next piece of preparation sorts; 0: none is left, and next() may be called.
  std::size_t unprepared() const { return std::min(kRun, entries_.size() - prepared_); }
  void prepare();
  // The next entry by key bytes; none may be left.
  EntryTable::Entry* next();
  bool done() const { return unprepared() == 0 && heads_.empty(); }
  // At the end: all of them again.
  EntryList finish();

 private:
  struct Head {
    std::size_t at, end;
    EntryTable::Entry* entry;  // at `at`
  };
  std::string_view key_of(const EntryTable::Entry* entry) const {
    return EntryTable::key(entry).substr(skipped_);
  }
  bool later(const Head& a, const Head& b) const;
  void settle();

  std::size_t skipped_;
  EntryList entries_;
  std::size_t prepared_ = 0;  // entries before it stand in sorted runs
  std::vector<Head> heads_;   // a heap once everything is prepared, the earliest in front
  std::vector<EntryTable::Entry*> run_;
  KeySort sort_;
};

}  // namespace tidemark
