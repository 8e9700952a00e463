// KeyedEntries: the entries of a pipeline, one a key, within its limits and in the order of their making.
//
// An entry's payload is that of KeyedPayload: flag, last use, order of making (each where the plan's layout
// has it), and behind them the aggregates' states. Beside it, in memory only, an entry has a time for whoever
// keeps a calendar of them. Threads: loop only.  Lifetime: plan and budget outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string_view>

#include "pipeline/keyed_payload.h"
#include "pipeline/operator.h"
#include "state/entry_table.h"

namespace tidemark {

class KeyedEntries {
 public:
  using Entry = EntryTable::Entry;
  explicit KeyedEntries(const OperatorOptions& options);

  EntryTable* table() { return table_.get(); }
  std::unique_ptr<EntryTable> take_table() { return std::move(table_); }
  const std::shared_ptr<const AggregateSet>& aggregates() const { return aggregates_; }
  const AggregateLayout& layout() const { return aggregates_->layout(); }

  // Why there is no room for another key; null: there is. The text is static.
  const char* full(std::string_view key) const;
  bool evicts() const { return evicts_; }  // then the oldest goes to make room
  // For a key that is not there; there must be room.
  void make(EntryTable::Found& found, std::string_view key);
  void forget(Entry* entry);

  // Of a layout with the order of making. Orders begin with 1.
  std::uint64_t order(const Entry* entry) const { return order_of(EntryTable::payload(entry)); }
  std::uint64_t order_of(const std::byte* payload) const;
  Entry* of_order(std::uint64_t order) const { return by_order_.at(order).entry; }
  std::int64_t& due(std::uint64_t order) { return by_order_.at(order).due; }
  // The first entry made after this one; null: there is none.
  Entry* after(std::uint64_t order) const;

  std::byte& flag(std::byte* payload) const { return payload[0]; }
  std::byte flag(const std::byte* payload) const { return payload[0]; }
  std::int64_t last_use(const std::byte* payload) const;
  void set_last_use(std::byte* payload, std::int64_t ns) const;
  std::byte* states(std::byte* payload) const { return payload + prefix_.size(); }
  const std::byte* states(const std::byte* payload) const { return payload + prefix_.size(); }

  void save(Encoder& out) const { out.varint(next_order_); }
  void load(Decoder& in) { next_order_ = in.varint(); }
  // The entries of an earlier plan, after load(): each aggregate's state goes to its new place, what is new
  // starts empty. Entries that knew neither their last use nor the order of their making were used at `now`,
  // and were made in the order of their keys. `visit` sees every entry, in no order. False when something
  // does not decode.
  bool adopt(PriorPipeline& prior, const StateChange& change, std::int64_t now,
             const std::function<void(Entry*)>& visit);

 private:
  std::uint64_t cost(std::string_view key) const;
  bool convert(PriorPipeline& prior, const StateChange& change, std::int64_t now);

  std::shared_ptr<const AggregateSet> aggregates_;
  PayloadPrefix prefix_;
  std::uint64_t max_keys_;
  bool evicts_;
  StateBudget& budget_;
  std::unique_ptr<EntryTable> table_;
  struct Made {
    Entry* entry;
    std::int64_t due = 0;
  };
  std::map<std::uint64_t, Made> by_order_;
  std::uint64_t next_order_ = 1;
};

}  // namespace tidemark
