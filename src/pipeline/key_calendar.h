// KeyCalendar: which entry something is due for next. An entry stands in at most one calendar, at one time.
// Threads: loop only.   Lifetime: the entries outlive it; an entry is struck out before it is forgotten.
#pragma once

#include <cstdint>
#include <set>
#include <utility>

#include "pipeline/keyed_entries.h"

namespace tidemark {

class KeyCalendar {
 public:
  explicit KeyCalendar(KeyedEntries& entries) : entries_(&entries) {}

  bool empty() const { return dates_.empty(); }
  // Of the first, by time and then by the order of making.
  std::int64_t time() const { return dates_.begin()->first; }
  std::uint64_t order() const { return dates_.begin()->second; }
  KeyedEntries::Entry* entry() const { return entries_->of_order(order()); }

  void put_down(std::uint64_t order, std::int64_t time) {
    entries_->due(order) = time;
    dates_.emplace(time, order);
  }
  void strike(std::uint64_t order) { dates_.erase({entries_->due(order), order}); }

 private:
  KeyedEntries* entries_;
  std::set<std::pair<std::int64_t, std::uint64_t>> dates_;
};

}  // namespace tidemark
