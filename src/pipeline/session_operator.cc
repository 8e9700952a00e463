#include "pipeline/session_operator.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/invariant.h"
#include "base/key_encoding.h"
#include "pipeline/window_times.h"
#include "windows/tumbling.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
// Of an entry's place in the table, its own among those that are due and in its chain, and of the chain.
constexpr std::uint64_t kEntryCost = 224;

std::int64_t later_by(std::int64_t time, Duration by) {
  return to_ns(saturating_add(time_from_ns<EventTime>(time), by));
}

}  // namespace

SessionOperator::SessionOperator(const OperatorOptions& options)
    : plan_(options.plan),
      entries_(options, KeyedAggregation::kFront, kEntryCost),
      rows_(entries_.rows()),
      gap_(options.plan.settings->window.gap),
      max_(options.plan.settings->window.max),
      lateness_(options.plan.processing_time ? Duration(0) : *options.plan.settings->allowed_lateness),
      every_(*options.plan.settings->emit == EmitPolicy::every),
      last_at_(entries_.prefix().extent_at()),
      chain_at_(entries_.prefix().links_at()),
      due_at_(entries_.prefix().links_at() + 8),
      watermark_(to_ns(kEventTimeMin)),
      forgotten_(to_ns(kEventTimeMin)),
      chains_(options.hash_seed) {}

bool SessionOperator::ByKey::operator()(const Entry* a, const Entry* b) const {
  const std::string_view one = EntryTable::key(a), other = EntryTable::key(b);
  const int by_values = one.substr(KeyedAggregation::kFront).compare(other.substr(KeyedAggregation::kFront));
  return by_values != 0 ? by_values < 0 : one < other;
}

std::int64_t SessionOperator::end_of(Span span) const {
  const std::int64_t end = later_by(span.last, gap_);
  return max_ == Duration(0) ? end : std::min(end, later_by(span.start, max_));
}

SessionOperator::Span SessionOperator::span_of(const Entry* entry) const {
  return {start_of(entry), read_word(EntryTable::payload(entry) + last_at_)};
}

// ---- records

void SessionOperator::process(const InputRow& row, const PipelineInput& input) {
  if (!rows_.load(row, input)) return;
  const std::int64_t time = entries_.time_of(row);
  entries_.key().cut(0);
  entries_.key().append_time(time);
  if (!entries_.encode_key(row)) return;
  const Place place = place_of(chains_.find(entries_.key().view().substr(KeyedAggregation::kFront)), time);
  const std::int64_t end = end_of(place.span);
  if (!plan_.processing_time && is_closed(end)) return entries_.late(row);
  if (!entries_.evaluate(row)) return;

  const auto is_shown = [&](const Entry* entry) {
    return entry != nullptr && end_of(span_of(entry)) <= watermark_;
  };
  const bool before_shown = is_shown(place.before), after_shown = is_shown(place.after);
  const std::int64_t after_start = place.after != nullptr ? start_of(place.after) : 0;
  Entry* entry = apply(place, row);
  if (entry == nullptr) return;
  if (place.before == nullptr || before_shown) set_due(entry, end > watermark_ ? end : closes(end));

  const KeyedAggregation::Moment moment{time_from_ns<EventTime>(after_start - kMillisecond), row.received,
                                        row.position};
  if (after_shown) entries_.withdraw(entries_.key_values_of(entry), after_start, moment);
  if (end <= watermark_)  // within the allowed lateness: the corrected result
    emit(entry, row.received, row.position);
  else if (every_)
    mark_pending(entry, row.received);
}

SessionOperator::Place SessionOperator::place_of(const Chain* chain, std::int64_t time) const {
  Place place{.span = {time, time}};
  if (chain == nullptr) return place;
  const KeyChains::Links sessions = chain->links();
  const auto next = std::ranges::upper_bound(sessions, time, {}, &KeyChains::Link::front);
  if (next != sessions.begin()) {
    const Span span = span_of(next[-1].entry);
    if (time < end_of(span)) {
      place.before = next[-1].entry;
      place.span = {span.start, std::max(span.last, time)};
    }
  }
  if (next == sessions.end()) return place;
  const Span span = span_of(next->entry);
  const Span joined{place.span.start, std::max(place.span.last, span.last)};
  const bool reaches = span.start < later_by(place.span.last, gap_);
  if (reaches && (max_ == Duration(0) || joined.last < later_by(joined.start, max_))) {
    place.after = next->entry;
    place.span = joined;
  }
  return place;
}

