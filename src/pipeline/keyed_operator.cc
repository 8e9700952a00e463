#include "pipeline/keyed_operator.h"

#include <algorithm>
#include <cstring>

#include "base/key_encoding.h"
#include "pipeline/stateless_operator.h"

namespace tidemark {
namespace {

std::int64_t read_i64(const std::byte* at) {
  std::int64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
void write_i64(std::byte* at, std::int64_t value) {
  std::memcpy(at, &value, sizeof value);
}

std::shared_ptr<const AggregateSet> aggregates_of(const PipelinePlan& plan) {
  std::vector<std::shared_ptr<const Aggregate>> out;
  for (const AggregateColumn& column : plan.aggregates) out.push_back(column.aggregate);
  return std::make_shared<const AggregateSet>(std::move(out));
}

constexpr std::int64_t kMillisecond = 1'000'000;

}  // namespace

KeyedOperator::KeyedOperator(const OperatorOptions& options)
    : plan_(options.plan),
      outlets_(options.outlets),
      rows_(options.plan, options.outlets, options.output),
      aggregates_(aggregates_of(options.plan)),
      windows_(windowed() ? options.plan.settings->window.size : Duration(1),
               options.plan.settings->window.offset),
      lateness_(options.plan.processing_time ? Duration(0) : *options.plan.settings->allowed_lateness),
      every_(*options.plan.settings->emit == EmitPolicy::every),
      ttl_(options.plan.settings->ttl.value.count()),
      evicts_(*options.plan.settings->on_max_keys == OnMaxKeys::evict_oldest),
      max_keys_(options.plan.settings->max_keys != 0 ? options.plan.settings->max_keys
                                                     : options.limits.max_keys),
      budget_(options.budget),
      used_at_(PayloadPrefix(options.plan.layout).used_at()),
      order_at_(PayloadPrefix(options.plan.layout).order_at()),
      states_at_(PayloadPrefix(options.plan.layout).size()),
      payload_size_(states_at_ + layout().size()),
      table_(std::make_unique<EntryTable>(
          std::make_unique<KeyedPayload>(aggregates_, PayloadPrefix(options.plan.layout)),
          options.hash_seed)),
      watermark_(to_ns(kEventTimeMin)),
      forgotten_(to_ns(kEventTimeMin)) {
  for (const AggregateColumn& column : plan_.aggregates) {
    first_argument_.push_back(arguments_.size());
    arguments_.resize(arguments_.size() + column.arguments.size());
  }
  filtered_out_.resize(plan_.aggregates.size());
  output_row_.resize(plan_.output_size());
  empty_.resize((layout().size() + 7) / 8 + 1);
  layout().create(reinterpret_cast<std::byte*>(empty_.data()));
}

KeyedOperator::~KeyedOperator() {
  layout().destroy(reinterpret_cast<std::byte*>(empty_.data()));
}

void KeyedOperator::process(const InputRow& row, const PipelineInput& input) {
  if (!rows_.load(row, input) || !evaluate_keys(row)) return;
  const std::int64_t time = plan_.processing_time ? to_ns(row.received) : to_ns(row.time);
  const std::int64_t start = windowed() ? windows_.start_of(time) : 0;
  const std::int64_t end = windowed() ? windows_.end_of(start) : 0;
  if (windowed() && !plan_.processing_time &&
      (end <= forgotten_ || to_ns(saturating_add(time_from_ns<EventTime>(end), lateness_)) <= watermark_))
    return rows_.late(row, key_values_);
  if (!evaluate_arguments(row)) return;

  key_.clear();
  if (windowed()) append_key_time(key_, start);
  for (const Value& value : key_values_) append_key(key_, value);

  EntryTable::Entry* entry = table_->find(key_);
  const bool begins = entry == nullptr || (ttl_ != 0 && has_expired(entry, std::max(watermark_, time)));
  const std::byte* before =
      begins ? reinterpret_cast<const std::byte*>(empty_.data())
             : EntryTable::payload(static_cast<const EntryTable::Entry*>(entry)) + states_at_;
  if (const char* refusal = check_all(before, row)) return rows_.reject(row, refusal);
  if (entry == nullptr) {
    entry = make_entry(row);
    if (entry == nullptr) return;
    if (windowed()) open_[start].push_back(entry);
    if (ttl_ != 0) write_i64(EntryTable::payload(entry) + used_at_, time);
  } else {
    table_->touch(entry);
    if (begins) {  // expired, and not yet gone
      ++rows_.counters().expired;
      layout().destroy(EntryTable::payload(entry) + states_at_);
      layout().create(EntryTable::payload(entry) + states_at_);
    }
  }
  if (ttl_ != 0) {
    std::byte* used = EntryTable::payload(entry) + used_at_;
    write_i64(used, plan_.processing_time ? time : std::max(read_i64(used), time));
  }
  update_all(EntryTable::payload(entry) + states_at_, row);

  if (windowed()) {
    if (end <= watermark_)  // within the allowed lateness: the corrected result
      emit(entry, time_from_ns<EventTime>(end - kMillisecond), row.received, row.position);
  } else if (every_) {
    mark_pending(entry, row.received);
  } else {
    emit(entry, row.time, row.received, row.position);
  }
}

// Null: there is no room, and the record was refused.
EntryTable::Entry* KeyedOperator::make_entry(const InputRow& row) {
  const std::uint64_t wanted = cost(key_);
  const auto full = [&] { return table_->size() >= max_keys_ || budget_.used + wanted > budget_.limit; };
  while (full() && evicts_ && !by_order_.empty()) {
    ++rows_.counters().evicted;
    forget(by_order_.begin()->second);
  }
  if (full()) {
    rows_.refuse(
        row, table_->size() >= max_keys_ ? "a new key beyond max_keys" : "a new key beyond limits.memory");
    return nullptr;
  }
  EntryTable::Entry* entry = table_->find_or_create(key_).first;
  budget_.used += wanted;
  if (ttl_ == 0 && !evicts_) return entry;
  const std::uint64_t order = next_order_++;
  write_i64(EntryTable::payload(entry) + order_at_, static_cast<std::int64_t>(order));
  by_order_.emplace_hint(by_order_.end(), order, entry);
  const std::int64_t time = plan_.processing_time ? to_ns(row.received) : to_ns(row.time);
  if (ttl_ != 0)
    expiries_.emplace(to_ns(saturating_add(time_from_ns<EventTime>(time), Duration(ttl_))), order);
  return entry;
}

void KeyedOperator::forget(EntryTable::Entry* entry) {
  budget_.used -= cost(EntryTable::key(entry));
  if (ttl_ != 0 || evicts_)
    by_order_.erase(static_cast<std::uint64_t>(read_i64(EntryTable::payload(entry) + order_at_)));
  table_->erase(entry);
}

bool KeyedOperator::has_expired(const EntryTable::Entry* entry, std::int64_t clock) const {
  const EventTime used = time_from_ns<EventTime>(read_i64(EntryTable::payload(entry) + used_at_));
  return to_ns(saturating_add(used, Duration(ttl_))) <= clock;
}

// What is expired goes, as far as the budget allows. Nothing can be seen of it but memory: a key whose time
// is over starts from nothing in any case.
bool KeyedOperator::expire(Budget& budget) {
  while (!expiries_.empty() && expiries_.top().first <= watermark_) {
    if (!budget.take()) return false;
    const std::uint64_t order = expiries_.top().second;
    expiries_.pop();
    const auto at = by_order_.find(order);
    if (at == by_order_.end()) continue;
    EntryTable::Entry* entry = at->second;
    const bool pending = every_ && *EntryTable::payload(entry) != std::byte{0};
    if (has_expired(entry, watermark_) && !pending) {
      ++rows_.counters().expired;
      forget(entry);
      continue;
    }
    const EventTime used = time_from_ns<EventTime>(read_i64(EntryTable::payload(entry) + used_at_));
    expiries_.emplace(std::max(to_ns(saturating_add(used, Duration(ttl_))), watermark_ + 1), order);
  }
  return true;
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
              plan_.aggregates[i].aggregate->check(payload + layout().offset(i), input_of(i, row)))
        return refusal;
  return nullptr;
}

void KeyedOperator::update_all(std::byte* payload, const InputRow& row) {
  for (std::size_t i = 0; i < plan_.aggregates.size(); ++i)
    if (!filtered_out_[i])
      plan_.aggregates[i].aggregate->update(payload + layout().offset(i), input_of(i, row));
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
  if (every_ && !emit_due(now, position, budget)) return false;
  if (ttl_ == 0) return true;
  watermark_ = std::max(watermark_, plan_.processing_time ? to_ns(now) : to_ns(watermark));
  return expire(budget);
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
      table_->touch(entry);
      *EntryTable::payload(entry) = std::byte{0};
    } else {
      time = time_from_ns<EventTime>(windows_.end_of(closing_.start) - kMillisecond);
    }
    emit(entry, time, now, position);
    if (closing_.what == Closing::What::window && !keeps_closed()) forget(entry);
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
    forget(entries.back());
  }
  open_.erase(open_.begin());
  return true;
}

