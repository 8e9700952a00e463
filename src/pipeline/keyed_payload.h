// KeyedPayload: how the state of a pipeline with aggregates lies in an entry, and is saved and loaded: what
// stands before (PayloadPrefix; of it a flag, `emit = "every …"` only: 1 when the entry is pending), and the
// states of aggregates and change functions behind it.
//
// It owns what it lays out, so that a table can go from the operator of one plan to that of the next.
// Pure. Threads: any; nothing changes after it was made.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/result.h"
#include "pipeline/plan.h"
#include "pipeline/state_layout.h"
#include "state/entry_table.h"
#include "windows/layout.h"

namespace tidemark {

class AggregateSet {
 public:
  explicit AggregateSet(std::vector<std::shared_ptr<const Aggregate>> aggregates)
      : aggregates_(std::move(aggregates)), layout_(pointers()) {}
  AggregateSet(const AggregateSet&) = delete;
  AggregateSet& operator=(const AggregateSet&) = delete;

  // Those that a layout names. An error when this program does not know one of them.
  static Result<std::shared_ptr<const AggregateSet>> of(const StateLayout& layout);

  const AggregateLayout& layout() const { return layout_; }
  const Aggregate& operator[](std::size_t i) const { return *aggregates_[i]; }
  std::size_t size() const { return aggregates_.size(); }

 private:
  std::vector<const Aggregate*> pointers() const {
    std::vector<const Aggregate*> out;
    for (const auto& aggregate : aggregates_) out.push_back(aggregate.get());
    return out;
  }
  std::vector<std::shared_ptr<const Aggregate>> aggregates_;
  AggregateLayout layout_;
};

// The aggregates of a plan, in its order, and then its change functions.
std::shared_ptr<const AggregateSet> aggregates_of(const PipelinePlan& plan);

// What stands before the aggregates' states: the flag (8 bytes), then words of 8 bytes each.
struct PayloadPrefix {
  explicit PayloadPrefix(const StateLayout& layout);
  std::size_t used_at() const { return flag ? 8 : 0; }
  std::size_t order_at() const { return used_at() + (used ? 8 : 0); }
  std::size_t extent_at() const { return order_at() + (order ? 8 : 0); }
  std::size_t links_at() const { return extent_at() + 8 * extent; }
  std::size_t size() const { return links_at() + 8 * links; }
  // What both have; of the same kind of windows.
  void take(std::byte* to, const std::byte* from, const PayloadPrefix& before) const;

  bool flag, used, order;
  std::size_t extent;  // words that say how far a session or a count has come
  std::size_t links;   // words by which the operator finds where an entry stands; not saved
};

class KeyedPayload final : public PayloadCodec {
 public:
  KeyedPayload(std::shared_ptr<const AggregateSet> aggregates, PayloadPrefix prefix)
      : aggregates_(std::move(aggregates)), prefix_(prefix) {}
  std::size_t size() const override { return prefix_.size() + layout().size(); }
  void create(std::byte* payload) const override;
  void destroy(std::byte* payload) const override { layout().destroy(payload + prefix_.size()); }
  void save(const std::byte* payload, Encoder& out) const override;
  bool load(Decoder& in, std::byte* payload) const override;
  std::size_t heap_bytes(const std::byte* payload) const override {
    return layout().heap_bytes(payload + prefix_.size());
  }

 private:
  const AggregateLayout& layout() const { return aggregates_->layout(); }
  std::shared_ptr<const AggregateSet> aggregates_;
  PayloadPrefix prefix_;
};

}  // namespace tidemark