// The entry that holds the record then; null when it was rejected or refused.
SessionOperator::Entry* SessionOperator::apply(const Place& place, const InputRow& row) {
  Entry* entry = place.before;
  if (entry == nullptr) {
    entry = place.after != nullptr ? begin_earlier(place.after, row) : begin(row);
    if (entry == nullptr) return nullptr;
  } else {
    if (!entries_.apply({.entry = entry, .payload = EntryTable::payload(entry)}, row)) return nullptr;
    if (place.after != nullptr) swallow(entry, place.after);
  }
  write_word(word(entry, last_at_), place.span.last);
  return entry;
}

SessionOperator::Entry* SessionOperator::begin(const InputRow& row) {
  if (!entries_.can_begin(row)) return nullptr;
  if (entries_.is_full()) {
    entries_.refuse(row);
    return nullptr;
  }
  EntryTable::Found found = entries_.look_up();
  invariant(found.entry == nullptr, "a record at a session's start belongs to it");
  entries_.create(found);
  entries_.begin(found.payload, row);
  join_chain(found.entry);
  return found.entry;
}

// A session's start is a part of its key: what it holds goes to another entry.
SessionOperator::Entry* SessionOperator::begin_earlier(Entry* before, const InputRow& row) {
  if (!entries_.apply({.entry = before, .payload = EntryTable::payload(before)}, row)) return nullptr;
  Encoder states;
  entries_.layout().save(entries_.states(before), states);
  leave(before);
  EntryTable::Found found = entries_.look_up();
  invariant(found.entry == nullptr, "a record at a session's start belongs to it");
  entries_.create(found);
  Decoder in(states.view());
  invariant(entries_.layout().load(in, entries_.states(found.payload)) && in.complete(),
            "a state that was saved is loaded");
  join_chain(found.entry);
  return found.entry;
}

// Of two sessions the later one ends as a part of the earlier.
void SessionOperator::swallow(Entry* into, Entry* entry) {
  entries_.layout().merge(entries_.states(EntryTable::payload(into)), entries_.states(entry));
  leave(entry);
}

void SessionOperator::join_chain(Entry* entry) {
  Chain* chain = chains_.insert(entry);
  std::memcpy(word(entry, chain_at_), &chain, sizeof chain);
  write_word(word(entry, due_at_), to_ns(kEventTimeMin));  // nowhere
}

void SessionOperator::leave(Entry* entry) {
  take_due(entry);
  forget_pending(entry);
  Chain* chain;
  std::memcpy(&chain, word(entry, chain_at_), sizeof chain);
  chains_.remove(chain, entry);
  entries_.forget(entry);
}

void SessionOperator::set_due(Entry* entry, std::int64_t time) {
  take_due(entry);
  write_word(word(entry, due_at_), time);
  due_.insert({time, entry});
}

void SessionOperator::take_due(Entry* entry) {
  due_.erase({read_word(word(entry, due_at_)), entry});
}

// ---- sessions that end

bool SessionOperator::advance(EventTime watermark, JournalTime now, Position position, Budget& budget) {
  const std::int64_t until = plan_.processing_time ? to_ns(now) : to_ns(watermark);
  // During a beat it was done before.
  if (!beating_ && !close_until(until, now, position, budget)) return false;
  return !every_ || emit_due(now, position, budget);
}

// Those that are due are looked at: a session that went on meanwhile waits for its new end.
bool SessionOperator::close_until(std::int64_t until, JournalTime now, Position position, Budget& budget) {
  while (!due_.empty() && due_.begin()->time <= until) {
    if (!budget.take()) return false;
    const auto [time, entry] = *due_.begin();
    const std::int64_t end = end_of(span_of(entry));
    if (time < end) {
      set_due(entry, end);
      continue;
    }
    const bool ends = time == end && end > watermark_;
    if (ends) emit(entry, now, position);
    if (!ends || lateness_ == Duration(0)) {
      leave(entry);
      continue;
    }
    forget_pending(entry);
    set_due(entry, closes(end));
  }
  watermark_ = std::max(watermark_, until);
  return true;
}

bool SessionOperator::close_for_step(const ClockStep& step, Position position, Budget& budget) {
  const auto& [now, to, begins_anew] = step;
  if (!begins_anew) {  // a beat of the time before the step would not come until that comes again
    if (!every_) return true;
    if (every_due_) every_due_ = std::min(*every_due_, now);
    return emit_due(now, position, budget);
  }
  // Everything open ends now; sessions of the time before the step may begin again later, as new ones.
  while (!due_.empty()) {
    if (!budget.take()) return false;
    const auto [time, entry] = *due_.begin();
    const std::int64_t end = end_of(span_of(entry));
    if (time < end) {
      set_due(entry, end);
      continue;
    }
    if (end > watermark_) emit(entry, now, position);
    leave(entry);
  }
  watermark_ = to_ns(kEventTimeMin);
  return true;
}

