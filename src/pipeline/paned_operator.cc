#include "pipeline/paned_operator.h"

#include <algorithm>
#include <cstring>

#include "base/key_encoding.h"
#include "pipeline/window_times.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::size_t kSortedAStep = 8;    // entries that are sorted in the time of one result
constexpr std::size_t kGatheredAStep = 4;  // chains that are looked at in that time
constexpr std::size_t kMergedAStep = 4;    // panes that are merged in that time
// Of an entry's place in the table, its own in its pane and its chain, and of the chain.
constexpr std::uint64_t kEntryCost = 160;

}  // namespace

PanedOperator::PanedOperator(const OperatorOptions& options)
    : plan_(options.plan),
      entries_(options, KeyedAggregation::kFront, kEntryCost),
      rows_(entries_.rows()),
      windows_(TimeWindows::cut_of(options.plan.settings->window, options.plan.zone)),
      lateness_(options.plan.processing_time ? Duration(0) : *options.plan.settings->allowed_lateness),
      every_(*options.plan.settings->emit == EmitPolicy::every),
      link_at_(entries_.prefix().links_at()),
      merge_(entries_, windows_),
      watermark_(to_ns(kEventTimeMin)),
      forgotten_(to_ns(kEventTimeMin)),
      chains_(options.hash_seed),
      corrected_through_(to_ns(kEventTimeMin)) {}

// ---- records

void PanedOperator::process(const InputRow& row, const PipelineInput& input) {
  if (!rows_.load(row, input)) return;
  const std::int64_t time = entries_.time_of(row);
  if (!pane_.holds(time)) enter_pane(time);
  if (!entries_.encode_key(row)) return;
  if (!plan_.processing_time && is_closed(pane_.last_end)) return entries_.late(row);
  if (!entries_.evaluate(row)) return;
  apply(row);
}

void PanedOperator::enter_pane(std::int64_t time) {
  pane_.start = windows_.pane_start(time);
  pane_.end = windows_.pane_end(pane_.start);
  pane_.first_end = windows_.first_end_after(pane_.start);
  pane_.last_end = windows_.last_end(pane_.start);
  entries_.key().cut(0);
  entries_.key().append_time(pane_.start);
}

void PanedOperator::apply(const InputRow& row) {
  EntryTable::Found found = entries_.look_up();
  if (found.entry != nullptr) {
    if (!entries_.apply(found, row)) return;
  } else {
    if (!entries_.can_begin(row)) return;
    if (entries_.is_full()) return entries_.refuse(row);
    entries_.create(found);
    join_chain(found.entry);
    panes_[pane_.start].push_back(entries_.table(), found.entry);
    if (pane_.last_end > watermark_)
      next_close_ = std::min(next_close_, windows_.first_end_after(std::max(pane_.start, watermark_)));
    entries_.begin(found.payload, row);
  }
  if (pane_.end <= watermark_) merge_.changed(*chain_of(found.entry), pane_.start);
  if (keeps_closed() && pane_.first_end <= watermark_) corrections_.push_back(found.entry);
  if (every_ && pane_.last_end > watermark_) mark_pending(found.entry, row.received);
}

// ---- windows that end

bool PanedOperator::advance(EventTime watermark, JournalTime now, Position position, Budget& budget) {
  if (!corrections_.empty() && !correct(now, position, budget)) return false;
  const std::int64_t until = plan_.processing_time ? to_ns(now) : to_ns(watermark);
  if (until < next_close_) {  // nothing can close
    watermark_ = std::max(watermark_, until);
  } else if (!beating_) {  // else it was done before the beat
    if (!close_until(until, now, position, budget)) return false;
    find_next_close();
  }
  return !every_ || emit_due(now, position, budget);
}

// Of the windows that hold what was changed and are closed, but not for good.
bool PanedOperator::correct(JournalTime now, Position position, Budget& budget) {
  for (; corrected_ < corrections_.size(); ++corrected_) {
    Chain& chain = *chain_of(corrections_[corrected_]);
    const std::int64_t pane = KeyChains::front_of(corrections_[corrected_]);
    const std::int64_t last = std::min(windows_.last_end(pane), watermark_);
    while (true) {
      const std::int64_t end = windows_.first_end_after(std::max(pane, corrected_through_));
      if (end > last) break;
      if (!budget.take()) return false;
      if (!is_closed(end)) emit(chain, end, now, position, budget);
      corrected_through_ = end;
    }
    corrected_through_ = to_ns(kEventTimeMin);
  }
  corrections_.clear();
  corrected_ = 0;
  return true;
}

// Panes before the first window that ends after `ns` are in no such window.
std::optional<std::int64_t> PanedOperator::next_end(std::int64_t ns) const {
  if (panes_.empty()) return std::nullopt;
  const bool from_the_first = ns == to_ns(kEventTimeMin);
  const std::int64_t end = windows_.first_end_after(from_the_first ? panes_.begin()->first : ns);
  const auto pane = panes_.lower_bound(windows_.start_of_window(end));
  if (pane == panes_.end()) return std::nullopt;
  return pane->first < end ? end : windows_.first_end_after(pane->first);
}

