#include "pipeline/keyed_operator.h"

#include <algorithm>
#include <cstring>

#include "base/invariant.h"
#include "base/key_encoding.h"
#include "pipeline/absence_operator.h"
#include "pipeline/change_operator.h"
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

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::size_t kSortedAStep = 8;  // entries that are sorted in the time of one result
constexpr std::size_t kKeyTime = 8;      // bytes of a window's start before the key

}  // namespace

KeyedOperator::KeyedOperator(const OperatorOptions& options)
    : plan_(options.plan),
      outlets_(options.outlets),
      rows_(options.plan, options.outlets, options.output),
      aggregates_(aggregates_of(options.plan)),
      windowed_(options.plan.kind == PipelinePlan::Kind::windowed),
      windows_(windowed_ ? options.plan.settings->window.size : Duration(1),
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
      forgotten_(to_ns(kEventTimeMin)),
      arguments_(options.plan),
      accumulation_(layout(), arguments_.calls()) {
  output_row_.resize(plan_.output_size());
  empty_.resize((layout().size() + 7) / 8 + 1);
  layout().create(reinterpret_cast<std::byte*>(empty_.data()));
}

KeyedOperator::~KeyedOperator() {
  layout().destroy(reinterpret_cast<std::byte*>(empty_.data()));
}

void KeyedOperator::process(const InputRow& row, const PipelineInput& input) {
  if (!rows_.load(row, input)) return;
  const std::int64_t time = time_of(row);
  if (windowed_ && !window_.holds(time)) enter_window(time);
  if (!encode_key(row)) return;
  if (windowed_ && !plan_.processing_time && is_closed(window_)) return late(row);
  if (!arguments_.evaluate(rows_, row)) return;
  apply(row);
}

void KeyedOperator::apply(const InputRow& row) {
  EntryTable::Found found = table_->look_up(key_.view());
  const Accumulation::Record record{.arguments = arguments_.values(),
                                    .time = row.time,
                                    .position = row.position,
                                    .passed_over = arguments_.passed_over()};
  const std::int64_t time = time_of(row);
  const bool expired =
      ttl_ != 0 && found.entry != nullptr && has_expired(found.payload, std::max(watermark_, time));
  if (found.entry != nullptr && !expired) {
    // Marked as changed before it is; one that is refused is written once more than it need be.
    table_->touch(found.entry);
    if (const char* refusal = accumulation_.apply(found.payload + states_at_, record))
      return rows_.reject(row, refusal);
  } else {
    if (const char* refusal = accumulation_.check(reinterpret_cast<const std::byte*>(empty_.data()), record))
      return rows_.reject(row, refusal);
    if (expired) {  // and not yet gone
      ++rows_.counters().expired;
      table_->touch(found.entry);
      layout().destroy(found.payload + states_at_);
      layout().create(found.payload + states_at_);
    } else {
      if (!make_entry(found, row)) return;
      if (windowed_) entries_of(window_).push_back(found.entry);
    }
    accumulation_.update(found.payload + states_at_, record);
  }
  if (ttl_ != 0) {
    std::byte* used = found.payload + used_at_;
    write_i64(used, plan_.processing_time ? time : std::max(read_i64(used), time));
  }

  if (windowed_) {
    if (window_.end <= watermark_)  // within the allowed lateness: the corrected result
      emit(found.entry, time_from_ns<EventTime>(window_.end - kMillisecond), row.received, row.position);
  } else if (every_) {
    mark_pending(found.entry, row.received);
  } else {
    emit(found.entry, row.time, row.received, row.position);
  }
}

void KeyedOperator::enter_window(std::int64_t time) {
  window_.start = windows_.start_of(time);
  window_.end = windows_.end_of(window_.start);
  window_.closes = to_ns(saturating_add(time_from_ns<EventTime>(window_.end), lateness_));
  window_.entries = nullptr;
  if (window_.end > watermark_) next_close_ = std::min(next_close_, window_.end);
  key_.cut(0);
  key_.append_time(window_.start);
}

EntryList& KeyedOperator::entries_of(Window& window) {
  if (window.entries == nullptr) window.entries = &open_[window.start];
  return *window.entries;
}

void KeyedOperator::forget_window(std::int64_t start) {
  open_.erase(start);
  if (window_.start == start) window_.entries = nullptr;
}

// Behind the start of the window that holds the record, which stays there for the next one.
bool KeyedOperator::encode_key(const InputRow& row) {
  key_.cut(windowed_ ? kKeyTime : 0);
  for (const Program& key : plan_.keys) {
    if (const auto slot = key.bare_slot()) {
      key_.append(rows_.working()[*slot]);
      continue;
    }
    const auto value = key.evaluate(rows_.working(), rows_.arena());
    if (!value) {
      rows_.reject(row, "key_by: " + key.describe(value.error()));
      return false;
    }
    key_.append(*value);
  }
  return true;
}

void KeyedOperator::late(const InputRow& row) {
  key_texts_.clear();
  const Status decoded = decode_key(key_.view().substr(kKeyTime), key_values_, key_texts_);
  invariant(decoded.has_value(), "a key that was encoded decodes");
  rows_.late(row, key_values_);
}

// False: there is no room, and the record was refused.
bool KeyedOperator::make_entry(EntryTable::Found& found, const InputRow& row) {
  const std::string_view key = key_.view();
  const std::uint64_t wanted = cost(key);
  const auto full = [&] { return table_->size() >= max_keys_ || budget_.used + wanted > budget_.limit; };
  while (full() && evicts_ && !by_order_.empty()) {
    ++rows_.counters().evicted;
    forget(by_order_.begin()->second);
  }
  if (full()) {
    rows_.refuse(
        row, table_->size() >= max_keys_ ? "a new key beyond max_keys" : "a new key beyond limits.memory");
    return false;
  }
  found = table_->create(key, found.hash);
  budget_.used += wanted;
  const std::int64_t time = time_of(row);
  if (ttl_ != 0) write_i64(found.payload + used_at_, time);
  if (ttl_ == 0 && !evicts_) return true;
  const std::uint64_t order = next_order_++;
  write_i64(found.payload + order_at_, static_cast<std::int64_t>(order));
  by_order_.emplace_hint(by_order_.end(), order, found.entry);
  if (ttl_ != 0)
    expiries_.emplace(to_ns(saturating_add(time_from_ns<EventTime>(time), Duration(ttl_))), order);
  return true;
}

void KeyedOperator::forget(EntryTable::Entry* entry) {
  budget_.used -= cost(EntryTable::key(entry));
  if (ttl_ != 0 || evicts_)
    by_order_.erase(static_cast<std::uint64_t>(read_i64(EntryTable::payload(entry) + order_at_)));
  table_->erase(entry);
}

bool KeyedOperator::has_expired(const std::byte* payload, std::int64_t clock) const {
  const EventTime used = time_from_ns<EventTime>(read_i64(payload + used_at_));
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
    if (has_expired(EntryTable::payload(entry), watermark_) && !pending) {
      ++rows_.counters().expired;
      forget(entry);
      continue;
    }
    const EventTime used = time_from_ns<EventTime>(read_i64(EntryTable::payload(entry) + used_at_));
    expiries_.emplace(std::max(to_ns(saturating_add(used, Duration(ttl_))), watermark_ + 1), order);
  }
  return true;
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
  if (windowed_) {
    const std::int64_t until = plan_.processing_time ? to_ns(now) : to_ns(watermark);
    if (until < next_close_) {  // nothing can close
      watermark_ = std::max(watermark_, until);
      return true;
    }
    if (!close_until(until, now, position, budget)) return false;
    find_next_close();
    return true;
  }
  if (every_ && !emit_due(now, position, budget)) return false;
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
      drain_.start(std::move(window->second));
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
  while (const std::size_t entries = drain_.unprepared()) {
    if (!budget.take(1 + entries / kSortedAStep)) return false;
    drain_.prepare();
  }
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
  EntryList all = drain_.finish();
  if (closing_.what == Closing::What::window) {
    if (keeps_closed())
      open_.at(closing_.start) = std::move(all);
    else
      forget_window(closing_.start);
  }
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
  EntryList& entries = open_.begin()->second;
  for (; !entries.empty(); entries.pop_back()) {
    if (!budget.take()) return false;
    forget(entries.back());
  }
  forget_window(open_.begin()->first);
  return true;
}