bool KeyedOperator::close_for_step(JournalTime now, Position position, bool begins_anew, Budget& budget) {
  if (ttl_ != 0 && begins_anew) watermark_ = to_ns(kEventTimeMin);  // the clock comes again
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
  const std::byte* payload = EntryTable::payload(static_cast<const EntryTable::Entry*>(entry)) + states_at_;
  for (std::size_t i = 0; i < plan_.aggregates.size(); ++i)
    output_row_[plan_.first_aggregate() + i] =
        plan_.aggregates[i].aggregate->result(payload + layout().offset(i), results_);
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
  out.varint(next_order_);
  out.i64(forgotten_);
}

bool KeyedOperator::load(Decoder& in) {
  if (!rows_.load(in)) return false;
  watermark_ = in.i64();
  if (in.boolean()) every_due_ = time_from_ns<JournalTime>(in.i64());
  next_order_ = in.varint();
  forgotten_ = in.i64();
  if (!every_) every_due_.reset();  // an earlier plan's; what waited goes out with its next update
  return !in.failed();
}

Status KeyedOperator::adopt(PriorPipeline& prior, const StateChange& change) {
  bool good = true;
  if (change.kind == StateChange::Kind::none)
    table_ = std::move(prior.table);
  else
    convert(prior, change, good);
  if (!good)
    return fail("state of pipeline \"" + plan_.settings->name + "\" does not decode", Error::Kind::corrupt);
  // What is closed by now was forgotten under the lateness that was allowed until now.
  const Duration before(prior.layout.allowed_lateness_ns);
  if (windowed() && before < lateness_ && watermark_ != to_ns(kEventTimeMin))
    forgotten_ = std::max(forgotten_, watermark_ - before.count());
  return find_open();
}

