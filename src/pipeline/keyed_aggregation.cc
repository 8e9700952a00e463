#include "pipeline/keyed_aggregation.h"

#include <algorithm>

#include "base/format.h"
#include "base/invariant.h"
#include "base/key_encoding.h"

namespace tidemark {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

}  // namespace

KeyedAggregation::KeyedAggregation(const OperatorOptions& options, std::size_t front, std::uint64_t cost)
    : plan_(options.plan),
      outlets_(options.outlets),
      rows_(options.plan, options.outlets, options.output),
      aggregates_(aggregates_of(options.plan)),
      front_(front),
      cost_(cost),
      max_keys_(options.plan.settings->max_keys != 0 ? options.plan.settings->max_keys
                                                     : options.limits.max_keys),
      budget_(options.budget),
      foresees_from_(options.foresees_from),
      prefix_(options.plan.layout),
      states_at_(prefix_.size()),
      payload_size_(states_at_ + layout().size()),
      table_(std::make_unique<EntryTable>(std::make_unique<KeyedPayload>(aggregates_, prefix_),
                                          options.hash_seed)),
      arguments_(options.plan, rows_),
      accumulation_(layout(), arguments_.calls()) {
  output_row_.resize(plan_.output_size());
  empty_.resize((layout().size() + 7) / 8 + 1);
  layout().create(reinterpret_cast<std::byte*>(empty_.data()));
}

KeyedAggregation::~KeyedAggregation() {
  layout().destroy(reinterpret_cast<std::byte*>(empty_.data()));
}

bool KeyedAggregation::append_evaluated(const Program& key, const InputRow& row) {
  const auto value = key.evaluate(rows_.working(), rows_.arena());
  if (!value) {
    rows_.reject(row, "key_by: " + key.describe(value.error()));
    return false;
  }
  key_.append(*value);
  return true;
}

bool KeyedAggregation::can_foresee(const Foresight& foresight, const PipelineInput& input) const {
  return foresees() && std::ranges::all_of(plan_.keys, [&](const Program& key) {
           const auto slot = key.bare_slot();
           if (!slot || *slot >= input.gather.size()) return false;
           const std::uint32_t from = input.gather[*slot];
           return from >= foresight.first_decoded && from != PipelineInput::kMissing;
         });
}

bool KeyedAggregation::can_begin(const InputRow& row) {
  const char* refusal =
      accumulation_.check(reinterpret_cast<const std::byte*>(empty_.data()), record_of(row));
  if (refusal == nullptr) return true;
  rows_.reject(row, refusal);
  return false;
}

void KeyedAggregation::start_anew(std::byte* payload) {
  layout().destroy(payload + states_at_);
  layout().create(payload + states_at_);
}

void KeyedAggregation::refuse(const InputRow& row) {
  rows_.refuse(row, has_most_keys() ? "a new key beyond max_keys" : "a new key beyond limits.memory");
}

void KeyedAggregation::create(Found& found) {
  found = table_->create(key_.view(), found.hash);
  budget_.used += cost(key_.view());
}

void KeyedAggregation::late(const InputRow& row) {
  key_texts_.clear();
  const Status decoded = decode_key(key_.view().substr(front_), key_values_, key_texts_);
  invariant(decoded.has_value(), "a key that was encoded decodes");
  rows_.late(row, key_values_);
}

void KeyedAggregation::forget(Entry* entry) {
  budget_.used -= cost(EntryTable::key(entry));
  table_->erase(entry);
}

void KeyedAggregation::emit_row(std::string_view key, const std::byte* states, std::optional<Window> window,
                                const Moment& moment, bool whatever_having) {
  results_.clear();
  key_texts_.clear();
  if (window) {
    output_row_[0] = Value::integer(window->start / kMillisecond);
    output_row_[1] = Value::integer(window->end / kMillisecond);
  }
  const Status decoded = decode_key(key, key_values_, key_texts_);
  invariant(decoded.has_value(), "the key of an entry decodes");
  std::ranges::copy(key_values_, output_row_.begin() + plan_.first_key());
  for (std::size_t i = 0; i < plan_.aggregates.size(); ++i)
    output_row_[plan_.first_aggregate() + i] =
        plan_.aggregates[i].aggregate->result(states + layout().offset(i), results_);
  for (std::size_t i = 0; i < plan_.select.size(); ++i) {
    const auto value = plan_.select[i].evaluate(output_row_, results_);
    if (!value) return rows_.result_failed("select: " + plan_.select[i].describe(value.error()));
    output_row_[plan_.first_selected() + i] = *value;
  }
  if (plan_.having && !whatever_having) {
    const auto passes = plan_.having->evaluate_predicate(output_row_, results_);
    if (!passes) return rows_.result_failed("having: " + plan_.having->describe(passes.error()));
    if (!*passes) return;
  }
  ++rows_.counters().results;
  result_.assign(key_values_.begin(), key_values_.end());
  if (window) {
    result_.push_back(Value::integer(window->start));
    result_.push_back(Value::integer(window->end));
  }
  result_.insert(result_.end(), output_row_.begin() + plan_.first_selected(), output_row_.end());
  outlets_.main.emit(moment.position, result_);
  if (outlets_.downstream) outlets_.downstream(result_, moment.time, moment.now, moment.position);
}

Status KeyedAggregation::broken() const {
  return fail("state of pipeline \"" + plan_.settings->name + "\" does not decode", Error::Kind::corrupt);
}

Status KeyedAggregation::adopt(PriorPipeline& prior, const StateChange& change, const Complete& complete) {
  if (change.kind == StateChange::Kind::none)
    table_ = std::move(prior.table);
  else if (!convert(prior, change, complete))
    return broken();
  return {};
}

// Every aggregate's state goes to its new place by way of its saved bytes; what is new starts empty. Entries
// go in the order of their keys, so that what is numbered anew is so by the state alone.
bool KeyedAggregation::convert(PriorPipeline& prior, const StateChange& change, const Complete& complete) {
  bool good = true;
  const AggregateLayout& old_layout = prior.aggregates->layout();
  const PayloadPrefix old(prior.layout);
  std::vector<Entry*> entries;
  prior.table->for_each([&](Entry* entry) { entries.push_back(entry); });
  std::ranges::sort(entries, {}, [](const Entry* entry) { return EntryTable::key(entry); });
  Encoder state;
  for (Entry* before : entries) {
    const std::byte* from = EntryTable::payload(static_cast<const Entry*>(before));
    Entry* entry = table_->find_or_create(EntryTable::key(before)).first;
    std::byte* to = EntryTable::payload(entry);
    prefix_.take(to, from, old);
    complete(to, old);
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
  return good;
}

}  // namespace tidemark
