// PaneMerge puts the states of a window together from those of its panes, without going through all of them
// for every window: runs of 16, 256, 4096 … panes, aligned, are merged once and kept with their key.
//
// How panes are put together follows from which of them there are, and not from what is kept: a run's state
// is that of its parts in the order of time, a window's that of the largest runs that it holds. So a result
// is the same to the bit whether its runs were kept, made again after a restart, or never kept at all.
// A run is kept once the watermark has passed it; whoever changes a pane behind the watermark says so.
// Panes of a time zone are not of one length: they are merged one after another. Threads: loop only.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "pipeline/key_chains.h"
#include "pipeline/keyed_aggregation.h"
#include "windows/layout.h"
#include "windows/time_windows.h"

namespace tidemark {

// The runs of one key that are kept. Freed before the aggregates.
class PaneSums {
 public:
  explicit PaneSums(const AggregateLayout& layout) : layout_(layout) {}
  ~PaneSums();
  PaneSums(const PaneSums&) = delete;
  PaneSums& operator=(const PaneSums&) = delete;

  const std::byte* find(unsigned level, std::int64_t run) const;
  std::byte* make(unsigned level, std::int64_t run);  // states without records
  void forget(unsigned level, std::int64_t run);
  void forget_before(unsigned level, std::int64_t run);

 private:
  using State = std::unique_ptr<std::uint64_t[]>;
  void destroy(const State& state) const;
  const AggregateLayout& layout_;
  std::map<std::pair<unsigned, std::int64_t>, State> runs_;
};

class PaneMerge {
 public:
  PaneMerge(const KeyedAggregation& entries, const TimeWindows& windows);
  ~PaneMerge();
  PaneMerge(const PaneMerge&) = delete;
  PaneMerge& operator=(const PaneMerge&) = delete;

  // The states of the window of that key, which has panes in it; valid until the next call. `merged` grows by
  // how many states were visited.
  const std::byte* window(KeyChains::Chain& chain, std::int64_t start, std::int64_t end,
                          std::int64_t watermark, std::size_t& merged);
  // The pane of that start has changed behind the watermark.
  void changed(KeyChains::Chain& chain, std::int64_t pane_start) const;

 private:
  static constexpr unsigned kBits = 4;      // a run holds so many parts: 16
  static constexpr unsigned kLevels = 4;    // of runs: 16 … 65536 panes
  static constexpr std::size_t kWorth = 8;  // panes of a run that is kept

  struct Visit {
    KeyChains::Chain& chain;
    std::int64_t watermark;
    std::size_t& merged;
  };
  void add(std::byte* into, KeyChains::Links panes, std::int64_t from, std::int64_t to, unsigned most,
           const Visit& visit);
  const std::byte* run(unsigned level, std::int64_t number, KeyChains::Links panes, const Visit& visit);
  std::byte* scratch(unsigned level);

  const KeyedAggregation& entries_;
  const TimeWindows& windows_;
  std::array<std::vector<std::uint64_t>, kLevels + 1> scratch_;  // by level; 0: the window
};

}  // namespace tidemark
