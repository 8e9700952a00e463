// QuantileSketch answers "below which value lie so many of them" in a few kilobytes, whatever it was fed.
//
// Up to kExact values it keeps them all and answers exactly, between two values by linear interpolation, as
// SQL's percentile_cont. Beyond, it counts values in bins whose borders grow by a constant factor, as
// DDSketch (C. Masson, J. Rim, H. Lee: DDSketch, PVLDB 12(12), 2019), and answers with a value that is within
// kBound of one that stands at the rank asked for, for any distribution. Bins are found by the cubic
// interpolation of the logarithm that the authors' implementations use: additions and multiplications only,
// so that every machine finds the same bin. Values whose magnitude is less than a millionth of the largest
// magnitude count as zero.
//
// Merging gives the state that the inputs of both would have given, in any order, but for the order in which
// exact values are saved. Smallest and largest value are exact. NaN is not to be fed.
// 56 bytes, and on the heap at most 512 (exact) or, for values of one sign, 2.7 KiB, typically a few hundred
// bytes (bins; twice that once one has counted 2^32). Pure. Threads: one at a time.   Format: FORMAT.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"

namespace tidemark {

class QuantileSketch {
 public:
  static constexpr double kBound = 0.01;
  static constexpr std::size_t kExact = 64;
  static constexpr std::int32_t kReach = 700;  // bins of either sign that are kept: a factor of 2^20

  QuantileSketch();
  ~QuantileSketch();
  QuantileSketch(const QuantileSketch&) = delete;
  QuantileSketch& operator=(const QuantileSketch&) = delete;

  void add(double value);
  void merge(const QuantileSketch& other);
  std::uint64_t count() const { return count_; }
  // 0 <= q <= 1, count() > 0.
  double quantile(double q) const;

  void save(Encoder& out) const;
  bool load(Decoder& in);
  std::size_t heap_bytes() const;

 private:
  struct Bins;

  void note_extremes(double smallest, double largest);
  void leave_exactness();

  std::uint64_t count_ = 0;
  double smallest_ = 0, largest_ = 0;
  std::vector<double> exact_;  // while there are no bins
  std::unique_ptr<Bins> bins_;
};

}  // namespace tidemark
