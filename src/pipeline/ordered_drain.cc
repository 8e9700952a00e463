#include "pipeline/ordered_drain.h"

#include <algorithm>
#include <utility>

namespace tidemark {

void OrderedDrain::start(EntryList entries) {
  entries_ = std::move(entries);
  prepared_ = 0;
  heads_.clear();
}

void OrderedDrain::prepare() {
  const std::size_t end = prepared_ + unprepared();
  run_.clear();
  for (std::size_t i = prepared_; i < end; ++i) run_.push_back(entries_[i]);
  sort_.sort(run_);
  for (std::size_t i = prepared_; i < end; ++i) entries_.set(i, run_[i - prepared_]);
  heads_.push_back({prepared_, end, run_.front()});
  prepared_ = end;
  if (unprepared() == 0)
    std::ranges::make_heap(heads_, [this](const Head& a, const Head& b) { return later(a, b); });
}

EntryTable::Entry* OrderedDrain::next() {
  Head& head = heads_.front();
  EntryTable::Entry* const entry = head.entry;
  if (++head.at != head.end) {
    head.entry = entries_[head.at];
  } else {
    head = heads_.back();
    heads_.pop_back();
  }
  settle();
  return entry;
}

EntryList OrderedDrain::finish() {
  prepared_ = 0;
  return std::move(entries_);
}

// The front of the heap has become later: it sinks to its place.
void OrderedDrain::settle() {
  for (std::size_t at = 0;;) {
    std::size_t earliest = at;
    for (const std::size_t child : {2 * at + 1, 2 * at + 2})
      if (child < heads_.size() && later(heads_[earliest], heads_[child])) earliest = child;
    if (earliest == at) return;
    std::swap(heads_[at], heads_[earliest]);
    at = earliest;
  }
}

bool OrderedDrain::later(const Head& a, const Head& b) const {
  return key_of(a.entry) > key_of(b.entry);
}

}  // namespace tidemark