// Every aggregate's state goes to its new place by way of its saved bytes; what is new starts empty. Entries
// that knew neither their last use nor the order of their making were used now, and were made in the order of
// their keys.
void KeyedOperator::convert(PriorPipeline& prior, const StateChange& change, bool& good) {
  const AggregateLayout& old_layout = prior.aggregates->layout();
  const PayloadPrefix old(prior.layout);
  std::vector<EntryTable::Entry*> entries;
  prior.table->for_each([&](EntryTable::Entry* entry) { entries.push_back(entry); });
  std::ranges::sort(entries, {}, [](const EntryTable::Entry* entry) { return EntryTable::key(entry); });
  Encoder state;
  for (EntryTable::Entry* before : entries) {
    const std::byte* from = EntryTable::payload(static_cast<const EntryTable::Entry*>(before));
    EntryTable::Entry* entry = table_->find_or_create(EntryTable::key(before)).first;
    std::byte* to = EntryTable::payload(entry);
    if (every_ && old.flag) *to = *from;
    if (ttl_ != 0) write_i64(to + used_at_, old.used ? read_i64(from + old.used_at()) : watermark_);
    if (ttl_ != 0 || evicts_)
      write_i64(to + order_at_,
                old.order ? read_i64(from + old.order_at()) : static_cast<std::int64_t>(next_order_++));
    for (std::size_t i = 0; i < change.from.size(); ++i) {
      if (!change.from[i]) continue;
      state.clear();
      (*prior.aggregates)[*change.from[i]].save(from + old.size() + old_layout.offset(*change.from[i]),
                                                state);
      Decoder in(state.view());
      good = (*aggregates_)[i].load(in, to + states_at_ + layout().offset(i)) && in.complete() && good;
    }
  }
  prior.table.reset();
}

// What follows from the entries: which windows are open, which keys wait for the next beat, which expire.
Status KeyedOperator::find_open() {
  bool good = true;
  table_->for_each([&](EntryTable::Entry* entry) {
    budget_.used += cost(EntryTable::key(entry));
    if (ttl_ != 0 || evicts_) {
      const auto order = static_cast<std::uint64_t>(read_i64(EntryTable::payload(entry) + order_at_));
      by_order_.emplace(order, entry);
      if (ttl_ != 0) expiries_.emplace(read_i64(EntryTable::payload(entry) + used_at_), order);
    }
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
