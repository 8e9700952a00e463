// Moments keeps count, mean and the sum of squared differences from it: what variances are made of.
//
// One value at a time by B. P. Welford's update (Technometrics 4(3), 1962), two states together by that of
// T. F. Chan, G. H. Golub and R. J. LeVeque (1979): neither subtracts large numbers that are nearly the same,
// so the variance of 1e9, 1e9 + 1, 1e9 + 2 is right. 24 bytes. Pure.   Format: FORMAT.md
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace tidemark {

class Moments {
 public:
  void add(double value) {
    ++count_;
    const double before = value - mean_;
    mean_ += before / static_cast<double>(count_);
    squares_ += before * (value - mean_);
  }
  void merge(const Moments& other) {
    if (other.count_ == 0) return;
    if (count_ == 0) {
      *this = other;
      return;
    }
    const auto mine = static_cast<double>(count_), its = static_cast<double>(other.count_);
    const double apart = other.mean_ - mean_;
    count_ += other.count_;
    mean_ += apart * (its / (mine + its));
    squares_ += other.squares_ + apart * apart * (mine * its / (mine + its));
  }

  std::uint64_t count() const { return count_; }
  double squares() const { return squares_; }  // the sum of (value - mean)²

  void save(Encoder& out) const {
    out.varint(count_);
    if (count_ == 0) return;
    out.f64(mean_);
    out.f64(squares_);
  }
  bool load(Decoder& in) {
    count_ = in.varint();
    if (count_ == 0) return !in.failed();
    mean_ = in.f64();
    squares_ = in.f64();
    return !in.failed();
  }
  std::size_t heap_bytes() const { return 0; }

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0, squares_ = 0;
};

}  // namespace tidemark
