#include "windows/frequent_values.h"

#include <algorithm>
#include <tuple>

namespace tidemark {
namespace {

using Counted = FrequentValues::Counted;

bool less_frequent(const Counted& a, const Counted& b) {
  return std::tie(a.count, b.key) < std::tie(b.count, a.key);
}

}  // namespace

void FrequentValues::add(std::string_view key, std::size_t capacity) {
  auto at = std::ranges::lower_bound(counted_, key, {}, &Counted::key);
  if (at != counted_.end() && at->key == key) {
    ++at->count;
    return;
  }
  Counted added{std::string(key), 1, 0};
  if (counted_.size() >= capacity) {
    const auto least = std::ranges::min_element(counted_, less_frequent);
    added.count = least->count + 1;
    added.error = least->count;
    counted_.erase(least);
    at = std::ranges::lower_bound(counted_, key, {}, &Counted::key);
  }
  counted_.insert(at, std::move(added));
}

// What one of the two does not have, it may have counted as often as its least, when it is full.
void FrequentValues::merge(const FrequentValues& other, std::size_t capacity) {
  const auto unseen = [capacity](const std::vector<Counted>& counted) -> std::uint64_t {
    if (counted.size() < capacity) return 0;
    return std::ranges::min_element(counted, less_frequent)->count;
  };
  const std::uint64_t here = unseen(counted_), there = unseen(other.counted_);
  std::vector<Counted> all;
  auto a = counted_.begin();
  auto b = other.counted_.begin();
  while (a != counted_.end() || b != other.counted_.end()) {
    if (b == other.counted_.end() || (a != counted_.end() && a->key < b->key)) {
      all.push_back({std::move(a->key), a->count + there, a->error + there});
      ++a;
    } else if (a == counted_.end() || b->key < a->key) {
      all.push_back({b->key, b->count + here, b->error + here});
      ++b;
    } else {
      all.push_back({std::move(a->key), a->count + b->count, a->error + b->error});
      ++a;
      ++b;
    }
  }
  if (all.size() > capacity) {
    std::ranges::sort(all, [](const Counted& x, const Counted& y) { return less_frequent(y, x); });
    all.resize(capacity);
    std::ranges::sort(all, {}, &Counted::key);
  }
  counted_ = std::move(all);
}

std::vector<const Counted*> FrequentValues::top(std::size_t k) const {
  std::vector<const Counted*> out;
  for (const Counted& counted : counted_) out.push_back(&counted);
  std::ranges::sort(out, [](const Counted* a, const Counted* b) { return less_frequent(*b, *a); });
  if (out.size() > k) out.resize(k);
  return out;
}

void FrequentValues::save(Encoder& out) const {
  out.varint(counted_.size());
  for (const Counted& counted : counted_) {
    out.bytes(counted.key);
    out.varint(counted.count);
    out.varint(counted.error);
  }
}

bool FrequentValues::load(Decoder& in, std::size_t capacity) {
  const std::uint64_t size = in.varint();
  if (size > capacity) return false;
  for (std::uint64_t i = 0; i < size; ++i) {
    Counted counted;
    counted.key = in.bytes();
    counted.count = in.varint();
    counted.error = in.varint();
    if (in.failed() || counted.error >= counted.count) return false;
    if (!counted_.empty() && counted_.back().key >= counted.key) return false;
    counted_.push_back(std::move(counted));
  }
  return !in.failed();
}

std::size_t FrequentValues::heap_bytes() const {
  std::size_t bytes = counted_.capacity() * sizeof(Counted);
  for (const Counted& counted : counted_)
    if (counted.key.capacity() > 15) bytes += counted.key.capacity() + 1;
  return bytes;
}

}  // namespace tidemark
