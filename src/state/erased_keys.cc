#include "state/erased_keys.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tidemark {
namespace {

constexpr std::size_t kPiece = 15u << 9;  // to which a string grows by itself
constexpr std::size_t kUsual = 256;       // a key that is not longer never makes a piece move

void append_size(std::string& out, std::size_t size) {
  for (; size >= 0x80; size >>= 7) out.push_back(static_cast<char>(size | 0x80));
  out.push_back(static_cast<char>(size));
}

std::size_t take_size(std::string_view piece, std::size_t& at) {
  std::size_t size = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(piece[at++]);
    size |= std::size_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return size;
  }
}

}  // namespace

void ErasedKeys::add(std::string_view key) {
  if (pieces_.empty() || pieces_.back().size() + kUsual > kPiece) {
    // The first grows as it must: most tables erase few keys between two checkpoints.
    pieces_.emplace_back();
    if (pieces_.size() > 1) pieces_.back().reserve(kPiece);
    bytes_ += pieces_.back().capacity();
    last_.clear();
  }
  std::string& piece = pieces_.back();
  const std::size_t capacity = piece.capacity();
  const auto alike = static_cast<std::size_t>(std::ranges::mismatch(key, last_).in1 - key.begin());
  append_size(piece, alike);
  append_size(piece, key.size() - alike);
  piece.append(key.substr(alike));
  bytes_ += piece.capacity() - capacity;
  last_.resize(alike);
  last_.append(key.substr(alike));
  ++keys_;
}

void ErasedKeys::add_all(ErasedKeys& from) {
  if (from.keys_ == 0) return;
  std::ranges::move(from.pieces_, std::back_inserter(pieces_));
  last_ = std::move(from.last_);
  keys_ += from.keys_;
  bytes_ += from.bytes_;
  from = {};
}

bool ErasedKeys::Reader::next(const ErasedKeys& of) {
  if (piece_ == of.pieces_.size()) return false;
  const std::string& piece = of.pieces_[piece_];
  key_.resize(take_size(piece, at_));
  const std::size_t rest = take_size(piece, at_);
  key_.append(piece, at_, rest);
  at_ += rest;
  if (at_ == piece.size()) {
    ++piece_;
    at_ = 0;
  }
  return true;
}

}  // namespace tidemark
