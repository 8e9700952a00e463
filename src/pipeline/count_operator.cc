#include "pipeline/count_operator.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/key_encoding.h"

namespace tidemark {
namespace {

// Of an entry's place in the table and in its chain, and of the chain.
constexpr std::uint64_t kEntryCost = 160;

}  // namespace

CountOperator::CountOperator(const OperatorOptions& options)
    : entries_(options, KeyedAggregation::kFront, kEntryCost),
      rows_(entries_.rows()),
      size_(static_cast<std::int64_t>(options.plan.settings->window.size_count)),
      slide_(static_cast<std::int64_t>(options.plan.settings->window.slide_count)),
      pane_(std::gcd(size_, slide_)),
      extent_at_(entries_.prefix().extent_at()),
      chains_(options.hash_seed) {
  merge_.resize((entries_.layout().size() + 7) / 8 + 1);
  entries_.layout().create(reinterpret_cast<std::byte*>(merge_.data()));
}

CountOperator::~CountOperator() {
  entries_.layout().destroy(reinterpret_cast<std::byte*>(merge_.data()));
}

CountOperator::Extent CountOperator::extent_of(const Entry* entry) const {
  const std::byte* at = EntryTable::payload(entry) + extent_at_;
  return {read_word(at), read_word(at + 8), read_word(at + 16)};
}

void CountOperator::set_extent(Entry* entry, const Extent& extent) const {
  std::byte* at = EntryTable::payload(entry) + extent_at_;
  write_word(at, extent.records);
  write_word(at + 8, extent.earliest);
  write_word(at + 16, extent.latest);
}

void CountOperator::process(const InputRow& row, const PipelineInput& input) {
  if (!rows_.load(row, input)) return;
  entries_.key().cut(0);
  entries_.key().append_time(0);
  if (!entries_.encode_key(row)) return;
  if (!entries_.evaluate(row)) return;
  Chain* chain = chains_.find(entries_.key().view().substr(KeyedAggregation::kFront));
  Entry* entry = apply(chain == nullptr ? nullptr : chain->links().back().entry, row);
  if (entry == nullptr || extent_of(entry).records < pane_) return;

  chain = chains_.find(entries_.key_values_of(entry));
  const std::int64_t number = KeyChains::front_of(entry);
  const std::int64_t records = (number + 1) * pane_;  // of the key, since it began to be numbered
  if (records < size_ || (records - size_) % slide_ != 0) return;
  emit(chain->between(number + 1 - size_ / pane_, number + 1), row);
  // The next window begins behind the first `slide` records of this one.
  const std::int64_t needed = (records - size_ + slide_) / pane_;
  while (true) {
    const KeyChains::Link oldest = chain->links().front();
    if (oldest.front >= needed) return;
    const bool last = chain->links().size() == 1;
    leave(chain, oldest.entry);
    if (last) return;
  }
}

CountOperator::Entry* CountOperator::apply(Entry* newest, const InputRow& row) {
  const std::int64_t time = entries_.time_of(row);
  if (newest != nullptr) {
    Extent extent = extent_of(newest);
    if (extent.records < pane_) {
      if (!entries_.apply({.entry = newest, .payload = EntryTable::payload(newest)}, row)) return nullptr;
      set_extent(newest,
                 {extent.records + 1, std::min(extent.earliest, time), std::max(extent.latest, time)});
      return newest;
    }
    entries_.key().replace_time(KeyChains::front_of(newest) + 1);
  }
  if (!entries_.can_begin(row)) return nullptr;
  if (entries_.is_full()) {
    entries_.refuse(row);
    return nullptr;
  }
  EntryTable::Found found = entries_.look_up();
  entries_.create(found);
  set_extent(found.entry, {1, time, time});
  entries_.begin(found.payload, row);
  chains_.insert(found.entry);
  return found.entry;
}

// Like a running aggregate's: its time is that of the record that completes it.
void CountOperator::emit(KeyChains::Links panes, const InputRow& row) {
  const Extent first = extent_of(panes.front().entry);
  KeyedAggregation::Window window{first.earliest, first.latest};
  for (const KeyChains::Link& pane : panes) {
    const Extent extent = extent_of(pane.entry);
    window.start = std::min(window.start, extent.earliest);
    window.end = std::max(window.end, extent.latest);
  }
  const std::byte* states = entries_.states(panes.front().entry);
  if (panes.size() > 1) {
    std::byte* into = reinterpret_cast<std::byte*>(merge_.data());
    entries_.layout().destroy(into);
    entries_.layout().create(into);
    for (const KeyChains::Link& pane : panes) entries_.layout().merge(into, entries_.states(pane.entry));
    states = into;
  }
  entries_.emit(entries_.key_values_of(panes.front().entry), states, window,
                {row.time, row.received, row.position});
}

void CountOperator::leave(Chain* chain, Entry* entry) {
  chains_.remove(chain, entry);
  entries_.forget(entry);
}

void CountOperator::save(Encoder& out) const {
  rows_.save(out);
}

bool CountOperator::load(Decoder& in) {
  return rows_.load(in);
}

Status CountOperator::adopt(PriorPipeline& prior, const StateChange& change) {
  if (Status adopted = entries_.adopt(prior, change, [](std::byte*, const PayloadPrefix&) {}); !adopted)
    return adopted;
  bool good = true;
  std::map<std::int64_t, std::vector<Entry*>> by_number;  // so that every chain grows at its end
  entries_.table().for_each([&](Entry* entry) {
    entries_.count(entry);
    std::string_view key = EntryTable::key(entry);
    const auto number = take_key_time(key);
    const std::int64_t records = extent_of(entry).records;
    if (!number || records < 1 || records > pane_)
      good = false;
    else
      by_number[*number].push_back(entry);
  });
  if (!good) return entries_.broken();
  for (const auto& [number, entries] : by_number)
    for (Entry* entry : entries) chains_.insert(entry);
  return {};
}

}  // namespace tidemark
