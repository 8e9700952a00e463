// KeyedAggregation: what running aggregates and windows have in common, whatever the windows: how a record
// finds its entry by its key and is applied to all aggregates or to none, what an entry counts for in the
// limits, how aggregates become a result, how entries go from one plan to the next.
//
// The key of an entry is `front` bytes that say of which window, pane or number it is (8, or 0 without a
// window), and then the key values (base/key_encoding.h): the order of the bytes is an order in which results
// may be emitted. Entries are made and go only by create() and forget(): the limits count them.
// Threads: loop only.   Lifetime: plan and outlets outlive it.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/key_buffer.h"
#include "pipeline/aggregate_arguments.h"
#include "pipeline/foreseen_keys.h"
#include "pipeline/keyed_payload.h"
#include "pipeline/operator.h"
#include "pipeline/row_evaluation.h"
#include "windows/accumulation.h"

namespace tidemark {

class KeyedAggregation {
 public:
  using Entry = EntryTable::Entry;
  using Found = EntryTable::Found;
  static constexpr std::size_t kFront = 8;  // bytes of a window's, pane's or number's part of a key

  // `cost`: what an entry counts for beside its key and payload.
  KeyedAggregation(const OperatorOptions& options, std::size_t front, std::uint64_t cost);
  ~KeyedAggregation();

  const PipelinePlan& plan() const { return plan_; }
  RowEvaluation& rows() { return rows_; }
  const RowEvaluation& rows() const { return rows_; }
  EntryTable& table() { return *table_; }
  EntryTable* table_or_null() const { return table_.get(); }
  std::unique_ptr<EntryTable> take_table() { return std::move(table_); }
  const std::shared_ptr<const AggregateSet>& aggregates() const { return aggregates_; }
  const AggregateLayout& layout() const { return aggregates_->layout(); }
  const PayloadPrefix& prefix() const { return prefix_; }
  std::byte* states(std::byte* payload) const { return payload + states_at_; }
  const std::byte* states(const Entry* entry) const { return EntryTable::payload(entry) + states_at_; }
  std::string_view key_values_of(const Entry* entry) const { return EntryTable::key(entry).substr(front_); }
  // That of its window: the record's own, or of its arrival.
  std::int64_t time_of(const InputRow& row) const {
    return plan_.processing_time ? to_ns(row.received) : to_ns(row.time);
  }

  // ---- of the record at hand

  // Its front part is the caller's, and stays for the next record.
  KeyBuffer& key() { return key_; }
  // Behind the front. False when the record was rejected.
  bool encode_key(const InputRow& row) {
    hash_.reset();
    key_.cut(front_);
    for (const Program& key : plan_.keys) {
      if (const auto slot = key.bare_slot()) [[likely]]
        key_.append(rows_.working()[*slot]);
      else if (!append_evaluated(key, row))
        return false;
    }
    return true;
  }
  // What it gives to the aggregates. False when the record was rejected.
  bool evaluate(const InputRow& row) { return arguments_.evaluate(rows_, row); }
  Found look_up() {
    return hash_ ? table_->look_up(key_.view(), *hash_, place_) : table_->look_up(key_.view());
  }

  // ---- of records to come

  bool foresees() const { return table_->size() >= foresees_from_; }
  // After rows().foresee(). Brings near what these rows will meet, where their keys can be told from what is
  // decoded. front(row): the time that is the front part of its key, where keys have one.
  template <class Front>
  void foresee(const Foresight& foresight, const PipelineInput& input, Front front) {
    if (!can_foresee(foresight, input)) return;
    foreseen_.begin(foresight);
    for (std::size_t i = 0; i < foresight.rows.size(); ++i) {
      if (rows_.will_leave_out(i)) continue;
      const ForeseenRow& row = foresight.rows[i];
      ForeseenKeys::Key& key = foreseen_.add(row.values);
      if (front_ != 0) key.bytes.append_time(key.front = front(row));
      for (const Program& column : plan_.keys)
        key.bytes.append(row.values[input.gather[*column.bare_slot()]]);
      key.hash = table_->foresee(key.bytes.view());
    }
    foreseen_.each([&](ForeseenKeys::Key& key) { key.place = table_->bring_near(key.hash); });
  }
  // encode_key() of a row that was foreseen with this front. False when it was not.
  bool take_foreseen_key(const InputRow& row, std::int64_t front) {
    ForeseenKeys::Key* const key = foreseen_.find(row);
    if (key == nullptr || key->front != front) return false;
    std::swap(key_, key->bytes);
    hash_ = key->hash;
    place_ = key->place;
    return true;
  }

