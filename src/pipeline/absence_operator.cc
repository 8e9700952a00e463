#include "pipeline/absence_operator.h"

#include <algorithm>

#include "base/invariant.h"
#include "base/key_encoding.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::byte kPresent{0}, kSilent{1};

}  // namespace

AbsenceOperator::AbsenceOperator(const OperatorOptions& options)
    : plan_(options.plan),
      outlets_(options.outlets),
      rows_(options.plan, options.outlets, options.output),
      entries_(options),
      timeout_(options.plan.settings->window.timeout),
      ttl_(*options.plan.settings->ttl),
      clock_(to_ns(kEventTimeMin)),
      silences_(entries_),
      ends_(entries_),
      arguments_(options.plan, rows_),
      accumulation_(entries_.layout(), arguments_.calls()) {
  output_row_.resize(plan_.output_size());
  empty_.resize(entries_.layout().size() / 8 + 1);
  entries_.layout().create(reinterpret_cast<std::byte*>(empty_.data()));
}

AbsenceOperator::~AbsenceOperator() {
  entries_.layout().destroy(reinterpret_cast<std::byte*>(empty_.data()));
}

void AbsenceOperator::process(const InputRow& row, const PipelineInput& input) {
  if (!rows_.load(row, input) || !encode_key(row)) return;
  const std::int64_t time = time_of(row);
  if (!plan_.processing_time && later(time, timeout_) <= clock_) return late(row);
  if (!arguments_.evaluate(rows_, row)) return;
  EntryTable::Found found = entries_.table()->look_up(key_.view());
  const std::int64_t clock = plan_.processing_time ? std::max(clock_, time) : clock_;
  if (found.entry != nullptr && is_forgotten(found.payload, clock)) {  // and not yet gone
    if (const char* refusal = refusal_of_first(record_of(row))) return rows_.reject(row, refusal);
    ++rows_.counters().expired;
    forget(found.entry);
    found = entries_.table()->look_up(key_.view());
  }
  if (found.entry == nullptr)
    first_record(found, row);
  else
    another_record(found, row);
}

void AbsenceOperator::first_record(EntryTable::Found& found, const InputRow& row) {
  const Accumulation::Record record = record_of(row);
  if (const char* refusal = refusal_of_first(record)) return rows_.reject(row, refusal);
  while (const char* why = entries_.full(key_.view())) {
    Entry* oldest = entries_.evicts() ? entries_.after(0) : nullptr;
    if (oldest == nullptr) return rows_.refuse(row, why);
    ++rows_.counters().evicted;
    forget(oldest);
  }
  entries_.make(found, key_.view());
  begin_presence(found.entry, time_of(row), record);
}

// Everything that may be refused is looked at before anything is said or changed.
void AbsenceOperator::another_record(const EntryTable::Found& found, const InputRow& row) {
  const Accumulation::Record record = record_of(row);
  const std::int64_t time = time_of(row);
  const bool returns = is_silent(found.payload) || time >= silent_at(found.payload);
  if (returns) {
    if (const char* refusal = refusal_of_first(record)) return rows_.reject(row, refusal);
    if (!is_silent(found.payload)) fall_silent(found.entry, row.received, row.position);
    const std::int64_t last_seen = entries_.last_use(found.payload);
    entries_.table()->touch(found.entry);
    strike(found.entry);
    entries_.layout().destroy(entries_.states(found.payload));
    entries_.layout().create(entries_.states(found.payload));
    begin_presence(found.entry, std::max(time, last_seen), record);
    return emit(found.entry, {.absent = false, .last_seen = last_seen, .since = time}, row.received,
                row.position);
  }
  entries_.table()->touch(found.entry);
  if (const char* refusal = accumulation_.apply(entries_.states(found.payload), record))
    return rows_.reject(row, refusal);
  if (time <= entries_.last_use(found.payload)) return;
  entries_.set_last_use(found.payload, time);
  unsettled_ = unsettled_ || silences_.order() == entries_.order_of(found.payload);
}

