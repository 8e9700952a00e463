// A pipeline with windows of so many records of a key, in the order in which they came.
//
// A window of `size` records is emitted with its last record, the next one `slide` records later (left out:
// size). State is in panes, as many records as size and slide are multiples of: an entry's key is the pane's
// number and then the key values, its prefix holds how many records the pane has, and the times of the
// earliest and the latest. A result merges its panes. Panes that no window needs any more go; a key without
// panes begins to number them anew. window_start and window_end are the times of the window's earliest and
// latest record. Nothing is late, and nothing ends with time. Threads: loop only.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pipeline/key_chains.h"
#include "pipeline/keyed_aggregation.h"
#include "pipeline/operator.h"

namespace tidemark {

class CountOperator final : public Operator {
 public:
  explicit CountOperator(const OperatorOptions& options);
  ~CountOperator() override;
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
  EntryTable* table() override { return entries_.table_or_null(); }
  void save(Encoder& out) const override;
  bool load(Decoder& in) override;
  bool load_counts(Decoder& in) override { return rows_.load(in); }
  Status adopt(PriorPipeline& prior, const StateChange& change) override;
  std::unique_ptr<EntryTable> take_table() override { return entries_.take_table(); }
  std::shared_ptr<const AggregateSet> aggregates() const override { return entries_.aggregates(); }
  PipelineCounters counters() const override { return rows_.counters(); }

 private:
  using Entry = EntryTable::Entry;
  using Chain = KeyChains::Chain;

  // What an entry's prefix holds beside its flags.
  struct Extent {
    std::int64_t records = 0, earliest = 0, latest = 0;
  };
  Extent extent_of(const Entry* entry) const;
  void set_extent(Entry* entry, const Extent& extent) const;

  // The pane that holds the record then; null when it was rejected or refused.
  Entry* apply(Entry* newest, const InputRow& row);
  void emit(KeyChains::Links panes, const InputRow& row);
  void leave(Chain* chain, Entry* entry);

  KeyedAggregation entries_;
  RowEvaluation& rows_;
  std::int64_t size_, slide_, pane_;  // records
  std::size_t extent_at_;
  KeyChains chains_;                  // follows from the table
  std::vector<std::uint64_t> merge_;  // the states of a window
};

}  // namespace tidemark
