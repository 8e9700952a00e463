#include "pipeline/pane_merge.h"

#include <algorithm>
#include <limits>

namespace tidemark {
namespace {

std::byte* bytes_of(std::vector<std::uint64_t>& words) {
  return reinterpret_cast<std::byte*>(words.data());
}

}  // namespace

PaneSums::~PaneSums() {
  for (const auto& [place, state] : runs_) destroy(state);
}

void PaneSums::destroy(const State& state) const {
  layout_.destroy(reinterpret_cast<std::byte*>(state.get()));
}

const std::byte* PaneSums::find(unsigned level, std::int64_t run) const {
  const auto at = runs_.find({level, run});
  return at == runs_.end() ? nullptr : reinterpret_cast<const std::byte*>(at->second.get());
}

std::byte* PaneSums::make(unsigned level, std::int64_t run) {
  State& state = runs_[{level, run}];
  state = std::make_unique_for_overwrite<std::uint64_t[]>(layout_.size() / 8 + 1);
  std::byte* bytes = reinterpret_cast<std::byte*>(state.get());
  layout_.create(bytes);
  return bytes;
}

void PaneSums::forget(unsigned level, std::int64_t run) {
  const auto at = runs_.find({level, run});
  if (at == runs_.end()) return;
  destroy(at->second);
  runs_.erase(at);
}

void PaneSums::forget_before(unsigned level, std::int64_t run) {
  for (auto at = runs_.lower_bound({level, std::numeric_limits<std::int64_t>::min()});
       at != runs_.end() && at->first < std::pair(level, run);) {
    destroy(at->second);
    at = runs_.erase(at);
  }
}

PaneMerge::PaneMerge(const KeyedAggregation& entries, const TimeWindows& windows)
    : entries_(entries), windows_(windows) {
  for (std::vector<std::uint64_t>& states : scratch_) {
    states.resize(entries_.layout().size() / 8 + 1);
    entries_.layout().create(bytes_of(states));
  }
}

PaneMerge::~PaneMerge() {
  for (std::vector<std::uint64_t>& states : scratch_) entries_.layout().destroy(bytes_of(states));
}

std::byte* PaneMerge::scratch(unsigned level) {
  std::byte* states = bytes_of(scratch_[level]);
  entries_.layout().destroy(states);
  entries_.layout().create(states);
  return states;
}

const std::byte* PaneMerge::window(KeyChains::Chain& chain, std::int64_t start, std::int64_t end,
                                   std::int64_t watermark, std::size_t& merged) {
  const KeyChains::Links panes = chain.between(start, end);
  if (panes.size() == 1) return entries_.states(panes.front().entry);
  std::byte* into = scratch(0);
  if (!windows_.numbers_panes()) {
    for (const KeyChains::Link& pane : panes) entries_.layout().merge(into, entries_.states(pane.entry));
    merged += panes.size();
    return into;
  }
  const std::int64_t from = windows_.pane_number(start);
  // No window that is yet to end needs what begins before this one.
  if (chain.sums)
    for (unsigned level = 1; level <= kLevels; ++level)
      chain.sums->forget_before(level, from >> (kBits * level));
  add(into, panes, from, windows_.pane_number(end), kLevels, {chain, watermark, merged});
  return into;
}

// `panes` are those numbered [from, to).
void PaneMerge::add(std::byte* into, KeyChains::Links panes, std::int64_t from, std::int64_t to,
                    unsigned most, const Visit& visit) {
  while (!panes.empty()) {
    // The largest run around the first pane that lies inside.
    const std::int64_t first = windows_.pane_number(panes.front().front);
    unsigned level = 0;
    std::int64_t end = first + 1;
    for (unsigned larger = 1; larger <= most; ++larger) {
      const std::int64_t number = first >> (kBits * larger);
      if (number << (kBits * larger) < from || (number + 1) << (kBits * larger) > to) break;
      level = larger;
      end = (number + 1) << (kBits * larger);
    }
    const auto after = level == 0 ? panes.begin() + 1
                                  : std::ranges::partition_point(panes, [&](const KeyChains::Link& pane) {
                                      return windows_.pane_number(pane.front) < end;
                                    });
    const KeyChains::Links inside(panes.begin(), after);
    const std::byte* states = inside.size() == 1 ? entries_.states(inside.front().entry)
                                                 : run(level, first >> (kBits * level), inside, visit);
    entries_.layout().merge(into, states);
    ++visit.merged;
    panes = {after, panes.end()};
  }
}

// Of more than one pane.
const std::byte* PaneMerge::run(unsigned level, std::int64_t number, KeyChains::Links panes,
                                const Visit& visit) {
  std::unique_ptr<PaneSums>& sums = visit.chain.sums;
  if (sums)
    if (const std::byte* kept = sums->find(level, number)) return kept;
  const std::int64_t from = number << (kBits * level), to = (number + 1) << (kBits * level);
  const bool keeps = panes.size() >= kWorth && windows_.pane_of_number(to) <= visit.watermark;
  if (keeps && !sums) sums = std::make_unique<PaneSums>(entries_.layout());
  std::byte* into = keeps ? sums->make(level, number) : scratch(level);
  add(into, panes, from, to, level - 1, visit);
  return into;
}

void PaneMerge::changed(KeyChains::Chain& chain, std::int64_t pane_start) const {
  if (!chain.sums || !windows_.numbers_panes()) return;
  const std::int64_t number = windows_.pane_number(pane_start);
  for (unsigned level = 1; level <= kLevels; ++level) chain.sums->forget(level, number >> (kBits * level));
}

}  // namespace tidemark
