#include "pipeline/keyed_operator.h"

#include <algorithm>
#include <cstring>

#include "base/key_encoding.h"
#include "pipeline/stateless_operator.h"

namespace tidemark {
namespace {

// A payload is a flag (8 bytes, `every` only: 1 when the entry is pending) and the aggregates' states behind
// it.
constexpr std::size_t kFlag = 8;

class KeyedPayload final : public PayloadCodec {
 public:
  KeyedPayload(const AggregateLayout& layout, bool flag) : layout_(layout), flag_(flag ? kFlag : 0) {}
  std::size_t size() const override { return flag_ + layout_.size(); }
  void create(std::byte* payload) const override {
    std::memset(payload, 0, flag_);
    layout_.create(payload + flag_);
  }
  void destroy(std::byte* payload) const override { layout_.destroy(payload + flag_); }
  void save(const std::byte* payload, Encoder& out) const override {
    if (flag_ != 0) out.u8(static_cast<std::uint8_t>(payload[0]));
    layout_.save(payload + flag_, out);
  }
  bool load(Decoder& in, std::byte* payload) const override {
    if (flag_ != 0) payload[0] = static_cast<std::byte>(in.u8());
    return layout_.load(in, payload + flag_);
  }
  std::size_t heap_bytes(const std::byte* payload) const override {
    return layout_.heap_bytes(payload + flag_);
  }