// In event time as if the watermark had come to the end of the last session.
bool SessionOperator::close_all(JournalTime now, Position position, Budget& budget) {
  if (plan_.processing_time)
    return close_for_step({.from = now, .to = now, .begins_anew = true}, position, budget);
  if (!drains_until_) {
    drains_until_ = watermark_;
    for (const Due& due : due_) drains_until_ = std::max(*drains_until_, end_of(span_of(due.entry)));
  }
  if (!close_until(*drains_until_, now, position, budget)) return false;
  drains_until_.reset();
  return true;
}

std::optional<JournalTime> SessionOperator::next_due(bool time_driven) const {
  std::optional<JournalTime> due = every_due_;
  if ((plan_.processing_time || time_driven) && !due_.empty()) {
    const JournalTime looks = time_from_ns<JournalTime>(due_.begin()->time);
    due = due ? std::min(*due, looks) : looks;
  }
  return due;
}

// ---- early results

void SessionOperator::mark_pending(Entry* entry, JournalTime now) {
  std::byte* flag = EntryTable::payload(entry);
  if (*flag != std::byte{0}) return;
  *flag = std::byte{1};
  pending_.insert(entry);
  if (every_due_) return;
  const std::int64_t every = plan_.settings->emit_every.count();
  const TumblingWindows beats(Duration(every), Duration(0));
  every_due_ = time_from_ns<JournalTime>(beats.end_of(beats.start_of(to_ns(now))));
}

void SessionOperator::forget_pending(Entry* entry) {
  if (!every_ || *EntryTable::payload(entry) == std::byte{0}) return;
  entries_.table().touch(entry);
  *EntryTable::payload(entry) = std::byte{0};
  pending_.erase(entry);
  if (pending_.empty() && !beating_) every_due_.reset();
}

bool SessionOperator::emit_due(JournalTime now, Position position, Budget& budget) {
  if (!beating_) {
    if (!every_due_ || *every_due_ > now) return true;
    every_due_.reset();
    beating_ = true;
  }
  while (!pending_.empty()) {
    if (!budget.take()) return false;
    Entry* entry = *pending_.begin();
    forget_pending(entry);
    emit(entry, now, position);
  }
  beating_ = false;
  return true;
}

// ---- results

void SessionOperator::emit(const Entry* entry, JournalTime now, Position position) {
  const Span span = span_of(entry);
  const std::int64_t end = end_of(span);
  entries_.emit(entries_.key_values_of(entry), entries_.states(entry),
                KeyedAggregation::Window{span.start, end},
                {time_from_ns<EventTime>(end - kMillisecond), now, position});
}

// ---- over a restart

void SessionOperator::save(Encoder& out) const {
  rows_.save(out);
  WindowTimes{watermark_, every_due_, 0, forgotten_}.save(out);
}

bool SessionOperator::load(Decoder& in) {
  if (!rows_.load(in)) return false;
  const WindowTimes times = WindowTimes::load(in);
  watermark_ = times.watermark;
  forgotten_ = times.forgotten;
  if (every_) every_due_ = times.every_due;  // else an earlier plan's
  return !in.failed();
}

Status SessionOperator::adopt(PriorPipeline& prior, const StateChange& change) {
  if (Status adopted = entries_.adopt(prior, change, [](std::byte*, const PayloadPrefix&) {}); !adopted)
    return adopted;
  forgotten_ = forgotten_before(prior, lateness_, watermark_, forgotten_);
  return find_open();
}

Status SessionOperator::find_open() {
  bool good = true;
  entries_.table().for_each([&](Entry* entry) {
    entries_.count(entry);
    std::string_view key = EntryTable::key(entry);
    if (!take_key_time(key) || span_of(entry).last < start_of(entry)) {
      good = false;
      return;
    }
    join_chain(entry);
    const std::int64_t end = end_of(span_of(entry));
    set_due(entry, end > watermark_ ? end : closes(end));
    if (every_ && *EntryTable::payload(entry) != std::byte{0}) pending_.insert(entry);
  });
  if (pending_.empty()) every_due_.reset();
  return good ? Status() : entries_.broken();
}

}  // namespace tidemark
