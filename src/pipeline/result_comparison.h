// ResultComparison tells where the results of two runs over the same input differ.
//
// Results belong together when pipeline, channel, key and window are the same: the n-th of one run with the
// n-th of the other. Those without a key and a window (of stateless pipelines; late records and dead letters)
// belong together when they are equal. What has no counterpart yet waits in memory, up to a bound; beyond it
// the oldest is told as one that the other run does not have.
//
// Threads: one at a time. Callbacks come from take() and finish(), in the order in which a difference is
// certain.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sinks/results.h"

namespace tidemark {

class ResultComparison {
 public:
  enum class Run : std::uint8_t { first, second };

  // A column of one result or of both; values are JSON. Nothing: that run has no such result or column.
  struct Cell {
    std::string name;
    std::optional<std::string> first, second;
  };
  struct Difference {
    std::string pipeline;
    ChannelKind channel = ChannelKind::main;
    std::vector<std::pair<std::string, std::string>> identity;  // key fields and window, as JSON
    bool in_first = false, in_second = false;
    std::vector<Cell> cells;  // of both: those that differ; of one: all beside the identity
  };
  struct Counts {
    std::uint64_t alike = 0, differ = 0, only_first = 0, only_second = 0;
  };

  static constexpr std::size_t kMostWaiting = 200'000;
  explicit ResultComparison(std::function<void(const Difference&)> differs,
                            std::size_t most_waiting = kMostWaiting);

  void take(Run run, const ResultSchema& schema, std::span<const Value> values);
  // No more comes: what waits has no counterpart.
  void finish();

  const Counts& counts() const { return counts_; }

 private:
  struct Row {
    Run run;
    std::string key;  // of the results that it belongs to
    std::string pipeline;
    ChannelKind channel;
    std::size_t identity;
    std::vector<std::pair<std::string, std::string>> columns;
  };
  using Waiting = std::list<Row>;  // oldest first

  static Row row_of(Run run, const ResultSchema& schema, std::span<const Value> values);
  void compare(const Row& first, const Row& second);
  void tell_alone(const Row& row);
  void drop_oldest();

  std::function<void(const Difference&)> differs_;
  std::size_t most_waiting_;
  Waiting waiting_;
  std::map<std::string, std::deque<Waiting::iterator>, std::less<>> by_key_;  // each of one run only
  Counts counts_;
};

}  // namespace tidemark
