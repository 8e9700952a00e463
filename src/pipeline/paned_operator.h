// A pipeline with hopping or cumulating windows (windows/time_windows.h): keyed state in panes.
//
// State is one entry a key and pane: a record changes one, however many windows it is in. A window's result
// merges the panes of its key when the watermark reaches its end, in the order of time; results of one window
// leave by key, windows by their ends. An entry's key is the pane's start and then the key values; it stays
// until the last window that holds the pane is closed for good.
//
// A window is closed for good when end + allowed_lateness <= watermark; a record is late when all windows
// that hold it are. Of those that are closed but not for good, a record makes corrected results, which leave
// before anything else happens. With `emit = "every …"` each key that has changed shows, at the beat, the
// first window to end that holds the change. In processing time, journal time is the watermark and nothing is
// late. Windows that were forgotten under an earlier plan, which allowed less lateness, stay forgotten.
// Threads: loop only.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "pipeline/key_chains.h"
#include "pipeline/keyed_aggregation.h"
#include "pipeline/operator.h"
#include "pipeline/ordered_drain.h"
#include "pipeline/pane_merge.h"
#include "windows/time_windows.h"

namespace tidemark {

class PanedOperator final : public Operator {
 public:
  explicit PanedOperator(const OperatorOptions& options);
  void process(const InputRow& row, const PipelineInput& input) override;
  bool foresees() const override { return rows_.foresees(); }
  void foresee(const Foresight& foresight, const PipelineInput& input) override {
    rows_.foresee(foresight, input);
  }
  bool advance(EventTime watermark, JournalTime now, Position position, Budget& budget) override;
  // Corrections leave with it.
  bool only_time_moves() const override { return lateness_ == Duration(0); }
  bool close_for_step(const ClockStep& step, Position position, Budget& budget) override;
  bool close_all(JournalTime now, Position position, Budget& budget) override;
  std::optional<JournalTime> next_due(bool time_driven) const override;
  bool waits_for_watermark() const override { return !panes_.empty(); }
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

  // The pane that the last record fell into.
  struct Pane {
    bool holds(std::int64_t time) const { return time >= start && time < end; }
    std::int64_t start = 0, end = 0;  // empty at first
    std::int64_t first_end = 0;       // of the windows that hold it
    std::int64_t last_end = 0;
  };
  // What is under way in slices. The entries that it goes through stand in drain_.
  enum class Work { nothing, gathering, emitting };

  // Panes stay while corrections of their windows are allowed.
  bool keeps_closed() const { return lateness_ != Duration(0); }
  void enter_pane(std::int64_t time);
  void apply(const InputRow& row);
  bool is_closed(std::int64_t end) const {
    return end <= forgotten_ || to_ns(saturating_add(time_from_ns<EventTime>(end), lateness_)) <= watermark_;
  }
  // The first window that ends after `ns` and holds anything.
  std::optional<std::int64_t> next_end(std::int64_t ns) const;
  void find_next_close();

  bool correct(JournalTime now, Position position, Budget& budget);
  bool close_until(std::int64_t until, JournalTime now, Position position, Budget& budget);
  bool close_next(JournalTime now, Position position, Budget& budget);
  bool drop_until(std::int64_t until, Budget& budget);
  bool drop_oldest(Budget& budget);

  void mark_pending(Entry* entry, JournalTime now);
  bool emit_due(JournalTime now, Position position, Budget& budget);
  void emit_early(Entry* entry, JournalTime now, Position position, Budget& budget);
  void forget_pending();

  bool prepare_drain(Budget& budget);
  void emit(Chain& chain, std::int64_t end, JournalTime now, Position position, Budget& budget);
  std::byte* link(Entry* entry) const { return EntryTable::payload(entry) + link_at_; }
  void join_chain(Entry* entry);
  Chain* chain_of(Entry* entry) const;
  Status find_open();

  const PipelinePlan& plan_;
  KeyedAggregation entries_;
  RowEvaluation& rows_;
  TimeWindows windows_;
  Duration lateness_;
  bool every_;
  std::size_t link_at_;  // an entry's chain
  PaneMerge merge_;

  std::int64_t watermark_;  // event: the last watermark; processing: journal time
  std::int64_t forgotten_;  // windows that end by then are gone, whatever lateness is allowed now
  std::int64_t next_close_ = to_ns(kEventTimeMin);  // before the watermark has come to this, nothing closes
  std::optional<JournalTime> every_due_;
  // The following follows from the table, but for the corrections, which do not outlast an entry.
  KeyChains chains_;
  std::map<std::int64_t, EntryList> panes_;  // by their start
  std::map<std::int64_t, EntryList>
      pending_;                      // `every`: changed since the last beat, by pane; in an open window
  std::vector<Entry*> corrections_;  // changed behind the watermark
  std::size_t corrected_ = 0;        // of them, how many are done
  std::int64_t corrected_through_;   // of the next, the windows that end by then are done

  Work work_ = Work::nothing;
  bool closes_ = false;       // windows are being closed, and panes dropped
  std::int64_t closing_ = 0;  // the end of the window at hand
  std::size_t gathered_ = 0;  // of all chains
  EntryList gathering_;
  bool beating_ = false;  // pending entries are being emitted
  OrderedDrain drain_{KeyedAggregation::kFront};

  Pane pane_;  // of the record at hand
};

}  // namespace tidemark
