// LogBins counts positive numbers in bins whose borders grow by a constant factor: one half of a
// QuantileSketch, which says more.
//
// Bin i holds the values v with i <= 35 · log2~(v) < i + 1, where log2~ follows the exponent exactly and the
// mantissa by a cubic. With 35 bins an octave no bin is wider than a factor of exp(0.02), so that its
// harmonic middle is within 1 % of all that is in it. Bins are kept from the first to the last that was
// counted in. Pure. Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace tidemark {

class LogBins {
 public:
  // `value` is positive and normal, or infinite, which counts as the largest number.
  static std::int32_t bin_of(double value);
  static double middle_of(std::int32_t bin);

  void add(std::int32_t bin, std::uint64_t count);
  // Forgets the bins below `least`, and returns how much they had counted.
  std::uint64_t take_below(std::int32_t least);

  bool empty() const { return size() == 0; }
  std::size_t size() const { return wide_.empty() ? narrow_.size() : wide_.size(); }
  std::int32_t first() const { return first_; }
  std::int32_t last() const { return first_ + static_cast<std::int32_t>(size()) - 1; }
  std::uint64_t count(std::size_t i) const { return wide_.empty() ? narrow_[i] : wide_[i]; }

  void save(Encoder& out) const;
  // False when it holds more than `most` bins, or counts that no sketch has.
  bool load(Decoder& in, std::size_t most);
  std::size_t heap_bytes() const {
    return narrow_.capacity() * sizeof narrow_[0] + wide_.capacity() * sizeof wide_[0];
  }

 private:
  void widen();

  std::int32_t first_ = 0;
  std::vector<std::uint32_t> narrow_;
  std::vector<std::uint64_t> wide_;  // instead, once a bin has counted more
};

}  // namespace tidemark
