// A pipeline without aggregates: every record that passes is a result.
#pragma once

#include <vector>

#include "pipeline/operator.h"
#include "pipeline/row_evaluation.h"

namespace tidemark {

class StatelessOperator final : public Operator {
 public:
  explicit StatelessOperator(const OperatorOptions& options);
  void process(const InputRow& row, const PipelineInput& input) override;
  bool foresees() const override { return rows_.foresees(); }
  void foresee(const Foresight& foresight, const PipelineInput& input) override {
    rows_.foresee(foresight, input);
  }
  bool advance(EventTime, JournalTime, Position, Budget&) override { return true; }
  bool only_time_moves() const override { return true; }
  bool close_for_step(const ClockStep&, Position, Budget&) override { return true; }
  bool close_all(JournalTime, Position, Budget&) override { return true; }
  std::optional<JournalTime> next_due(bool) const override { return std::nullopt; }
  bool waits_for_watermark() const override { return false; }
  EntryTable* table() override { return nullptr; }
  void save(Encoder& out) const override { rows_.save(out); }
  bool load(Decoder& in) override { return rows_.load(in); }
  bool load_counts(Decoder& in) override { return rows_.load(in); }
  Status adopt(PriorPipeline&, const StateChange&) override { return {}; }
  std::unique_ptr<EntryTable> take_table() override { return nullptr; }
  std::shared_ptr<const AggregateSet> aggregates() const override { return nullptr; }
  PipelineCounters counters() const override { return rows_.counters(); }

 private:
  const PipelinePlan& plan_;
  Outlets& outlets_;
  RowEvaluation rows_;
  std::vector<std::size_t> numbers_;  // in it, of the columns of select
};

}  // namespace tidemark
