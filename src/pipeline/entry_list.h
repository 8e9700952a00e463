// EntryList: many entries of one table, one behind another, as their ids. It grows piece by piece, so that
// the million and first does not move the million. Threads: loop only.   Lifetime: the table outlives it, and
// entries stay in their table until they leave the list.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "state/entry_table.h"

namespace tidemark {

class EntryList {
 public:
  using Entry = EntryTable::Entry;

  EntryList() = default;
  EntryList(EntryList&& other) noexcept
      : table_(other.table_), pieces_(std::move(other.pieces_)), size_(std::exchange(other.size_, 0)) {
    other.pieces_.clear();
  }
  EntryList& operator=(EntryList&& other) noexcept {
    table_ = other.table_;
    pieces_ = std::exchange(other.pieces_, {});
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Entry* operator[](std::size_t i) const { return table_->at((*pieces_[i / kPiece])[i % kPiece]); }
  Entry* back() const { return (*this)[size_ - 1]; }

  // All of them are of one table.
  void push_back(const EntryTable& table, Entry* entry) {
    table_ = &table;
    if (size_ == pieces_.size() * kPiece) pieces_.push_back(std::make_unique_for_overwrite<Piece>());
    set(size_++, entry);
  }
  void set(std::size_t i, Entry* entry) { (*pieces_[i / kPiece])[i % kPiece] = table_->id(entry); }
  void pop_back() {
    --size_;
    if (size_ % kPiece == 0) pieces_.pop_back();
  }
  void clear() { *this = {}; }

 private:
  static constexpr std::size_t kPiece = 512;
  using Piece = std::array<std::uint32_t, kPiece>;
  const EntryTable* table_ = nullptr;  // of its entries, once there are any
  std::vector<std::unique_ptr<Piece>> pieces_;
  std::size_t size_ = 0;
};

}  // namespace tidemark