// The end of the first window that is not closed; where closed ones wait for their lateness, some time before
// that is over.
void KeyedOperator::find_next_close() {
  next_close_ = to_ns(kEventTimeMax);
  if (keeps_closed()) {
    next_close_ = to_ns(kEventTimeMin);
  } else {
    if (!open_.empty()) next_close_ = windows_.end_of(open_.begin()->first);
    if (window_.end > watermark_) next_close_ = std::min(next_close_, window_.end);
  }
}

bool KeyedOperator::close_for_step(const ClockStep& step, Position position, Budget& budget) {
  const auto& [now, to, begins_anew] = step;
  next_close_ = to_ns(kEventTimeMin);
  if (!windowed_ && begins_anew) watermark_ = to_ns(kEventTimeMin);  // the clock comes again
  if (every_) {  // what waits for a beat of the time before the step would wait until that comes again
    if (every_due_) every_due_ = std::min(*every_due_, now);
    return emit_due(now, position, budget);
  }
  if (!windowed_ || !begins_anew) return true;
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
      drain_.start(std::move(open_.begin()->second));
    }
    if (!drain(now, position, budget)) return false;
  }
  closed_through_.reset();
  watermark_ = to_ns(kEventTimeMin);
  return true;
}

bool KeyedOperator::close_all(JournalTime now, Position position, Budget& budget) {
  next_close_ = to_ns(kEventTimeMin);
  if (every_ || (windowed_ && plan_.processing_time))
    return close_for_step({.from = now, .to = now, .begins_anew = true}, position, budget);
  if (!windowed_ || open_.empty()) return true;
  // As if the watermark had come to the end of the last window. It is the same in every slice: the last one
  // goes from open_ only when all is done.
  return close_until(windows_.end_of(open_.rbegin()->first), now, position, budget);
}

