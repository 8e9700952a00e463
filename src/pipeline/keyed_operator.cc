#include "pipeline/keyed_operator.h"

#include <algorithm>

#include "base/key_encoding.h"
#include "pipeline/absence_operator.h"
#include "pipeline/change_operator.h"
#include "pipeline/count_operator.h"
#include "pipeline/paned_operator.h"
#include "pipeline/session_operator.h"
#include "pipeline/stateless_operator.h"
#include "pipeline/window_times.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::size_t kSortedAStep = 8;   // entries that are sorted in the time of one result
constexpr std::uint64_t kEntryCost = 64;  // of an entry's place in the table

bool is_windowed(const OperatorOptions& options) {
  return options.plan.kind == PipelinePlan::Kind::windowed;
}

}  // namespace

KeyedOperator::KeyedOperator(const OperatorOptions& options)
    : plan_(options.plan),
      entries_(options, is_windowed(options) ? KeyedAggregation::kFront : 0, kEntryCost),
      rows_(entries_.rows()),
      windowed_(is_windowed(options)),
      windows_(windowed_ ? options.plan.settings->window.size : Duration(1),
               options.plan.settings->window.offset, options.plan.zone),
      lateness_(options.plan.processing_time ? Duration(0) : *options.plan.settings->allowed_lateness),
      every_(*options.plan.settings->emit == EmitPolicy::every),
      ttl_(options.plan.settings->ttl.value.count()),
      evicts_(*options.plan.settings->on_max_keys == OnMaxKeys::evict_oldest),
      used_at_(entries_.prefix().used_at()),
      order_at_(entries_.prefix().order_at()),
      watermark_(to_ns(kEventTimeMin)),
      forgotten_(to_ns(kEventTimeMin)) {}

void KeyedOperator::process(const InputRow& row, const PipelineInput& input) {
  if (!rows_.load(row, input)) return;
  const std::int64_t time = entries_.time_of(row);
  if (windowed_ && !window_.holds(time)) enter_window(time);
  if (!entries_.take_foreseen_key(row, window_.start) && !entries_.encode_key(row)) return;
  if (windowed_ && !plan_.processing_time && is_closed(window_)) return entries_.late(row);
  if (!entries_.evaluate(row)) return;
  apply(row);
}

void KeyedOperator::foresee(const Foresight& foresight, const PipelineInput& input) {
  rows_.foresee(foresight, input);
  entries_.foresee(foresight, input, [&, window = window_](const ForeseenRow& row) mutable {
    const std::int64_t time = plan_.processing_time ? to_ns(foresight.received) : to_ns(row.time);
    if (!window.holds(time)) {
      window.start = windows_.start_of(time);
      window.end = windows_.end_of(window.start);
    }
    return window.start;
  });
}

void KeyedOperator::apply(const InputRow& row) {
  EntryTable::Found found = entries_.look_up();
  const std::int64_t time = entries_.time_of(row);
  const bool expired =
      ttl_ != 0 && found.entry != nullptr && has_expired(found.payload, std::max(watermark_, time));
  if (found.entry != nullptr && !expired) {
    if (!entries_.apply(found, row)) return;
  } else {
    if (!entries_.can_begin(row)) return;
    if (expired) {  // and not yet gone
      ++rows_.counters().expired;
      entries_.table().touch(found.entry);
      entries_.start_anew(found.payload);
    } else {
      if (!make_entry(found, row)) return;
      if (windowed_) entries_of(window_).push_back(entries_.table(), found.entry);
    }
    entries_.begin(found.payload, row);
  }
  if (ttl_ != 0) {
    std::byte* used = found.payload + used_at_;
    const bool back = time < read_word(used);
    write_word(used, plan_.processing_time ? time : std::max(read_word(used), time));
    if (back && plan_.processing_time) {  // the clock was set back: it may be over before it was looked at
      const std::uint64_t order = order_of(found.payload);
      Made& made = by_order_.at(order);
      if (deadline(found.payload) < made.look) look_again(order, made, deadline(found.payload));
    }
  }

  if (windowed_ && window_.end <= watermark_)  // within the allowed lateness: the corrected result
    emit(found.entry, time_from_ns<EventTime>(window_.end - kMillisecond), row.received, row.position);
  else if (every_)
    mark_pending(found.entry, row.received);
  else if (!windowed_)
    emit(found.entry, row.time, row.received, row.position);
}

void KeyedOperator::enter_window(std::int64_t time) {
  window_.start = windows_.start_of(time);
  window_.end = windows_.end_of(window_.start);
  window_.closes = to_ns(saturating_add(time_from_ns<EventTime>(window_.end), lateness_));
  window_.entries = nullptr;
  if (window_.end > watermark_) next_close_ = std::min(next_close_, window_.end);
  entries_.key().cut(0);
  entries_.key().append_time(window_.start);
}

EntryList& KeyedOperator::entries_of(Window& window) {
  if (window.entries == nullptr) window.entries = &open_[window.start];
  return *window.entries;
}

void KeyedOperator::forget_window(std::int64_t start) {
  open_.erase(start);
  if (window_.start == start) window_.entries = nullptr;
}

