#include "pipeline/key_chains.h"

#include <algorithm>

#include "base/checksum.h"
#include "base/invariant.h"
#include "base/key_encoding.h"
#include "pipeline/keyed_aggregation.h"
#include "pipeline/pane_merge.h"

namespace tidemark {
namespace {

std::string_view key_values_of(const EntryTable::Entry* entry) {
  return EntryTable::key(entry).substr(KeyedAggregation::kFront);
}

}  // namespace

std::int64_t KeyChains::front_of(const Entry* entry) {
  std::string_view key = EntryTable::key(entry);
  return *take_key_time(key);
}

KeyChains::Chain::Chain() = default;
KeyChains::Chain::~Chain() = default;

KeyChains::Links KeyChains::Chain::between(std::int64_t from, std::int64_t to) const {
  const Links all = links();
  const auto begin = std::ranges::lower_bound(all, from, {}, &Link::front);
  const auto end = std::ranges::lower_bound(begin, all.end(), to, {}, &Link::front);
  return {begin, end};
}

std::uint32_t KeyChains::hash_of(std::string_view key_values) const {
  return static_cast<std::uint32_t>(table_hash(key_values, seed_) >> 32);
}

KeyChains::Chain* KeyChains::find(std::string_view key_values) {
  const std::uint32_t id = index_.find(hash_of(key_values), [&](std::uint32_t candidate) {
    return key_values_of(chains_[candidate].links_.back().entry) == key_values;
  });
  return id == KeyIndex::kNone ? nullptr : &chains_[id];
}

KeyChains::Chain* KeyChains::insert(Entry* entry) {
  Chain* chain = find(key_values_of(entry));
  if (chain == nullptr) {
    std::uint32_t id = static_cast<std::uint32_t>(chains_.size());
    if (free_.empty()) {
      chains_.emplace_back();
    } else {
      id = free_.back();
      free_.pop_back();
    }
    index_.insert(hash_of(key_values_of(entry)), id);
    chain = &chains_[id];
    chain->id_ = id;
  }
  std::vector<Link>& links = chain->links_;
  const std::int64_t front = front_of(entry);
  if (links.empty() || links.back().front < front) {
    links.push_back({front, entry});
  } else {
    const auto first = links.begin() + static_cast<std::ptrdiff_t>(chain->first_);
    links.insert(std::ranges::upper_bound(first, links.end(), front, {}, &Link::front), {front, entry});
  }
  return chain;
}

// The first one leaves by moving the beginning, so that a thousand panes are not moved for one.
void KeyChains::remove(Chain* chain, Entry* entry) {
  std::vector<Link>& links = chain->links_;
  if (chain->links().size() == 1) {
    index_.erase(hash_of(key_values_of(entry)), chain->id_);
    free_.push_back(chain->id_);
    links = {};
    chain->sums.reset();
    chain->first_ = 0;
    return;
  }
  const auto first = links.begin() + static_cast<std::ptrdiff_t>(chain->first_);
  const auto at = std::ranges::lower_bound(first, links.end(), front_of(entry), {}, &Link::front);
  invariant(at != links.end() && at->entry == entry, "an entry stands in its chain");
  if (at != first) {
    links.erase(at);
    return;
  }
  ++chain->first_;
  if (chain->first_ * 2 < links.size()) return;
  links.erase(links.begin(), links.begin() + static_cast<std::ptrdiff_t>(chain->first_));
  chain->first_ = 0;
}

}  // namespace tidemark