bool PanedOperator::close_until(std::int64_t until, JournalTime now, Position position, Budget& budget) {
  if (!closes_ && until <= watermark_) return true;
  closes_ = true;
  while (true) {
    if (work_ == Work::nothing) {
      const auto end = next_end(watermark_);
      if (!end || *end > until) break;
      closing_ = *end;
      work_ = Work::gathering;
    }
    if (!close_next(now, position, budget)) return false;
  }
  if (!drop_until(until, budget)) return false;
  closes_ = false;
  watermark_ = until;
  return true;
}

// The window that ends at closing_: a key stands for its first pane in it.
bool PanedOperator::close_next(JournalTime now, Position position, Budget& budget) {
  const std::int64_t start = windows_.start_of_window(closing_);
  if (work_ == Work::gathering) {
    for (; gathered_ < chains_.id_end(); ++gathered_) {
      if (gathered_ % kGatheredAStep == 0 && !budget.take()) return false;
      const Chain* chain = chains_.at(gathered_);
      if (chain == nullptr) continue;
      if (const auto panes = chain->between(start, closing_); !panes.empty())
        gathering_.push_back(entries_.table(), panes.front().entry);
    }
    gathered_ = 0;
    watermark_ = closing_;
    drain_.start(std::exchange(gathering_, {}));
    work_ = Work::emitting;
  }
  if (!prepare_drain(budget)) return false;
  while (!drain_.done()) {
    if (!budget.take()) return false;
    emit(*chain_of(drain_.next()), closing_, now, position, budget);
  }
  drain_.finish();
  work_ = Work::nothing;
  forget_pending();
  return true;
}

bool PanedOperator::prepare_drain(Budget& budget) {
  while (const std::size_t entries = drain_.unprepared()) {
    if (!budget.take(1 + entries / kSortedAStep)) return false;
    drain_.prepare();
  }
  return true;
}

// Panes whose windows are closed for good. In slices as well: they may hold a million keys.
bool PanedOperator::drop_until(std::int64_t until, Budget& budget) {
  while (!panes_.empty()) {
    const EventTime end = time_from_ns<EventTime>(windows_.last_end(panes_.begin()->first));
    if (to_ns(saturating_add(end, lateness_)) > until) break;
    if (!drop_oldest(budget)) return false;
  }
  return true;
}

bool PanedOperator::drop_oldest(Budget& budget) {
  EntryList& entries = panes_.begin()->second;
  for (; !entries.empty(); entries.pop_back()) {
    if (!budget.take()) return false;
    Entry* entry = entries.back();
    chains_.remove(chain_of(entry), entry);
    entries_.forget(entry);
  }
  panes_.erase(panes_.begin());
  return true;
}

void PanedOperator::find_next_close() {
  next_close_ = to_ns(kEventTimeMax);
  if (keeps_closed())  // panes wait for that to be over
    next_close_ = to_ns(kEventTimeMin);
  else if (const auto end = next_end(watermark_))
    next_close_ = *end;
}

// ---- early results

void PanedOperator::mark_pending(Entry* entry, JournalTime now) {
  std::byte* flag = EntryTable::payload(entry);
  if (*flag != std::byte{0}) return;
  *flag = std::byte{1};
  pending_[pane_.start].push_back(entries_.table(), entry);
  if (every_due_) return;
  const std::int64_t every = plan_.settings->emit_every.count();
  const TumblingWindows beats(Duration(every), Duration(0));
  every_due_ = time_from_ns<JournalTime>(beats.end_of(beats.start_of(to_ns(now))));
}

// Panes that are in no open window any more. Their entries keep the flag until they go.
void PanedOperator::forget_pending() {
  while (!pending_.empty() && windows_.last_end(pending_.begin()->first) <= watermark_) {
    pending_.erase(pending_.begin());
    if (pending_.empty()) every_due_.reset();
  }
}

bool PanedOperator::emit_due(JournalTime now, Position position, Budget& budget) {
  if (!beating_) {
    if (!every_due_ || *every_due_ > now) return true;
    every_due_.reset();
    beating_ = true;
  }
  while (true) {
    if (work_ == Work::emitting) {
      if (!prepare_drain(budget)) return false;
      while (!drain_.done()) {
        if (!budget.take()) return false;
        emit_early(drain_.next(), now, position, budget);
      }
      drain_.finish();
      work_ = Work::nothing;
    }
    if (pending_.empty()) break;
    drain_.start(std::move(pending_.begin()->second));
    pending_.erase(pending_.begin());
    work_ = Work::emitting;
  }
  beating_ = false;
  return true;
}

