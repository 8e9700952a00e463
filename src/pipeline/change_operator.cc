#include "pipeline/change_operator.h"

#include <algorithm>

#include "pipeline/binders.h"

namespace tidemark {

ChangeOperator::ChangeOperator(const OperatorOptions& options)
    : plan_(options.plan),
      outlets_(options.outlets),
      rows_(options.plan, options.outlets, options.output),
      entries_(options),
      ttl_(*options.plan.settings->ttl),
      clock_(to_ns(kEventTimeMin)),
      ends_(entries_),
      arguments_(options.plan, rows_),
      accumulation_(entries_.layout(), arguments_.calls()) {
  output_row_.resize(plan_.output_size());
  seen_.resize(plan_.changes.size());
  empty_.resize(entries_.layout().size() / 8 + 1);
  entries_.layout().create(reinterpret_cast<std::byte*>(empty_.data()));
}

ChangeOperator::~ChangeOperator() {
  entries_.layout().destroy(reinterpret_cast<std::byte*>(empty_.data()));
}

// Evaluates everything, then changes everything.
void ChangeOperator::process(const InputRow& row, const PipelineInput& input) {
  rows_.gather(row, input);
  if (!rows_.derive(plan_.derive_for_key, row) || !evaluate_key(row)) return;
  EntryTable::Found found = entries_.table()->look_up(key_.view());
  const bool expired = found.entry != nullptr && ttl_ != Duration(0) &&
                       end_of(found.payload) <= std::max(clock_, time_of(row));
  const bool known = found.entry != nullptr && !expired;
  const std::byte* states =
      known ? entries_.states(found.payload) : reinterpret_cast<const std::byte*>(empty_.data());
  if (!observe(row, states)) return;
  const RowEvaluation::Verdict verdict = rows_.filter(row);
  if (verdict == RowEvaluation::Verdict::rejected) return;
  const bool passes = verdict == RowEvaluation::Verdict::passes;
  Accumulation::Record record;
  if (passes) {
    if (!rows_.derive(plan_.derive_after, row)) return;
    if (plan_.is_per_record()) {
      if (!evaluate_result(row)) return;
    } else {
      if (!arguments_.evaluate(rows_, row)) return;
      record = {.arguments = arguments_.values(),
                .time = row.time,
                .position = row.position,
                .passed_over = arguments_.passed_over()};
      if (const char* refusal = accumulation_.check(states, record)) return rows_.reject(row, refusal);
    }
  }

  if (!known && !enter(found, expired, row)) return;
  if (known) entries_.table()->touch(found.entry);
  std::byte* own = entries_.states(found.payload);
  for (std::size_t i = 0; i < plan_.changes.size(); ++i)
    plan_.changes[i].function->update(own + offset(i), input_of(i, row));
  if (ttl_ != Duration(0)) {
    const std::int64_t time = time_of(row);
    entries_.set_last_use(found.payload, plan_.processing_time || !known
                                             ? time
                                             : std::max(entries_.last_use(found.payload), time));
    expect_end(found, known);
  }
  if (!passes) return;
  if (plan_.is_per_record()) {
    if (has_result_)
      emit_row(rows_.working().subspan(RowBinder::slots_with_selected(), plan_.select.size()), row);
  } else {
    accumulation_.update(own, record);
    emit(own, row);
  }
}

// An end that has moved on is found when the one put down has come; one that has come nearer, because the
// clock was set back, is put down anew.
void ChangeOperator::expect_end(const EntryTable::Found& found, bool known) {
  const std::uint64_t order = entries_.order_of(found.payload);
  const std::int64_t end = end_of(found.payload);
  if (known && (!plan_.processing_time || entries_.due(order) <= end)) return;
  if (known) ends_.strike(order);
  ends_.put_down(order, end);
}

// An entry for the key, with states that have seen nothing. False: there is no room, and the record was
// refused.
bool ChangeOperator::enter(EntryTable::Found& found, bool expired, const InputRow& row) {
  if (expired) {  // and not yet gone
    ++rows_.counters().expired;
    forget(found.entry);
    found = entries_.table()->look_up(key_.view());
  }
  while (const char* why = entries_.full(key_.view())) {
    Entry* oldest = entries_.evicts() ? entries_.after(0) : nullptr;
    if (oldest == nullptr) {
      rows_.refuse(row, why);
      return false;
    }
    ++rows_.counters().evicted;
    forget(oldest);
  }
  entries_.make(found, key_.view());
  return true;
}

bool ChangeOperator::evaluate_key(const InputRow& row) {
  key_.cut(0);
  key_values_.clear();
  for (const Program& key : plan_.keys) {
    const auto value = key.evaluate(rows_.working(), rows_.arena());
    if (!value) {
      rows_.reject(row, "key_by: " + key.describe(value.error()));
      return false;
    }
    key_.append(*value);
    key_values_.push_back(*value);
  }
  return true;
}

// What the change functions say of the record, and the derived columns that they or `where` need, into the
// working row. False: the record was rejected.
bool ChangeOperator::observe(const InputRow& row, const std::byte* states) {
  for (const PipelinePlan::Step& step : plan_.observe) {
    if (!step.is_change) {
      if (!rows_.derive({&step.index, 1}, row)) return false;
      continue;
    }
    const ChangeColumn& change = plan_.changes[step.index];
    const auto value = change.argument->evaluate(rows_.working(), rows_.arena());
    if (!value) {
      rows_.reject(row, change.text + ": " + change.argument->describe(value.error()));
      return false;
    }
    seen_[step.index] = *value;
    const std::byte* state = states + offset(step.index);
    const Aggregate::Input input = input_of(step.index, row);
    if (const char* refusal = change.function->check(state, input)) {
      rows_.reject(row, change.text + ": " + refusal);
      return false;
    }
    rows_.working()[RowBinder::change_slot(step.index)] = change.function->value(state, input, rows_.arena());
  }
  return true;
}

Aggregate::Input ChangeOperator::input_of(std::size_t change, const InputRow& row) const {
  return {.arguments = {&seen_[change], 1},
          .time = time_from_ns<EventTime>(time_of(row)),
          .position = row.position};
}

// The columns of a result that is the record itself. False: the record was rejected.
bool ChangeOperator::evaluate_result(const InputRow& row) {
  const std::span<Value> working = rows_.working();
  for (std::size_t i = 0; i < plan_.select.size(); ++i) {
    const auto value = plan_.select[i].evaluate(working, rows_.arena());
    if (!value) {
      rows_.reject(row, "select: " + plan_.select[i].describe(value.error()));
      return false;
    }
    working[RowBinder::slots_with_selected() + i] = *value;
  }
  has_result_ = true;
  if (!plan_.having) return true;
  const auto passes = plan_.having->evaluate_predicate(working, rows_.arena());
  if (!passes) {
    rows_.reject(row, "having: " + plan_.having->describe(passes.error()));
    return false;
  }
  has_result_ = *passes;
  return true;
}

void ChangeOperator::emit(const std::byte* states, const InputRow& row) {
  results_.clear();
  std::ranges::copy(key_values_, output_row_.begin() + plan_.first_key());
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
  emit_row(std::span<const Value>(output_row_).subspan(plan_.first_selected()), row);
}

void ChangeOperator::emit_row(std::span<const Value> selected, const InputRow& row) {
  ++rows_.counters().results;
  result_.assign(key_values_.begin(), key_values_.end());
  result_.insert(result_.end(), selected.begin(), selected.end());
  outlets_.main.emit(row.position, result_);
  if (outlets_.downstream) outlets_.downstream(result_, row.time, row.received, row.position);
}

std::int64_t ChangeOperator::end_of(const std::byte* payload) const {
  return to_ns(saturating_add(time_from_ns<EventTime>(entries_.last_use(payload)), ttl_));
}

void ChangeOperator::forget(Entry* entry) {
  if (ttl_ != Duration(0)) ends_.strike(entries_.order(entry));
  entries_.forget(entry);
}

// Nothing can be seen of it but memory: a key whose time is over starts from nothing in any case.
bool ChangeOperator::advance(EventTime watermark, JournalTime now, Position, Budget& budget) {
  clock_ = std::max(clock_, plan_.processing_time ? to_ns(now) : to_ns(watermark));
  while (!ends_.empty() && ends_.time() <= clock_) {
    if (!budget.take()) return false;
    Entry* entry = ends_.entry();
    if (const std::int64_t end = end_of(EntryTable::payload(entry)); end > clock_) {
      const std::uint64_t order = ends_.order();
      ends_.strike(order);
      ends_.put_down(order, end);
      continue;
    }
    ++rows_.counters().expired;
    forget(entry);
  }
  return true;
}

bool ChangeOperator::close_for_step(const ClockStep& step, Position, Budget&) {
  if (step.begins_anew) clock_ = to_ns(kEventTimeMin);  // it comes again
  return true;
}

// As KeyedOperator's, so that aggregates and change functions can come and go.
void ChangeOperator::save(Encoder& out) const {
  rows_.save(out);
  out.i64(clock_);
  out.boolean(false);
  entries_.save(out);
  out.i64(to_ns(kEventTimeMin));
}

bool ChangeOperator::load(Decoder& in) {
  if (!rows_.load(in)) return false;
  clock_ = in.i64();
  if (in.boolean()) in.i64();
  entries_.load(in);
  in.i64();
  return !in.failed();
}

Status ChangeOperator::adopt(PriorPipeline& prior, const StateChange& change) {
  const bool good = entries_.adopt(prior, change, clock_, [this](Entry* entry) {
    if (ttl_ != Duration(0)) ends_.put_down(entries_.order(entry), end_of(EntryTable::payload(entry)));
  });
  if (!good)
    return fail("state of pipeline \"" + plan_.settings->name + "\" does not decode", Error::Kind::corrupt);
  return {};
}

}  // namespace tidemark