std::optional<JournalTime> KeyedOperator::next_due(bool time_driven) const {
  if (every_) return every_due_;
  if (!windowed_ || open_.empty() || !(plan_.processing_time || time_driven)) return std::nullopt;
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
  if (windowed_) {
    start = *take_key_time(key);
    output_row_[0] = Value::integer(start / kMillisecond);
    output_row_[1] = Value::integer(windows_.end_of(start) / kMillisecond);
  }
  const Status decoded = decode_key(key, key_values_, key_texts_);
  invariant(decoded.has_value(), "the key of an entry decodes");
  std::ranges::copy(key_values_, output_row_.begin() + plan_.first_key());
  const std::byte* payload = EntryTable::payload(entry) + states_at_;
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
  result_.assign(key_values_.begin(), key_values_.end());
  if (windowed_) {
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
  if (windowed_ && before < lateness_ && watermark_ != to_ns(kEventTimeMin))
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
    if (windowed_) {
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
  switch (options.plan.kind) {
    case PipelinePlan::Kind::stateless:
      return std::make_unique<StatelessOperator>(options);
    case PipelinePlan::Kind::absence:
      return std::make_unique<AbsenceOperator>(options);
    case PipelinePlan::Kind::running:
      if (!options.plan.changes.empty()) return std::make_unique<ChangeOperator>(options);
      break;
    case PipelinePlan::Kind::windowed:
      break;
  }
  return std::make_unique<KeyedOperator>(options);
}

}  // namespace tidemark