// False: there is no room, and the record was refused.
bool KeyedOperator::make_entry(EntryTable::Found& found, const InputRow& row) {
  while (entries_.is_full() && evicts_ && !by_order_.empty()) {
    ++rows_.counters().evicted;
    forget(by_order_.begin()->second.entry);
  }
  if (entries_.is_full()) {
    entries_.refuse(row);
    return false;
  }
  entries_.create(found);
  const std::int64_t time = entries_.time_of(row);
  if (ttl_ != 0) write_word(found.payload + used_at_, time);
  if (ttl_ == 0 && !evicts_) return true;
  const std::uint64_t order = next_order_++;
  write_word(found.payload + order_at_, static_cast<std::int64_t>(order));
  const auto made = by_order_.emplace_hint(by_order_.end(), order, Made{found.entry});
  if (ttl_ != 0) look_again(order, made->second, deadline(found.payload));
  return true;
}

void KeyedOperator::forget(EntryTable::Entry* entry) {
  if (ttl_ != 0 || evicts_) {
    const auto made = by_order_.find(order_of(EntryTable::payload(entry)));
    if (ttl_ != 0) expiries_.erase({made->second.look, made->first});
    by_order_.erase(made);
  }
  entries_.forget(entry);
}

std::int64_t KeyedOperator::deadline(const std::byte* payload) const {
  return to_ns(saturating_add(time_from_ns<EventTime>(read_word(payload + used_at_)), Duration(ttl_)));
}

void KeyedOperator::look_again(std::uint64_t order, Made& made, std::int64_t at) {
  expiries_.erase({made.look, order});
  made.look = at;
  expiries_.emplace(at, order);
}

// What is expired goes, as far as the budget allows. Nothing can be seen of it but memory: a key whose time
// is over starts from nothing in any case.
bool KeyedOperator::expire(Budget& budget) {
  while (!expiries_.empty() && expiries_.begin()->first <= watermark_) {
    if (!budget.take()) return false;
    const std::uint64_t order = expiries_.begin()->second;
    Made& made = by_order_.at(order);
    const std::byte* payload = EntryTable::payload(made.entry);
    const bool pending = every_ && *payload != std::byte{0};
    if (has_expired(payload, watermark_) && !pending) {
      ++rows_.counters().expired;
      forget(made.entry);
      continue;
    }
    look_again(order, made, std::max(deadline(payload), watermark_ + 1));
  }
  return true;
}

void KeyedOperator::mark_pending(EntryTable::Entry* entry, JournalTime now) {
  std::byte* flag = EntryTable::payload(entry);
  if (*flag != std::byte{0}) return;
  *flag = std::byte{1};
  pending_[windowed_ ? window_.start : 0].push_back(entries_.table(), entry);
  if (every_due_) return;
  const std::int64_t every = plan_.settings->emit_every.count();
  const TumblingWindows beats(Duration(every), Duration(0));
  every_due_ = time_from_ns<JournalTime>(beats.end_of(beats.start_of(to_ns(now))));
}

// What a window that ends had to show early.
void KeyedOperator::forget_pending(std::int64_t start) {
  if (pending_.erase(start) != 0 && pending_.empty()) every_due_.reset();
}