  // To an entry that is there. False when the record was rejected.
  bool apply(const Found& found, const InputRow& row) {
    // Marked as changed before it is; one that is refused is written once more than it need be.
    table_->touch(found.entry);
    if (const char* refusal = accumulation_.apply(found.payload + states_at_, record_of(row))) [[unlikely]] {
      rows_.reject(row, refusal);
      return false;
    }
    return true;
  }
  // Whether an entry without records would take it. False when the record was rejected.
  bool can_begin(const InputRow& row);
  // To an entry without records, after can_begin().
  void begin(std::byte* payload, const InputRow& row) {
    accumulation_.update(payload + states_at_, record_of(row));
  }
  void start_anew(std::byte* payload);  // its aggregates are as if no record had come
  // Whether one more entry with the key at hand is beyond a limit.
  bool is_full() const { return has_most_keys() || budget_.used + cost(key_.view()) > budget_.limit; }
  void refuse(const InputRow& row);  // since it is full
  void create(Found& found);         // with the key at hand, which has none; `found` is what look_up() gave
  void late(const InputRow& row);

  void forget(Entry* entry);

  // ---- results

  struct Window {
    std::int64_t start = 0, end = 0;
  };
  struct Moment {
    EventTime time;  // of the result, for pipelines that read it
    JournalTime now;
    Position position;
  };
  // Evaluates and emits, unless `having` holds it back. `key`: without its front. No window without windows.
  void emit(std::string_view key, const std::byte* states, std::optional<Window> window,
            const Moment& moment) {
    emit_row(key, states, window, moment, false);
  }

  // Over no records, whatever `having` says of it: a window without duration, for a result that does not
  // stand any more.
  void withdraw(std::string_view key, std::int64_t start, const Moment& moment) {
    emit_row(key, reinterpret_cast<const std::byte*>(empty_.data()), Window{start, start}, moment, true);
  }

  // ---- over a restart

  // The entries of an earlier plan. `complete`: what of an entry's prefix it did not hold.
  using Complete = std::function<void(std::byte* payload, const PayloadPrefix& before)>;
  Status adopt(PriorPipeline& prior, const StateChange& change, const Complete& complete);
  // After adopt(), of every entry.
  void count(const Entry* entry) { budget_.used += cost(EntryTable::key(entry)); }
  Status broken() const;

 private:
  Accumulation::Record record_of(const InputRow& row) const {
    return {.arguments = arguments_.values(),
            .time = row.time,
            .position = row.position,
            .passed_over = arguments_.passed_over()};
  }
  std::uint64_t cost(std::string_view key) const { return cost_ + key.size() + payload_size_; }
  bool has_most_keys() const { return table_->size() >= max_keys_; }
  void emit_row(std::string_view key, const std::byte* states, std::optional<Window> window,
                const Moment& moment, bool whatever_having);
  bool can_foresee(const Foresight& foresight, const PipelineInput& input) const;
  bool append_evaluated(const Program& key, const InputRow& row);
  bool convert(PriorPipeline& prior, const StateChange& change, const Complete& complete);

  const PipelinePlan& plan_;
  Outlets& outlets_;
  RowEvaluation rows_;
  std::shared_ptr<const AggregateSet> aggregates_;
  const std::size_t front_;
  const std::uint64_t cost_;
  const std::uint64_t max_keys_;
  StateBudget& budget_;
  const std::size_t foresees_from_;
  const PayloadPrefix prefix_;
  const std::size_t states_at_, payload_size_;
  std::unique_ptr<EntryTable> table_;

  KeyBuffer key_;
  std::optional<std::uint32_t> hash_;           // of key_, where it was foreseen
  std::uint32_t place_ = EntryTable::kNowhere;  // likewise: where its entry probably is
  ForeseenKeys foreseen_;
  AggregateArguments arguments_;
  Accumulation accumulation_;
  std::vector<Value> key_values_, output_row_, result_;
  std::vector<std::uint64_t> empty_;  // states without records, to check a first one against
  std::vector<std::string> key_texts_;
  Arena results_;
};

// Words of a payload's prefix.
inline std::int64_t read_word(const std::byte* at) {
  std::int64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
inline void write_word(std::byte* at, std::int64_t value) {
  std::memcpy(at, &value, sizeof value);
}

}  // namespace tidemark