void AbsenceOperator::begin_presence(Entry* entry, std::int64_t time, const Accumulation::Record& record) {
  std::byte* payload = EntryTable::payload(entry);
  entries_.flag(payload) = kPresent;
  entries_.set_last_use(payload, time);
  accumulation_.update(entries_.states(payload), record);
  expect_silence(entry);
}

const char* AbsenceOperator::refusal_of_first(const Accumulation::Record& record) const {
  return accumulation_.check(reinterpret_cast<const std::byte*>(empty_.data()), record);
}

Accumulation::Record AbsenceOperator::record_of(const InputRow& row) const {
  return {.arguments = arguments_.values(),
          .time = row.time,
          .position = row.position,
          .passed_over = arguments_.passed_over()};
}

bool AbsenceOperator::encode_key(const InputRow& row) {
  key_.cut(0);
  for (const Program& key : plan_.keys) {
    const auto value = key.evaluate(rows_.working(), rows_.arena());
    if (!value) {
      rows_.reject(row, "key_by: " + key.describe(value.error()));
      return false;
    }
    key_.append(*value);
  }
  return true;
}

void AbsenceOperator::late(const InputRow& row) {
  key_texts_.clear();
  const Status decoded = decode_key(key_.view(), key_values_, key_texts_);
  invariant(decoded.has_value(), "a key that was encoded decodes");
  rows_.late(row, key_values_);
}

bool AbsenceOperator::is_forgotten(const std::byte* payload, std::int64_t clock) const {
  return ttl_ != Duration(0) && is_silent(payload) && later(entries_.last_use(payload), ttl_) <= clock;
}

bool AbsenceOperator::advance(EventTime watermark, JournalTime now, Position position, Budget& budget) {
  const std::int64_t until = plan_.processing_time ? to_ns(now) : to_ns(watermark);
  settle();
  while (!silences_.empty() && silences_.time() - moved_back_ <= until) {
    if (!budget.take()) return false;
    fall_silent(silences_.entry(), now, position);
    settle();
  }
  clock_ = std::max(clock_, until);
  return expire(budget);
}

// Afterwards the earliest of silences_ is one that will come true if nothing more is heard: when time alone
// makes a key fall silent must follow from the entries, not from how they came to be as they are.
void AbsenceOperator::settle() {
  if (!unsettled_) return;
  while (!silences_.empty()) {
    const Entry* entry = silences_.entry();
    if (in_calendar(silent_at(EntryTable::payload(entry))) == silences_.time()) break;
    strike(entry);
    expect_silence(entry);
  }
  unsettled_ = false;
}

void AbsenceOperator::expect_silence(const Entry* entry) {
  silences_.put_down(entries_.order(entry), in_calendar(silent_at(EntryTable::payload(entry))));
}
void AbsenceOperator::expect_end(const Entry* entry) {
  if (ttl_ == Duration(0)) return;
  ends_.put_down(entries_.order(entry),
                 in_calendar(later(entries_.last_use(EntryTable::payload(entry)), ttl_)));
}

// From the calendar in which it stands.
void AbsenceOperator::strike(const Entry* entry) {
  (is_silent(EntryTable::payload(entry)) ? ends_ : silences_).strike(entries_.order(entry));
  unsettled_ = true;
}

void AbsenceOperator::forget(Entry* entry) {
  strike(entry);
  entries_.forget(entry);
}

void AbsenceOperator::fall_silent(Entry* entry, JournalTime now, Position position) {
  entries_.table()->touch(entry);
  strike(entry);
  std::byte* payload = EntryTable::payload(entry);
  entries_.flag(payload) = kSilent;
  expect_end(entry);
  emit(entry, {.absent = true, .last_seen = entries_.last_use(payload), .since = silent_at(payload)}, now,
       position);
}

