// StateRows shows the keyed state of a pipeline as ordinary rows: a row a key (and window), a column an
// aggregate, with the value that it has now.
//
//   columns   the keys by their names, window_start and window_end (windows only), absent and last_seen
//             (absence only), the aggregates: by the name that select gives to one alone, else by their text,
//             as in "sum(n)"
//
// It reads what checkpoints hold and what EntryTable saves: the bytes of a key and of a payload (FORMAT.md).
// Threads: one at a time.   Lifetime: the plan outlives it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/result.h"
#include "base/value.h"
#include "pipeline/keyed_payload.h"
#include "pipeline/plan.h"
#include "sinks/results.h"

namespace tidemark {

struct StateColumn {
  std::string name;
  enum class Kind { key, time, fact, aggregate, json } kind = Kind::key;  // json: of an aggregate, too
};
std::vector<StateColumn> state_columns(const PipelinePlan& plan);

class StateRows {
 public:
  explicit StateRows(const PipelinePlan& plan);
  ~StateRows();
  StateRows(const StateRows&) = delete;
  StateRows& operator=(const StateRows&) = delete;

  const std::vector<StateColumn>& columns() const { return columns_; }
  // A value a column, valid until the next call; times are integers, nanoseconds since 1970.
  // Error::corrupt when the bytes are none of this pipeline's.
  Result<std::span<const Value>> row(std::string_view key, std::string_view payload);

 private:
  const PipelinePlan& plan_;
  std::vector<StateColumn> columns_;
  std::shared_ptr<const AggregateSet> aggregates_;
  PayloadPrefix prefix_;
  KeyedPayload payload_;
  std::vector<std::uint64_t> block_;
  std::vector<std::string> key_texts_;
  std::vector<Value> values_;
  Arena arena_;
};

// What rows are asked for: the key columns named have these values, each as a person writes it: "press-1",
// 42, true, NULL.
struct KeyFilter {
  std::vector<std::pair<std::string, std::string>> equals;
};
// Indices of the columns; Error::usage names the keys that there are.
Result<std::vector<std::size_t>> columns_of(const KeyFilter& filter, const std::vector<StateColumn>& columns);
bool passes(const KeyFilter& filter, std::span<const std::size_t> columns, std::span<const Value> row);

// As a column of results.
ResultColumn result_column(const StateColumn& column);
// A row as one JSON object; times as RFC 3339.
std::string state_row_json(const std::vector<StateColumn>& columns, std::span<const Value> row);

}  // namespace tidemark
