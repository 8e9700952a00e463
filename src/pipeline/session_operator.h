// A pipeline with session windows: keyed state in sessions, which begin with a record and end when none has
// come for `gap`, or at `max` after their beginning.
//
// State is one entry a session: its key is the session's start and then the key values, its prefix holds the
// time of its last record. A session is [start, min(last + gap, start + max)). A record joins the session of
// its key that is under way at its time, or one that it comes less than `gap` before; where it joins the two,
// they become one, unless that were longer than `max`. Results leave by the sessions' ends, and those that
// end together by key.
//
// With an allowed lateness sessions stay for so long after their end, and a record may still join them. What
// it makes of them is late when its end + allowed_lateness <= watermark; else its result is corrected, at
// once when the watermark has passed its end. A session's result belongs to its key and start: where that
// start is no more, because the session begins earlier now or is a part of another, its result is withdrawn,
// by one without duration (window_end = window_start) over no records, which `having` does not hold back. In
// processing time, journal time is the watermark and nothing is late. Threads: loop only.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "pipeline/key_chains.h"
#include "pipeline/keyed_aggregation.h"
#include "pipeline/operator.h"

namespace tidemark {

class SessionOperator final : public Operator {
 public:
  explicit SessionOperator(const OperatorOptions& options);
  void process(const InputRow& row, const PipelineInput& input) override;
  bool foresees() const override { return rows_.foresees(); }
  void foresee(const Foresight& foresight, const PipelineInput& input) override {
    rows_.foresee(foresight, input);
  }
  bool advance(EventTime watermark, JournalTime now, Position position, Budget& budget) override;
  bool only_time_moves() const override { return true; }
  bool close_for_step(const ClockStep& step, Position position, Budget& budget) override;
  bool close_all(JournalTime now, Position position, Budget& budget) override;
  std::optional<JournalTime> next_due(bool time_driven) const override;
  bool waits_for_watermark() const override { return !due_.empty(); }
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

  struct Span {
    std::int64_t start = 0, last = 0;
  };
  // Where a record belongs: to what is under way, to what comes after it, to both, or to neither.
  struct Place {
    Entry* before = nullptr;  // joined
    Entry* after = nullptr;   // likewise
    Span span;                // of what they become
  };

  // Orders entries by key, and those of one key by their starts.
  struct ByKey {
    using is_transparent = void;
    bool operator()(const Entry* a, const Entry* b) const;
  };
  // An entry is looked at again when the watermark comes to a time: its end, or an earlier one that it had
  // before; once its result has left, the end of its lateness.
  struct Due {
    std::int64_t time = 0;
    Entry* entry = nullptr;
  };
  struct ByTime {
    bool operator()(const Due& a, const Due& b) const {
      return a.time != b.time ? a.time < b.time : ByKey()(a.entry, b.entry);
    }
  };

  Place place_of(const Chain* chain, std::int64_t time) const;
  Entry* apply(const Place& place, const InputRow& row);
  Entry* begin(const InputRow& row);
  Entry* begin_earlier(Entry* before, const InputRow& row);
  void swallow(Entry* into, Entry* entry);

  std::int64_t end_of(Span span) const;
  static std::int64_t start_of(const Entry* entry) { return KeyChains::front_of(entry); }
  Span span_of(const Entry* entry) const;
  bool is_closed(std::int64_t end) const { return end <= forgotten_ || closes(end) <= watermark_; }
  std::int64_t closes(std::int64_t end) const {
    return to_ns(saturating_add(time_from_ns<EventTime>(end), lateness_));
  }

  void join_chain(Entry* entry);
  void leave(Entry* entry);
  void set_due(Entry* entry, std::int64_t time);
  void take_due(Entry* entry);
  void mark_pending(Entry* entry, JournalTime now);
  void forget_pending(Entry* entry);

  bool close_until(std::int64_t until, JournalTime now, Position position, Budget& budget);
  bool emit_due(JournalTime now, Position position, Budget& budget);
  void emit(const Entry* entry, JournalTime now, Position position);
  Status find_open();

  std::byte* word(Entry* entry, std::size_t at) const { return EntryTable::payload(entry) + at; }

  const PipelinePlan& plan_;
  KeyedAggregation entries_;
  RowEvaluation& rows_;
  Duration gap_, max_;  // max 0: none
  Duration lateness_;
  bool every_;
  std::size_t last_at_;   // the time of the last record
  std::size_t chain_at_;  // the chain of the key's sessions
  std::size_t due_at_;    // the time under which it stands in due_

  std::int64_t watermark_;  // event: the last watermark; processing: journal time
  std::int64_t forgotten_;  // sessions that ended by then are gone, whatever lateness is allowed now
  std::optional<JournalTime> every_due_;
  // The following follows from the table.
  KeyChains chains_;
  std::set<Due, ByTime> due_;        // every entry once
  std::set<Entry*, ByKey> pending_;  // `every`: changed since the last beat, and not ended

  bool beating_ = false;                      // pending entries are being emitted
  std::optional<std::int64_t> drains_until_;  // while everything open ends
};

}  // namespace tidemark
