#include "pipeline/ordered_drain.h"

#include <algorithm>

namespace tidemark {

void OrderedDrain::start(std::vector<EntryTable::Entry*> entries) {
  entries_ = std::move(entries);
  prepared_ = 0;
  heads_.clear();
}

bool OrderedDrain::prepare() {
  if (prepared_ == entries_.size()) return true;
  const std::size_t end = std::min(prepared_ + kRun, entries_.size());
  const auto begin = entries_.begin();
  std::sort(begin + static_cast<std::ptrdiff_t>(prepared_), begin + static_cast<std::ptrdiff_t>(end),
            [](const auto* a, const auto* b) { return EntryTable::key(a) < EntryTable::key(b); });
  heads_.push_back({prepared_, end});
  prepared_ = end;
  if (prepared_ != entries_.size()) return false;
  std::make_heap(heads_.begin(), heads_.end(), [this](const Head& a, const Head& b) { return later(a, b); });
  return true;
}

EntryTable::Entry* OrderedDrain::next() {
  if (heads_.empty()) {
    entries_.clear();
    prepared_ = 0;
    return nullptr;
  }
  const auto order = [this](const Head& a, const Head& b) { return later(a, b); };
  std::pop_heap(heads_.begin(), heads_.end(), order);
  EntryTable::Entry* entry = entries_[heads_.back().at++];
  if (heads_.back().at == heads_.back().end)
    heads_.pop_back();
  else
    std::push_heap(heads_.begin(), heads_.end(), order);
  return entry;
}

bool OrderedDrain::later(const Head& a, const Head& b) const {
  return EntryTable::key(entries_[a.at]) > EntryTable::key(entries_[b.at]);
}

}  // namespace tidemark
