// A pipeline with change functions (windows/change.h): lag, changed, debounce and their like.
//
// They are evaluated once for every record of the key, in the order in which they were written, before
// `where`, and their state takes the record in whether it passes or not: "only when it changed" compares with
// the record before, not with the last result. A record that cannot be evaluated, anywhere, changes nothing.
// Without aggregates every record that passes is a result; with aggregates these are running ones, over the
// records that pass, and each of those gives a result.
//
// State is one entry a key, as that of running aggregates (keyed_operator.h): the aggregates, then the change
// functions; and like theirs it expires after `ttl`, and is bounded by max_keys. Threads: loop only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/key_buffer.h"
#include "pipeline/aggregate_arguments.h"
#include "pipeline/key_calendar.h"
#include "pipeline/keyed_entries.h"
#include "pipeline/operator.h"
#include "pipeline/row_evaluation.h"
#include "windows/accumulation.h"

namespace tidemark {

class ChangeOperator final : public Operator {
 public:
  explicit ChangeOperator(const OperatorOptions& options);
  ~ChangeOperator() override;
  void process(const InputRow& row, const PipelineInput& input) override;
  bool advance(EventTime watermark, JournalTime now, Position position, Budget& budget) override;
  bool close_for_step(const ClockStep& step, Position position, Budget& budget) override;
  bool close_all(JournalTime, Position, Budget&) override { return true; }
  std::optional<JournalTime> next_due(bool) const override { return std::nullopt; }
  bool waits_for_watermark() const override { return false; }
  EntryTable* table() override { return entries_.table(); }
  void save(Encoder& out) const override;
  bool load(Decoder& in) override;
  bool load_counts(Decoder& in) override { return rows_.load(in); }
  Status adopt(PriorPipeline& prior, const StateChange& change) override;
  std::unique_ptr<EntryTable> take_table() override { return entries_.take_table(); }
  std::shared_ptr<const AggregateSet> aggregates() const override { return entries_.aggregates(); }
  PipelineCounters counters() const override { return rows_.counters(); }

 private:
  using Entry = EntryTable::Entry;

  std::int64_t time_of(const InputRow& row) const {
    return plan_.processing_time ? to_ns(row.received) : to_ns(row.time);
  }
  std::int64_t end_of(const std::byte* payload) const;
  bool evaluate_key(const InputRow& row);
  bool observe(const InputRow& row, const std::byte* states);
  bool evaluate_result(const InputRow& row);
  void expect_end(const EntryTable::Found& found, bool known);
  bool enter(EntryTable::Found& found, bool expired, const InputRow& row);
  Aggregate::Input input_of(std::size_t change, const InputRow& row) const;
  std::size_t offset(std::size_t change) const {
    return entries_.layout().offset(plan_.aggregates.size() + change);
  }
  void emit(const std::byte* states, const InputRow& row);
  void emit_row(std::span<const Value> selected, const InputRow& row);
  void forget(Entry* entry);

  const PipelinePlan& plan_;
  Outlets& outlets_;
  RowEvaluation rows_;
  KeyedEntries entries_;
  Duration ttl_;  // 0: none
  std::int64_t clock_;
  KeyCalendar ends_;  // of every entry, with a ttl; not before the time that stands there

  // Of the record at hand.
  KeyBuffer key_;
  AggregateArguments arguments_;
  Accumulation accumulation_;
  std::vector<Value> key_values_, seen_, output_row_, result_;  // seen_: what each change function is given
  bool has_result_ = false;
  std::vector<std::uint64_t> empty_;  // created states, for a key that is new
  Arena results_;
};

}  // namespace tidemark