// Nothing can be seen of it but memory: a key that is beyond its ttl is new when it comes back in any case.
bool AbsenceOperator::expire(Budget& budget) {
  while (!ends_.empty() && ends_.time() - moved_back_ <= clock_) {
    if (!budget.take()) return false;
    ++rows_.counters().expired;
    forget(ends_.entry());
  }
  return true;
}

bool AbsenceOperator::close_for_step(const ClockStep& step, Position, Budget& budget) {
  if (!step.begins_anew) return true;
  const std::int64_t back = to_ns(step.from) - to_ns(step.to);
  while (Entry* entry = entries_.after(moved_through_.value_or(0))) {
    if (!budget.take()) return false;
    moved_through_ = entries_.order(entry);
    entries_.table()->touch(entry);
    std::byte* payload = EntryTable::payload(entry);
    entries_.set_last_use(payload, entries_.last_use(payload) - back);
  }
  moved_through_.reset();
  moved_back_ += back;
  clock_ = to_ns(kEventTimeMin);
  return true;
}

std::optional<JournalTime> AbsenceOperator::next_due(bool time_driven) const {
  if (silences_.empty() || !(plan_.processing_time || time_driven)) return std::nullopt;
  return time_from_ns<JournalTime>(silences_.time() - moved_back_);
}

void AbsenceOperator::emit(Entry* entry, const Change& change, JournalTime now, Position position) {
  results_.clear();
  key_texts_.clear();
  const Status decoded = decode_key(EntryTable::key(entry), key_values_, key_texts_);
  invariant(decoded.has_value(), "the key of an entry decodes");
  output_row_[PipelinePlan::kAbsent] = Value::boolean(change.absent);
  output_row_[PipelinePlan::kLastSeen] = Value::integer(change.last_seen / kMillisecond);
  output_row_[PipelinePlan::kSince] = Value::integer(change.since / kMillisecond);
  std::ranges::copy(key_values_, output_row_.begin() + plan_.first_key());
  const std::byte* states = entries_.states(EntryTable::payload(entry));
  for (std::size_t i = 0; i < plan_.aggregates.size(); ++i)
    output_row_[plan_.first_aggregate() + i] =
        plan_.aggregates[i].aggregate->result(states + entries_.layout().offset(i), results_);
  for (std::size_t i = 0; i < plan_.select.size(); ++i) {
    const auto value = plan_.select[i].evaluate(output_row_, results_);
    if (!value) return rows_.result_failed("select: " + plan_.select[i].describe(value.error()));
    output_row_[plan_.first_selected() + i] = *value;
  }
  if (plan_.having) {
    const auto passes = plan_.having->evaluate_predicate(output_row_, results_);
    if (!passes) return rows_.result_failed("having: " + plan_.having->describe(passes.error()));
    if (!*passes) return;
  }
  ++rows_.counters().results;
  result_.assign(key_values_.begin(), key_values_.end());
  result_.push_back(Value::boolean(change.absent));
  result_.push_back(Value::integer(change.last_seen));
  result_.push_back(Value::integer(change.since));
  result_.insert(result_.end(), output_row_.begin() + plan_.first_selected(), output_row_.end());
  outlets_.main.emit(position, result_);
  if (outlets_.downstream) outlets_.downstream(result_, time_from_ns<EventTime>(change.since), now, position);
}

void AbsenceOperator::save(Encoder& out) const {
  rows_.save(out);
  out.i64(clock_);
  entries_.save(out);
}

bool AbsenceOperator::load(Decoder& in) {
  if (!rows_.load(in)) return false;
  clock_ = in.i64();
  entries_.load(in);
  return !in.failed();
}

Status AbsenceOperator::adopt(PriorPipeline& prior, const StateChange& change) {
  const bool good = entries_.adopt(prior, change, clock_, [this](Entry* entry) {
    if (is_silent(EntryTable::payload(entry)))
      expect_end(entry);
    else
      expect_silence(entry);
  });
  if (!good)
    return fail("state of pipeline \"" + plan_.settings->name + "\" does not decode", Error::Kind::corrupt);
  return {};
}

}  // namespace tidemark