 private:
  const AggregateLayout& layout_;
  std::size_t flag_;
};

std::vector<const Aggregate*> aggregates_of(const PipelinePlan& plan) {
  std::vector<const Aggregate*> out;
  for (const AggregateColumn& column : plan.aggregates) out.push_back(column.aggregate.get());
  return out;
}

constexpr std::int64_t kMillisecond = 1'000'000;

}  // namespace

KeyedOperator::KeyedOperator(const OperatorOptions& options)
    : plan_(options.plan),
      outlets_(options.outlets),
      rows_(options.plan, options.outlets, options.output),
      layout_(aggregates_of(options.plan)),
      windows_(windowed() ? options.plan.settings->window.size : Duration(1),
               options.plan.settings->window.offset),
      lateness_(options.plan.processing_time ? Duration(0) : *options.plan.settings->allowed_lateness),
      every_(*options.plan.settings->emit == EmitPolicy::every),
      table_(std::make_unique<KeyedPayload>(layout_, every_), options.hash_seed),
      watermark_(to_ns(kEventTimeMin)) {
  for (const AggregateColumn& column : plan_.aggregates) {
    first_argument_.push_back(arguments_.size());
    arguments_.resize(arguments_.size() + column.arguments.size());
  }
  filtered_out_.resize(plan_.aggregates.size());
  output_row_.resize(plan_.output_size());
  empty_.resize((layout_.size() + 7) / 8 + 1);
  layout_.create(reinterpret_cast<std::byte*>(empty_.data()));
}

KeyedOperator::~KeyedOperator() {
  layout_.destroy(reinterpret_cast<std::byte*>(empty_.data()));
}

void KeyedOperator::process(const InputRow& row, const PipelineInput& input) {
  if (!rows_.load(row, input) || !evaluate_keys(row)) return;
  const std::int64_t time = plan_.processing_time ? to_ns(row.received) : to_ns(row.time);
  const std::int64_t start = windowed() ? windows_.start_of(time) : 0;
  const std::int64_t end = windowed() ? windows_.end_of(start) : 0;
  if (windowed() && !plan_.processing_time &&
      to_ns(saturating_add(time_from_ns<EventTime>(end), lateness_)) <= watermark_)
    return rows_.late(row, key_values_);
  if (!evaluate_arguments(row)) return;

  key_.clear();
  if (windowed()) append_key_time(key_, start);
  for (const Value& value : key_values_) append_key(key_, value);

  EntryTable::Entry* entry = table_.find(key_);
  const std::size_t flag = every_ ? kFlag : 0;
  const std::byte* before = entry != nullptr
                                ? EntryTable::payload(static_cast<const EntryTable::Entry*>(entry)) + flag
                                : reinterpret_cast<const std::byte*>(empty_.data());
  if (const char* refusal = check_all(before, row)) return rows_.reject(row, refusal);
  if (entry == nullptr) {
    entry = table_.find_or_create(key_).first;
    if (windowed()) open_[start].push_back(entry);
  } else {
    table_.touch(entry);
  }
  update_all(EntryTable::payload(entry) + flag, row);

  if (windowed()) {
    if (end <= watermark_)  // within the allowed lateness: the corrected result
      emit(entry, time_from_ns<EventTime>(end - kMillisecond), row.received, row.position);
  } else if (every_) {
    mark_pending(entry, row.received);
  } else {
    emit(entry, row.time, row.received, row.position);
  }
}

bool KeyedOperator::evaluate_keys(const InputRow& row) {
  key_values_.clear();
  for (const Program& key : plan_.keys) {
    const auto value = key.evaluate(rows_.working(), rows_.arena());
    if (!value) {
      rows_.reject(row, "key_by: " + key.describe(value.error()));
      return false;
    }
    key_values_.push_back(*value);
  }
  return true;
}

bool KeyedOperator::evaluate_arguments(const InputRow& row) {
  for (std::size_t i = 0; i < plan_.aggregates.size(); ++i) {
    const AggregateColumn& column = plan_.aggregates[i];
    filtered_out_[i] = false;
    if (column.filter) {
      const auto passes = column.filter->evaluate_predicate(rows_.working(), rows_.arena());
      if (!passes) {
        rows_.reject(row, "filter: " + column.filter->describe(passes.error()));
        return false;
      }
      filtered_out_[i] = !*passes;
    }
    for (std::size_t a = 0; a < column.arguments.size(); ++a) {
      const auto value = column.arguments[a].evaluate(rows_.working(), rows_.arena());
      if (!value) {
        rows_.reject(row, column.text + ": " + column.arguments[a].describe(value.error()));
        return false;
      }
      arguments_[first_argument_[i] + a] = *value;
    }
  }
  return true;
}

Aggregate::Input KeyedOperator::input_of(std::size_t aggregate, const InputRow& row) const {
  const AggregateColumn& column = plan_.aggregates[aggregate];
  return {.arguments = std::span(arguments_).subspan(first_argument_[aggregate], column.arguments.size()),
          .time = row.time,
          .position = row.position};
}

const char* KeyedOperator::check_all(const std::byte* payload, const InputRow& row) const {
  for (std::size_t i = 0; i < plan_.aggregates.size(); ++i)
    if (!filtered_out_[i])
      if (const char* refusal =
              plan_.aggregates[i].aggregate->check(payload + layout_.offset(i), input_of(i, row)))
        return refusal;
  return nullptr;
}

void KeyedOperator::update_all(std::byte* payload, const InputRow& row) {
  for (std::size_t i = 0; i < plan_.aggregates.size(); ++i)
    if (!filtered_out_[i])
      plan_.aggregates[i].aggregate->update(payload + layout_.offset(i), input_of(i, row));
}

void KeyedOperator::mark_pending(EntryTable::Entry* entry, JournalTime now) {
  std::byte* flag = EntryTable::payload(entry);
  if (*flag != std::byte{0}) return;
  *flag = std::byte{1};
  pending_.push_back(entry);
  if (every_due_) return;
  const std::int64_t every = plan_.settings->emit_every.count();
  const TumblingWindows beats(Duration(every), Duration(0));
  every_due_ = time_from_ns<JournalTime>(beats.end_of(beats.start_of(to_ns(now))));
}

bool KeyedOperator::advance(EventTime watermark, JournalTime now, Position position, Budget& budget) {
  if (windowed())
    return close_until(plan_.processing_time ? to_ns(now) : to_ns(watermark), now, position, budget);
  return !every_ || emit_due(now, position, budget);
}

bool KeyedOperator::close_until(std::int64_t until, JournalTime now, Position position, Budget& budget) {
  if (closing_.what != Closing::What::nothing && !drain(now, position, budget)) return false;
  if (until <= watermark_) return true;
  auto window = closed_through_ ? open_.upper_bound(*closed_through_) : open_.begin();
  while (window != open_.end() && windows_.end_of(window->first) <= until) {
    closed_through_ = window->first;
    if (windows_.end_of(window->first) >
        watermark_) {  // else it was emitted before and waits for its lateness
      closing_ = {Closing::What::window, window->first};
      drain_.start(keeps_closed() ? window->second : std::move(window->second));
      if (!drain(now, position, budget)) return false;
    }
    window = open_.upper_bound(*closed_through_);
  }
  if (!drop_expired(until, budget)) return false;
  closed_through_.reset();
  watermark_ = until;
  return true;
}

bool KeyedOperator::emit_due(JournalTime now, Position position, Budget& budget) {
  if (closing_.what == Closing::What::nothing) {
    if (!every_due_ || *every_due_ > now) return true;
    closing_.what = Closing::What::every;
    every_due_.reset();
    drain_.start(std::exchange(pending_, {}));
  }
  return drain(now, position, budget);
}

bool KeyedOperator::drain(JournalTime now, Position position, Budget& budget) {
  while (!drain_.prepare())
    if (!budget.take()) return false;
  while (!drain_.done()) {
    if (!budget.take()) return false;
    EntryTable::Entry* entry = drain_.next();
    EventTime time = time_from_ns<EventTime>(to_ns(now));
    if (closing_.what == Closing::What::every) {
      table_.touch(entry);
      *EntryTable::payload(entry) = std::byte{0};
    } else {
      time = time_from_ns<EventTime>(windows_.end_of(closing_.start) - kMillisecond);
    }
    emit(entry, time, now, position);
    if (closing_.what == Closing::What::window && !keeps_closed()) table_.erase(entry);
  }
  if (closing_.what == Closing::What::window && !keeps_closed()) open_.erase(closing_.start);
  closing_.what = Closing::What::nothing;
  return true;
}

// Windows whose lateness is over. In slices as well: they may hold a million keys.
bool KeyedOperator::drop_expired(std::int64_t until, Budget& budget) {
  while (!open_.empty()) {
    const auto first = open_.begin();
    const EventTime end = time_from_ns<EventTime>(windows_.end_of(first->first));
    if (to_ns(saturating_add(end, lateness_)) > until) break;
    if (!drop_oldest(budget)) return false;
  }
  return true;
}

bool KeyedOperator::drop_oldest(Budget& budget) {
  std::vector<EntryTable::Entry*>& entries = open_.begin()->second;
  for (; !entries.empty(); entries.pop_back()) {
    if (!budget.take()) return false;
    table_.erase(entries.back());
  }
  open_.erase(open_.begin());
  return true;
}

bool KeyedOperator::close_for_step(JournalTime now, Position position, bool begins_anew, Budget& budget) {
  if (every_) {  // what waits for a beat of the time before the step would wait until that comes again
    if (every_due_) every_due_ = std::min(*every_due_, now);
    return emit_due(now, position, budget);
  }
  if (!windowed() || !begins_anew) return true;
  // Everything open ends now; windows of the time before the step may open again later, as new ones.
  while (!open_.empty() || closing_.what != Closing::What::nothing) {
    if (closing_.what == Closing::What::nothing) {
      const std::int64_t start = open_.begin()->first;
      const bool emitted =
          windows_.end_of(start) <= watermark_ || (closed_through_ && start <= *closed_through_);
      if (emitted) {  // it only waits for its lateness, which is over
        if (!drop_oldest(budget)) return false;
        continue;
      }
      closed_through_ = start;
      closing_ = {Closing::What::window, start};
      drain_.start(open_.begin()->second);
    }
    if (!drain(now, position, budget)) return false;
  }
  closed_through_.reset();
  watermark_ = to_ns(kEventTimeMin);
  return true;
}

bool KeyedOperator::close_all(JournalTime now, Position position, Budget& budget) {
  if (every_ || (windowed() && plan_.processing_time)) return close_for_step(now, position, true, budget);
  if (!windowed() || open_.empty()) return true;
  // As if the watermark had come to the end of the last window. It is the same in every slice: the last one
  // goes from open_ only when all is done.
  return close_until(windows_.end_of(open_.rbegin()->first), now, position, budget);
}

std::optional<JournalTime> KeyedOperator::next_due(bool time_driven) const {
  if (every_) return every_due_;
  if (!windowed() || open_.empty() || !(plan_.processing_time || time_driven)) return std::nullopt;
  for (const auto& [start, entries] : open_)
    if (const std::int64_t end = windows_.end_of(start); end > watermark_)
      return time_from_ns<JournalTime>(end);
  return std::nullopt;
}

void KeyedOperator::emit(EntryTable::Entry* entry, EventTime time, JournalTime now, Position position) {
  results_.clear();
  key_texts_.clear();
  std::string_view key = EntryTable::key(entry);
  std::int64_t start = 0;
  if (windowed()) {
    start = *take_key_time(key);
    output_row_[0] = Value::integer(start / kMillisecond);
    output_row_[1] = Value::integer(windows_.end_of(start) / kMillisecond);
  }
  const std::vector<Value> keys = *decode_key(key, key_texts_);
  std::copy(keys.begin(), keys.end(), output_row_.begin() + plan_.first_key());
  const std::byte* payload =
      EntryTable::payload(static_cast<const EntryTable::Entry*>(entry)) + (every_ ? kFlag : 0);
  for (std::size_t i = 0; i < plan_.aggregates.size(); ++i)
    output_row_[plan_.first_aggregate() + i] =
        plan_.aggregates[i].aggregate->result(payload + layout_.offset(i), results_);
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
  result_.assign(keys.begin(), keys.end());
  if (windowed()) {
    result_.push_back(Value::integer(start));
    result_.push_back(Value::integer(windows_.end_of(start)));
  }
  result_.insert(result_.end(), output_row_.begin() + plan_.first_selected(), output_row_.end());
  outlets_.main.emit(position, result_);
  if (outlets_.downstream) outlets_.downstream(result_, time, now, position);
}

void KeyedOperator::save(Encoder& out) const {
  rows_.save(out);
  out.i64(watermark_);
  out.boolean(every_due_.has_value());
  if (every_due_) out.i64(to_ns(*every_due_));
}

bool KeyedOperator::load(Decoder& in) {
  if (!rows_.load(in)) return false;
  watermark_ = in.i64();
  if (in.boolean()) every_due_ = time_from_ns<JournalTime>(in.i64());
  return !in.failed();
}

Status KeyedOperator::restored() {
  bool good = true;
  table_.for_each([&](EntryTable::Entry* entry) {
    if (windowed()) {
      std::string_view key = EntryTable::key(entry);
      const auto start = take_key_time(key);
      if (start)
        open_[*start].push_back(entry);
      else
        good = false;
    } else if (every_ && *EntryTable::payload(entry) != std::byte{0}) {
      pending_.push_back(entry);
    }
  });
  if (!good)
    return fail("a key of pipeline \"" + plan_.settings->name + "\" has no window", Error::Kind::corrupt);
  return {};
}

std::unique_ptr<Operator> make_operator(const OperatorOptions& options) {
  if (options.plan.kind == PipelinePlan::Kind::stateless) return std::make_unique<StatelessOperator>(options);
  return std::make_unique<KeyedOperator>(options);
}

}  // namespace tidemark
