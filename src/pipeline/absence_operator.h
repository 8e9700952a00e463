// A pipeline that speaks when a key falls silent (`window = { type = "absence", timeout = "5m" }`), once, and
// again when it returns.
//
// A key is known from its first record on; until then nobody can say that it is missing. It falls silent when
// its time has come to that of its last record and the timeout: in processing time journal time, in event
// time the watermark, or a record of its own that is as much later than the one before. So silence is decided
// by the journal alone, and a result of it carries that moment, `since`, however late it is noticed. The next
// record of the key is its return. In event time a record is late when its own time and the timeout are not
// after the watermark; one from before the key's last is no more than an input of the aggregates. These are
// over the records since the key appeared or returned, and begin anew with the record that it returns with.
//
// Results: silences in the order of their moments, those of one moment in the order in which the keys
// appeared. A key that was silent for `ttl` is forgotten: should it come back, it is new. When the wall clock
// was set back, an operator whose time is that of arrival moves what it remembers back with it.
//
// State is one entry a key: flag (silent), last use (time of the last record), order of appearance, and the
// aggregates. Threads: loop only.
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

class AbsenceOperator final : public Operator {
 public:
  explicit AbsenceOperator(const OperatorOptions& options);
  ~AbsenceOperator() override;
  void process(const InputRow& row, const PipelineInput& input) override;
  bool foresees() const override { return rows_.foresees(); }
  void foresee(const Foresight& foresight, const PipelineInput& input) override {
    rows_.foresee(foresight, input);
  }
  bool advance(EventTime watermark, JournalTime now, Position position, Budget& budget) override;
  bool close_for_step(const ClockStep& step, Position position, Budget& budget) override;
  // A stop for good says nothing about the keys.
  bool close_all(JournalTime, Position, Budget&) override { return true; }
  std::optional<JournalTime> next_due(bool time_driven) const override;
  bool waits_for_watermark() const override { return !plan_.processing_time && !silences_.empty(); }
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
  static std::int64_t later(std::int64_t time, Duration by) {
    return to_ns(saturating_add(time_from_ns<EventTime>(time), by));
  }
  std::int64_t in_calendar(std::int64_t time) const { return later(time, Duration(moved_back_)); }
  bool is_silent(const std::byte* payload) const { return entries_.flag(payload) != std::byte{0}; }
  std::int64_t silent_at(const std::byte* payload) const {
    return later(entries_.last_use(payload), timeout_);
  }
  bool is_forgotten(const std::byte* payload, std::int64_t clock) const;
  bool encode_key(const InputRow& row);
  void late(const InputRow& row);
  void first_record(EntryTable::Found& found, const InputRow& row);
  void another_record(const EntryTable::Found& found, const InputRow& row);
  void begin_presence(Entry* entry, std::int64_t time, const Accumulation::Record& record);
  const char* refusal_of_first(const Accumulation::Record& record) const;
  Accumulation::Record record_of(const InputRow& row) const;

  void fall_silent(Entry* entry, JournalTime now, Position position);
  bool expire(Budget& budget);
  void settle();
  void expect_silence(const Entry* entry);
  void expect_end(const Entry* entry);
  void strike(const Entry* entry);
  void forget(Entry* entry);
  struct Change {
    bool absent;
    std::int64_t last_seen, since;
  };
  void emit(Entry* entry, const Change& change, JournalTime now, Position position);

  const PipelinePlan& plan_;
  Outlets& outlets_;
  RowEvaluation rows_;
  KeyedEntries entries_;
  Duration timeout_, ttl_;  // ttl: 0: none

  std::int64_t clock_;  // event: the last watermark; processing: journal time
  // Times in the calendars are as if the clock had never been set back: moved_back_ is to be taken off. That
  // of a key may have moved on since.
  KeyCalendar silences_;  // of every key that is present; the first stands at its true time: settle()
  KeyCalendar ends_;      // of every silent key, with a ttl
  bool unsettled_ = false;
  std::int64_t moved_back_ = 0;
  std::optional<std::uint64_t> moved_through_;  // of the clock step under way

  // Of the record at hand.
  KeyBuffer key_;
  AggregateArguments arguments_;
  Accumulation accumulation_;
  std::vector<Value> key_values_, output_row_, result_;
  std::vector<std::uint64_t> empty_;  // created aggregates, to check a first record against
  std::vector<std::string> key_texts_;
  Arena results_;
};

}  // namespace tidemark
