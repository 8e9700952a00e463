// What windows must give, computed the slow and obvious way: every record is kept, and each result is made
// from all records of its window. Nothing here knows panes, entries or timers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/format.h"

namespace tidemark {

struct OracleRecord {
  std::int64_t event = 0, arrival = 0;  // milliseconds after the beginning; arrivals never go back
  std::string key;
  int v = 0;
  int number = 0;       // in the order of the journal
  std::int64_t at = 0;  // by what its windows are cut: one of the two
};

// Times are milliseconds after the beginning.
class WindowOracle {
 public:
  struct Window {
    std::int64_t start = 0, end = 0;
    auto operator<=>(const Window&) const = default;
  };
  struct Rules {
    // All windows that hold a record of that time, by their ends.
    std::function<std::vector<Window>(std::int64_t time)> windows;
    std::int64_t out_of_orderness = 0, lateness = 0;
    bool processing_time = false;
    std::int64_t every = 0;  // early results; 0: none
    // The piece of time whose records share their windows: what changed in it, changed together.
    std::function<std::int64_t(std::int64_t time)> piece;
    bool next_only = false;  // early results of the window alone that ends next
  };
  explicit WindowOracle(Rules rules) : rules_(std::move(rules)) {}

  void record(OracleRecord record) {
    beat(record.arrival);
    if (rules_.processing_time) pass(record.arrival);
    const std::int64_t time = rules_.processing_time ? record.arrival : record.event;
    const std::vector<Window> windows = rules_.windows(time);
    if (!rules_.processing_time && std::ranges::all_of(windows, [&](const Window& window) {
          return window.end + rules_.lateness <= watermark_;
        })) {
      lines.push_back("w/late " + record.key);
      return;
    }
    record.at = time;
    records_.push_back(record);
    for (const Window& window : windows)
      if (window.end <= watermark_ && window.end + rules_.lateness > watermark_) emit(window, record.key);
    if (rules_.every != 0 && windows.back().end > watermark_) {
      if (changed_.empty()) due_ = (record.arrival / rules_.every + 1) * rules_.every;
      changed_.insert({rules_.piece(time), record.key});
    }
    if (!rules_.processing_time) pass(std::max(watermark_, time - rules_.out_of_orderness));
  }
  // Time passes and nothing arrives.
  void tick(std::int64_t now) {
    beat(now);
    if (rules_.processing_time) pass(now);
  }

  std::vector<std::string> lines;

 private:
  void pass(std::int64_t watermark) {
    std::set<std::pair<std::int64_t, std::string>> ending;
    std::map<std::int64_t, Window> by_end;
    for (const OracleRecord& record : records_)
      for (const Window& window : rules_.windows(record.at))
        if (window.end > watermark_ && window.end <= watermark) {
          ending.insert({window.end, record.key});
          by_end[window.end] = window;
        }
    for (const auto& [end, key] : ending) emit(by_end[end], key);
    watermark_ = watermark;
    std::erase_if(changed_,
                  [&](const auto& change) { return rules_.windows(change.first).back().end <= watermark_; });
  }

  void beat(std::int64_t now) {
    if (changed_.empty() || due_ > now) return;
    if (rules_.processing_time) pass(due_);
    // By the last change that a window shows, and the key.
    std::map<std::pair<Window, std::string>, std::int64_t> shown;
    for (const auto& [piece, key] : changed_)
      for (const Window& window : rules_.windows(piece)) {
        if (window.end <= watermark_) continue;
        shown[{window, key}] = piece;
        if (rules_.next_only) break;
      }
    std::vector<std::tuple<std::int64_t, std::string, Window>> order;
    for (const auto& [what, piece] : shown) order.emplace_back(piece, what.second, what.first);
    std::ranges::sort(order);
    for (const auto& [piece, key, window] : order) emit(window, key);
    changed_.clear();
  }

  void emit(const Window& window, const std::string& key) {
    std::int64_t n = 0, sum = 0;
    const OracleRecord *first = nullptr, *last = nullptr, *least = nullptr;
    std::string all;
    for (const OracleRecord& record : records_) {
      if (record.key != key || record.at < window.start || record.at >= window.end) continue;
      ++n;
      sum += record.v;
      if (first == nullptr || record.event < first->event) first = &record;
      if (last == nullptr || record.event >= last->event) last = &record;
      if (least == nullptr || record.v < least->v) least = &record;
    }
    lines.push_back(format("w {} {} {} {} {} {} {} {}", key, window.start, window.end, n, sum, first->v,
                           last->v, least->v));
  }

  Rules rules_;
  std::vector<OracleRecord> records_;
  std::int64_t watermark_ = -1'000'000'000;
  std::set<std::pair<std::int64_t, std::string>> changed_;  // piece, key
  std::int64_t due_ = 0;
};

}  // namespace tidemark