bool KeyedOperator::advance(EventTime watermark, JournalTime now, Position position, Budget& budget) {
  if (windowed_) {
    const std::int64_t until = plan_.processing_time ? to_ns(now) : to_ns(watermark);
    if (until < next_close_) {  // nothing can close
      watermark_ = std::max(watermark_, until);
    } else if (!beating_) {  // else it was done before the beat
      if (!close_until(until, now, position, budget)) return false;
      find_next_close();
    }
    return !every_ || emit_due(now, position, budget);
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
  if (!beating_) {
    if (!every_due_ || *every_due_ > now) return true;
    every_due_.reset();
    beating_ = true;
  }
  while (true) {
    if (closing_.what != Closing::What::nothing && !drain(now, position, budget)) return false;
    if (pending_.empty()) break;
    closing_ = {Closing::What::every, pending_.begin()->first};
    drain_.start(std::move(pending_.begin()->second));
    pending_.erase(pending_.begin());
  }
  beating_ = false;
  return true;
}

bool KeyedOperator::drain(JournalTime now, Position position, Budget& budget) {
  while (const std::size_t entries = drain_.unprepared()) {
    if (!budget.take(1 + entries / kSortedAStep)) return false;
    drain_.prepare();
  }
  const bool closes = closing_.what == Closing::What::window;
  while (!drain_.done()) {
    if (!budget.take()) return false;
    EntryTable::Entry* entry = drain_.next();
    if (every_ && (!closes || keeps_closed()) && *EntryTable::payload(entry) != std::byte{0}) {
      entries_.table().touch(entry);
      *EntryTable::payload(entry) = std::byte{0};
    }
    const EventTime time = windowed_ ? time_from_ns<EventTime>(windows_.end_of(closing_.start) - kMillisecond)
                                     : time_from_ns<EventTime>(to_ns(now));
    emit(entry, time, now, position);
    if (closes && !keeps_closed()) forget(entry);
  }
  EntryList all = drain_.finish();
  if (closes) {
    forget_pending(closing_.start);
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
  const bool windows_end = windowed_ && begins_anew;
  if (every_ && !windows_end) {  // a beat of the time before the step would not come until that comes again
    if (every_due_) every_due_ = std::min(*every_due_, now);
    return emit_due(now, position, budget);
  }
  if (!windows_end) return true;
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
  if (windowed_ ? plan_.processing_time : every_)
    return close_for_step({.from = now, .to = now, .begins_anew = true}, position, budget);
  if (!windowed_ || open_.empty()) return true;
  // As if the watermark had come to the end of the last window. It is the same in every slice: the last one
  // goes from open_ only when all is done.
  return close_until(windows_.end_of(open_.rbegin()->first), now, position, budget);
}

std::optional<JournalTime> KeyedOperator::next_due(bool time_driven) const {
  std::optional<JournalTime> due = every_due_;
  if (!windowed_ || open_.empty() || !(plan_.processing_time || time_driven)) return due;
  for (const auto& [start, entries] : open_) {
    const std::int64_t end = windows_.end_of(start);
    if (end <= watermark_) continue;
    const JournalTime closes = time_from_ns<JournalTime>(end);
    return due ? std::min(*due, closes) : closes;
  }
  return due;
}

void KeyedOperator::emit(EntryTable::Entry* entry, EventTime time, JournalTime now, Position position) {
  std::optional<KeyedAggregation::Window> window;
  if (windowed_) {
    std::string_view key = EntryTable::key(entry);
    const std::int64_t start = *take_key_time(key);
    window = {start, windows_.end_of(start)};
  }
  entries_.emit(entries_.key_values_of(entry), entries_.states(entry), window, {time, now, position});
}

void KeyedOperator::save(Encoder& out) const {
  rows_.save(out);
  WindowTimes{watermark_, every_due_, next_order_, forgotten_}.save(out);
}

bool KeyedOperator::load(Decoder& in) {
  if (!rows_.load(in)) return false;
  const WindowTimes times = WindowTimes::load(in);
  watermark_ = times.watermark;
  forgotten_ = times.forgotten;
  next_order_ = times.next_order;
  if (every_) every_due_ = times.every_due;  // else an earlier plan's
  return !in.failed();
}

// Entries that knew neither their last use nor the order of their making were used now, and were made in the
// order of their keys.
Status KeyedOperator::adopt(PriorPipeline& prior, const StateChange& change) {
  const auto complete = [this](std::byte* payload, const PayloadPrefix& before) {
    if (ttl_ != 0 && !before.used) write_word(payload + used_at_, watermark_);
    if ((ttl_ != 0 || evicts_) && !before.order)
      write_word(payload + order_at_, static_cast<std::int64_t>(next_order_++));
  };
  if (Status adopted = entries_.adopt(prior, change, complete); !adopted) return adopted;
  if (windowed_) forgotten_ = forgotten_before(prior, lateness_, watermark_, forgotten_);
  return find_open();
}

// What follows from the entries: which windows are open, which keys wait for the next beat, which expire.
Status KeyedOperator::find_open() {
  bool good = true;
  entries_.table().for_each([&](EntryTable::Entry* entry) {
    entries_.count(entry);
    if (ttl_ != 0 || evicts_) {
      const std::uint64_t order = order_of(EntryTable::payload(entry));
      Made& made = by_order_.emplace(order, Made{entry}).first->second;
      if (ttl_ != 0) look_again(order, made, read_word(EntryTable::payload(entry) + used_at_));
    }
    if (windowed_) {
      std::string_view key = EntryTable::key(entry);
      const auto start = take_key_time(key);
      if (!start)
        good = false;
      else
        open_[*start].push_back(entries_.table(), entry);
      if (start && every_ && *EntryTable::payload(entry) != std::byte{0})
        pending_[*start].push_back(entries_.table(), entry);
    } else if (every_ && *EntryTable::payload(entry) != std::byte{0}) {
      pending_[0].push_back(entries_.table(), entry);
    }
  });
  if (pending_.empty()) every_due_.reset();
  if (!good)
    return fail("a key of pipeline \"" + plan_.settings->name + "\" has no window", Error::Kind::corrupt);
  return {};
}

std::unique_ptr<Operator> make_operator(const OperatorOptions& options) {
  switch (options.plan.kind) {
    case PipelinePlan::Kind::stateless:
      return std::make_unique<StatelessOperator>(options);
    case PipelinePlan::Kind::running:
      if (!options.plan.changes.empty()) return std::make_unique<ChangeOperator>(options);
      break;
    case PipelinePlan::Kind::windowed:
      break;
    case PipelinePlan::Kind::absence:
      return std::make_unique<AbsenceOperator>(options);
    case PipelinePlan::Kind::paned:
      return std::make_unique<PanedOperator>(options);
    case PipelinePlan::Kind::session:
      return std::make_unique<SessionOperator>(options);
    case PipelinePlan::Kind::count:
      return std::make_unique<CountOperator>(options);
  }
  return std::make_unique<KeyedOperator>(options);
}

}  // namespace tidemark
