#include "pipeline/keyed_entries.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace tidemark {
namespace {

constexpr std::uint64_t kEntryCost = 64;  // of an entry's place in the table

std::int64_t read_i64(const std::byte* at) {
  std::int64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
void write_i64(std::byte* at, std::int64_t value) {
  std::memcpy(at, &value, sizeof value);
}

}  // namespace

KeyedEntries::KeyedEntries(const OperatorOptions& options)
    : aggregates_(aggregates_of(options.plan)),
      prefix_(options.plan.layout),
      max_keys_(options.plan.settings->max_keys != 0 ? options.plan.settings->max_keys
                                                     : options.limits.max_keys),
      evicts_(*options.plan.settings->on_max_keys == OnMaxKeys::evict_oldest),
      budget_(options.budget),
      table_(std::make_unique<EntryTable>(std::make_unique<KeyedPayload>(aggregates_, prefix_),
                                          options.hash_seed)) {}

std::uint64_t KeyedEntries::cost(std::string_view key) const {
  return kEntryCost + key.size() + prefix_.size() + layout().size();
}

const char* KeyedEntries::full(std::string_view key) const {
  if (table_->size() >= max_keys_) return "a new key beyond max_keys";
  return budget_.used + cost(key) > budget_.limit ? "a new key beyond limits.memory" : nullptr;
}

void KeyedEntries::make(EntryTable::Found& found, std::string_view key) {
  found = table_->create(key, found.hash);
  budget_.used += cost(key);
  if (!prefix_.order) return;
  const std::uint64_t order = next_order_++;
  write_i64(found.payload + prefix_.order_at(), static_cast<std::int64_t>(order));
  by_order_.emplace_hint(by_order_.end(), order, Made{found.entry});
}

void KeyedEntries::forget(Entry* entry) {
  budget_.used -= cost(EntryTable::key(entry));
  if (prefix_.order) by_order_.erase(order(entry));
  table_->erase(entry);
}

std::uint64_t KeyedEntries::order_of(const std::byte* payload) const {
  return static_cast<std::uint64_t>(read_i64(payload + prefix_.order_at()));
}

KeyedEntries::Entry* KeyedEntries::after(std::uint64_t order) const {
  const auto at = by_order_.upper_bound(order);
  return at == by_order_.end() ? nullptr : at->second.entry;
}

std::int64_t KeyedEntries::last_use(const std::byte* payload) const {
  return read_i64(payload + prefix_.used_at());
}
void KeyedEntries::set_last_use(std::byte* payload, std::int64_t ns) const {
  write_i64(payload + prefix_.used_at(), ns);
}

bool KeyedEntries::adopt(PriorPipeline& prior, const StateChange& change, std::int64_t now,
                         const std::function<void(Entry*)>& visit) {
  bool good = true;
  if (change.kind == StateChange::Kind::none)
    table_ = std::move(prior.table);
  else
    good = convert(prior, change, now);
  table_->for_each([&](Entry* entry) {
    budget_.used += cost(EntryTable::key(entry));
    if (prefix_.order) by_order_.emplace(order(entry), Made{entry});
    visit(entry);
  });
  return good;
}

// Aggregates by way of their saved bytes. A flag that only one of the two layouts has says nothing to the
// other.
bool KeyedEntries::convert(PriorPipeline& prior, const StateChange& change, std::int64_t now) {
  const AggregateLayout& old_layout = prior.aggregates->layout();
  const PayloadPrefix old(prior.layout);
  std::vector<Entry*> entries;
  prior.table->for_each([&](Entry* entry) { entries.push_back(entry); });
  std::ranges::sort(entries, {}, [](const Entry* entry) { return EntryTable::key(entry); });
  bool good = true;
  Encoder state;
  for (Entry* before : entries) {
    const std::byte* from = EntryTable::payload(static_cast<const Entry*>(before));
    std::byte* to = EntryTable::payload(table_->find_or_create(EntryTable::key(before)).first);
    if (prefix_.flag && old.flag) *to = *from;
    if (prefix_.used) set_last_use(to, old.used ? read_i64(from + old.used_at()) : now);
    if (prefix_.order)
      write_i64(to + prefix_.order_at(),
                old.order ? read_i64(from + old.order_at()) : static_cast<std::int64_t>(next_order_++));
    for (std::size_t i = 0; i < change.from.size(); ++i) {
      if (!change.from[i]) continue;
      state.clear();
      (*prior.aggregates)[*change.from[i]].save(from + old.size() + old_layout.offset(*change.from[i]),
                                                state);
      Decoder in(state.view());
      good = (*aggregates_)[i].load(in, states(to) + layout().offset(i)) && in.complete() && good;
    }
  }
  prior.table.reset();
  return good;
}

}  // namespace tidemark
