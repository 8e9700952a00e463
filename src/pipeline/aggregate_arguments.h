// AggregateArguments evaluates what a record gives to the aggregates of a pipeline: filters and arguments.
//
// Equal expressions are evaluated once: avg(x), min(x) and max(x) share the x that stands in one place.
// Threads: loop only.   Lifetime: the plan outlives it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pipeline/row_evaluation.h"
#include "windows/accumulation.h"

namespace tidemark {

class AggregateArguments {
 public:
  // Of the records that `rows` lets pass.
  AggregateArguments(const PipelinePlan& plan, RowEvaluation& rows);

  // False when the record was rejected.
  bool evaluate(RowEvaluation& rows, const InputRow& row) {
    const Value* working = rows.working().data();
    for (const Copy& copy : copies_) values_[copy.to] = working[copy.slot];
    return steps_.empty() || evaluate_steps(rows, row);
  }
  // Of the record that was evaluated last.
  std::span<const Value> values() const { return values_; }
  std::span<const std::uint8_t> passed_over() const { return passed_over_; }

  // How the aggregates find them.
  const std::vector<Accumulation::Call>& calls() const { return calls_; }

 private:
  // In the order of the aggregates; of each, the filter comes first.
  struct Step {
    const AggregateColumn* column;
    const Program* program;
    std::size_t number;  // of the program in RowEvaluation
    std::uint32_t to;    // in values_; of a filter, the aggregate
    bool is_filter;
  };
  struct Copy {
    std::uint32_t slot, to;
  };
  void place(const AggregateColumn& column, RowEvaluation& rows, std::vector<const Program*>& places);
  bool evaluate_steps(RowEvaluation& rows, const InputRow& row);
  bool evaluate_step(const Step& step, RowEvaluation& rows, const InputRow& row);

  std::vector<Step> steps_;
  std::vector<Copy> copies_;  // arguments that are columns: nothing can go wrong with them
  std::vector<Accumulation::Call> calls_;
  std::vector<Value> values_;
  std::vector<std::uint8_t> passed_over_;  // by aggregate; empty without filters
};

}  // namespace tidemark