// Panes come in the order of time: where a later one of the key that has changed is in the same window, the
// window is shown with that.
void PanedOperator::emit_early(Entry* entry, JournalTime now, Position position, Budget& budget) {
  entries_.table().touch(entry);
  *EntryTable::payload(entry) = std::byte{0};
  const std::int64_t pane = KeyChains::front_of(entry);
  const std::int64_t end = windows_.first_end_after(std::max(pane, watermark_));
  Chain& chain = *chain_of(entry);
  for (const KeyChains::Link& later : chain.between(windows_.pane_end(pane), end))
    if (*EntryTable::payload(later.entry) != std::byte{0}) return;
  emit(chain, end, now, position, budget);
}

// ---- results

void PanedOperator::emit(Chain& chain, std::int64_t end, JournalTime now, Position position, Budget& budget) {
  const std::int64_t start = windows_.start_of_window(end);
  std::size_t merged = 0;
  const std::byte* states = merge_.window(chain, start, end, watermark_, merged);
  budget.take(merged / kMergedAStep);
  entries_.emit(entries_.key_values_of(chain.links().front().entry), states,
                KeyedAggregation::Window{start, end},
                {time_from_ns<EventTime>(end - kMillisecond), now, position});
}

void PanedOperator::join_chain(Entry* entry) {
  Chain* chain = chains_.insert(entry);
  std::memcpy(link(entry), &chain, sizeof chain);
}

KeyChains::Chain* PanedOperator::chain_of(Entry* entry) const {
  Chain* chain;
  std::memcpy(&chain, link(entry), sizeof chain);
  return chain;
}

// ---- ends that are not the watermark's

bool PanedOperator::close_for_step(const ClockStep& step, Position position, Budget& budget) {
  const auto& [now, to, begins_anew] = step;
  next_close_ = to_ns(kEventTimeMin);
  if (!begins_anew) {  // a beat of the time before the step would not come until that comes again
    if (!every_) return true;
    if (every_due_) every_due_ = std::min(*every_due_, now);
    return emit_due(now, position, budget);
  }
  // Everything open ends now; windows of the time before the step may open again later, as new ones.
  while (work_ != Work::nothing || next_end(watermark_)) {
    if (work_ == Work::nothing) {
      closing_ = *next_end(watermark_);
      work_ = Work::gathering;
    }
    if (!close_next(now, position, budget)) return false;
  }
  while (!panes_.empty())
    if (!drop_oldest(budget)) return false;
  watermark_ = to_ns(kEventTimeMin);
  return true;
}

bool PanedOperator::close_all(JournalTime now, Position position, Budget& budget) {
  next_close_ = to_ns(kEventTimeMin);
  if (plan_.processing_time)
    return close_for_step({.from = now, .to = now, .begins_anew = true}, position, budget);
  if (panes_.empty()) return true;
  // As if the watermark had come to the end of the last window. It is the same in every slice: the last pane
  // goes only when all is done.
  return close_until(windows_.last_end(panes_.rbegin()->first), now, position, budget);
}

std::optional<JournalTime> PanedOperator::next_due(bool time_driven) const {
  std::optional<JournalTime> due = every_due_;
  if (plan_.processing_time || time_driven)
    if (const auto end = next_end(watermark_)) {
      const JournalTime closes = time_from_ns<JournalTime>(*end);
      due = due ? std::min(*due, closes) : closes;
    }
  return due;
}

// ---- over a restart

void PanedOperator::save(Encoder& out) const {
  rows_.save(out);
  WindowTimes{watermark_, every_due_, 0, forgotten_}.save(out);
}

bool PanedOperator::load(Decoder& in) {
  if (!rows_.load(in)) return false;
  const WindowTimes times = WindowTimes::load(in);
  watermark_ = times.watermark;
  forgotten_ = times.forgotten;
  if (every_) every_due_ = times.every_due;  // else an earlier plan's
  return !in.failed();
}

Status PanedOperator::adopt(PriorPipeline& prior, const StateChange& change) {
  if (Status adopted = entries_.adopt(prior, change, [](std::byte*, const PayloadPrefix&) {}); !adopted)
    return adopted;
  forgotten_ = forgotten_before(prior, lateness_, watermark_, forgotten_);
  return find_open();
}

Status PanedOperator::find_open() {
  bool good = true;
  entries_.table().for_each([&](Entry* entry) {
    entries_.count(entry);
    std::string_view key = EntryTable::key(entry);
    const auto start = take_key_time(key);
    if (!start) {
      good = false;
      return;
    }
    panes_[*start].push_back(entries_.table(), entry);
    if (every_ && *EntryTable::payload(entry) != std::byte{0} && windows_.last_end(*start) > watermark_)
      pending_[*start].push_back(entries_.table(), entry);
  });
  if (pending_.empty()) every_due_.reset();
  for (auto& [start, entries] : panes_)  // so that every chain grows at its end
    for (std::size_t i = 0; i < entries.size(); ++i) join_chain(entries[i]);
  return good ? Status() : entries_.broken();
}

}  // namespace tidemark
