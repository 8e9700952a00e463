// AggregateLayout lays the states of a pipeline's aggregates side by side in one block of bytes.
//
// Each state begins at a multiple of 8. The block is saved as the states one after another.
// Lifetime: the aggregates outlive the layout. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "windows/aggregate.h"

namespace tidemark {

class AggregateLayout {
 public:
  explicit AggregateLayout(std::vector<const Aggregate*> aggregates) : aggregates_(std::move(aggregates)) {
    for (const Aggregate* aggregate : aggregates_) {
      offsets_.push_back(size_);
      size_ += (aggregate->size() + 7) / 8 * 8;
    }
  }

  std::size_t size() const { return size_; }
  std::size_t offset(std::size_t aggregate) const { return offsets_[aggregate]; }

  void create(std::byte* block) const {
    for (std::size_t i = 0; i < aggregates_.size(); ++i) aggregates_[i]->create(block + offsets_[i]);
  }
  void destroy(std::byte* block) const {
    for (std::size_t i = 0; i < aggregates_.size(); ++i) aggregates_[i]->destroy(block + offsets_[i]);
  }
  void merge(std::byte* into, const std::byte* from) const {
    for (std::size_t i = 0; i < aggregates_.size(); ++i)
      aggregates_[i]->merge(into + offsets_[i], from + offsets_[i]);
  }
  void save(const std::byte* block, Encoder& out) const {
    for (std::size_t i = 0; i < aggregates_.size(); ++i) aggregates_[i]->save(block + offsets_[i], out);
  }
  bool load(Decoder& in, std::byte* block) const {
    for (std::size_t i = 0; i < aggregates_.size(); ++i)
      if (!aggregates_[i]->load(in, block + offsets_[i])) return false;
    return !in.failed();
  }
  std::size_t heap_bytes(const std::byte* block) const {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < aggregates_.size(); ++i)
      bytes += aggregates_[i]->heap_bytes(block + offsets_[i]);
    return bytes;
  }

 private:
  std::vector<const Aggregate*> aggregates_;
  std::vector<std::size_t> offsets_;
  std::size_t size_ = 0;
};

}  // namespace tidemark
