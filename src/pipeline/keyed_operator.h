// A pipeline with aggregates: keyed state, without a window (running) or in tumbling windows.
//
// State is one entry a key, or a key and window. The entry's key is the window's start (windows only) and
// then the key values (base/key_encoding.h), so that the order of the bytes is the order in which results are
// emitted.
//
// Windows [start, end): a record is late when end + allowed_lateness <= watermark. When the watermark reaches
// end, the window's results are emitted; the entries stay until allowed_lateness is over too, and a record
// that still comes in emits the corrected result at once. In processing time, journal time is the watermark
// and nothing is late. Windows that were forgotten under an earlier plan, which allowed less lateness, stay
// forgotten: a record of one would begin it anew.
//
// A running aggregate with a ttl expires when the clock (the watermark, or the record's own event time; in
// processing time journal time) has come to the time of its last record and the ttl: then it starts from
// nothing, and the entry goes. Where a key may hold no more, new ones are refused, or the one that was made
// first goes. Threads: loop only.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "pipeline/keyed_aggregation.h"
#include "pipeline/operator.h"
#include "pipeline/ordered_drain.h"
#include "windows/tumbling.h"

namespace tidemark {

class KeyedOperator final : public Operator {
 public:
  explicit KeyedOperator(const OperatorOptions& options);
  void process(const InputRow& row, const PipelineInput& input) override;
  bool foresees() const override { return entries_.foresees() || rows_.foresees(); }
  void foresee(const Foresight& foresight, const PipelineInput& input) override;
  bool advance(EventTime watermark, JournalTime now, Position position, Budget& budget) override;
  bool only_time_moves() const override { return windowed_; }
  bool close_for_step(const ClockStep& step, Position position, Budget& budget) override;
  bool close_all(JournalTime now, Position position, Budget& budget) override;
  std::optional<JournalTime> next_due(bool time_driven) const override;
  bool waits_for_watermark() const override { return windowed_ && entries_.table_or_null()->size() != 0; }
  EntryTable* table() override { return entries_.table_or_null(); }
  void save(Encoder& out) const override;
  bool load(Decoder& in) override;
  bool load_counts(Decoder& in) override { return rows_.load(in); }
  Status adopt(PriorPipeline& prior, const StateChange& change) override;
  std::unique_ptr<EntryTable> take_table() override { return entries_.take_table(); }
  std::shared_ptr<const AggregateSet> aggregates() const override { return entries_.aggregates(); }
  PipelineCounters counters() const override { return rows_.counters(); }

 private:
  // What has to be emitted in key order before anything else can happen.
  struct Closing {
    enum class What { nothing, window, every } what = What::nothing;
    std::int64_t start = 0;  // of the window
  };

  // The window that the last record fell into. Most records fall into the same as the one before.
  struct Window {
    bool holds(std::int64_t time) const { return time >= start && time < end; }
    std::int64_t start = 0, end = 0;  // empty at first
    std::int64_t closes = 0;          // for good, when the watermark has come to this
    EntryList* entries = nullptr;     // of open_, once there are any
  };

  struct Made {
    EntryTable::Entry* entry;
    std::int64_t look = 0;  // where it stands in expiries_
  };

  // A closed window's entries stay while corrections are allowed.
  bool keeps_closed() const { return lateness_ != Duration(0); }
  Status find_open();
  void apply(const InputRow& row);
  void find_next_close();
  void enter_window(std::int64_t time);
  bool is_closed(const Window& window) const {
    return window.end <= forgotten_ || window.closes <= watermark_;
  }
  EntryList& entries_of(Window& window);
  void forget_window(std::int64_t start);
  void mark_pending(EntryTable::Entry* entry, JournalTime now);
  void forget_pending(std::int64_t start);

  // True when everything whose end is not after `until` was closed.
  bool close_until(std::int64_t until, JournalTime now, Position position, Budget& budget);
  // Entries are made and go only by these: the limits count them.
  bool make_entry(EntryTable::Found& found, const InputRow& row);
  void forget(EntryTable::Entry* entry);
  std::int64_t deadline(const std::byte* payload) const;
  bool has_expired(const std::byte* payload, std::int64_t clock) const { return deadline(payload) <= clock; }
  std::uint64_t order_of(const std::byte* payload) const {
    return static_cast<std::uint64_t>(read_word(payload + order_at_));
  }
  void look_again(std::uint64_t order, Made& made, std::int64_t at);
  bool expire(Budget& budget);
  bool emit_due(JournalTime now, Position position, Budget& budget);
  bool drain(JournalTime now, Position position, Budget& budget);
  bool drop_expired(std::int64_t until, Budget& budget);
  bool drop_oldest(Budget& budget);
  void emit(EntryTable::Entry* entry, EventTime time, JournalTime now, Position position);

  const PipelinePlan& plan_;
  KeyedAggregation entries_;
  RowEvaluation& rows_;
  bool windowed_;
  TumblingWindows windows_;
  Duration lateness_;
  bool every_;
  std::int64_t ttl_;  // 0: none
  bool evicts_;
  std::size_t used_at_, order_at_;

  std::int64_t
      watermark_;  // event: the last watermark; processing: journal time. What is closed is decided by it
  std::int64_t forgotten_;  // windows that end by then are gone, whatever lateness is allowed now
  std::int64_t next_close_ = to_ns(kEventTimeMin);  // before the watermark has come to this, nothing closes
  std::map<std::int64_t, EntryList> open_;          // by window start; follows from table_
  std::map<std::int64_t, EntryList>
      pending_;           // `every`: changed since the last beat, by window start, or at 0
  bool beating_ = false;  // pending entries are being emitted
  std::optional<JournalTime> every_due_;
  std::map<std::uint64_t, Made> by_order_;  // with a ttl, or where keys are evicted
  std::uint64_t next_order_ = 1;
  // When to look whether an entry has expired, with its order: never later than its deadline, which may have
  // moved on meanwhile. One for each entry that there is.
  std::set<std::pair<std::int64_t, std::uint64_t>> expiries_;
  Closing closing_;
  std::optional<std::int64_t> closed_through_;  // of the closing under way: windows up to this start are done
  OrderedDrain drain_;

  Window window_;  // of the record at hand
};

}  // namespace tidemark
