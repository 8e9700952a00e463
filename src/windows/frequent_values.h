// FrequentValues keeps the most frequent values of a stream: Space-Saving (A. Metwally, D. Agrawal,
// A. El Abbadi: Efficient computation of frequent and top-k elements in data streams, ICDT 2005), merged as
// in P. Agarwal et al.: Mergeable summaries, PODS 2012.
//
// It counts `capacity` values. Up to so many different ones the counts are exact. Beyond, the value that was
// counted least makes room and hands its count on: a count is then too large by at most error(), which is at
// most the number of inputs divided by the capacity, and every value that is more frequent than that is
// there. Values are told apart as keys are: 1, 1.0 and '1' are three. Ties follow the order of key bytes, so
// that equal inputs in equal order give equal states. Pure. Threads: one at a time.   Format: FORMAT.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace tidemark {

class FrequentValues {
 public:
  struct Counted {
    std::string key;  // base/key_encoding.h
    std::uint64_t count = 0;
    std::uint64_t error = 0;  // of `count`, at most so much belongs to others
  };

  void add(std::string_view key, std::size_t capacity);
  void merge(const FrequentValues& other, std::size_t capacity);
  // At most k, the most frequent first.
  std::vector<const Counted*> top(std::size_t k) const;
  bool empty() const { return counted_.empty(); }

  void save(Encoder& out) const;
  bool load(Decoder& in, std::size_t capacity);
  std::size_t heap_bytes() const;

 private:
  std::vector<Counted> counted_;  // by key
};

}  // namespace tidemark
