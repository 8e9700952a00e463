#include "windows/quantile_sketch.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "windows/log_bins.h"

namespace tidemark {

struct QuantileSketch::Bins {
  LogBins below, above;     // by magnitude: of negative and of positive values
  std::uint64_t zeros = 0;  // and what is too small for a bin

  void add(double value) {
    if (std::abs(value) < std::numeric_limits<double>::min())
      ++zeros;
    else
      (value < 0 ? below : above).add(LogBins::bin_of(std::abs(value)), 1);
    bound();
  }
  void merge(const Bins& other) {
    zeros += other.zeros;
    for (std::size_t i = 0; i < other.below.size(); ++i)
      below.add(other.below.first() + static_cast<std::int32_t>(i), other.below.count(i));
    for (std::size_t i = 0; i < other.above.size(); ++i)
      above.add(other.above.first() + static_cast<std::int32_t>(i), other.above.count(i));
    bound();
  }
  // What is kept follows from the largest magnitude alone, so the order of inputs decides nothing.
  void bound() {
    if (below.empty() && above.empty()) return;
    const std::int32_t largest = below.empty()   ? above.last()
                                 : above.empty() ? below.last()
                                                 : std::max(below.last(), above.last());
    const std::int32_t least = largest - kReach + 1;
    zeros += below.take_below(least) + above.take_below(least);
  }
};

QuantileSketch::QuantileSketch() = default;
QuantileSketch::~QuantileSketch() = default;

void QuantileSketch::add(double value) {
  note_extremes(value, value);
  ++count_;
  if (!bins_ && exact_.size() < kExact) return exact_.push_back(value);
  leave_exactness();
  bins_->add(value);
}

void QuantileSketch::merge(const QuantileSketch& other) {
  if (other.count_ == 0) return;
  note_extremes(other.smallest_, other.largest_);
  count_ += other.count_;
  if (!bins_ && !other.bins_ && exact_.size() + other.exact_.size() <= kExact) {
    exact_.insert(exact_.end(), other.exact_.begin(), other.exact_.end());
    return;
  }
  leave_exactness();
  for (const double value : other.exact_) bins_->add(value);
  if (other.bins_) bins_->merge(*other.bins_);
}

void QuantileSketch::note_extremes(double smallest, double largest) {
  smallest_ = count_ == 0 ? smallest : std::min(smallest_, smallest);
  largest_ = count_ == 0 ? largest : std::max(largest_, largest);
}

void QuantileSketch::leave_exactness() {
  if (bins_) return;
  bins_ = std::make_unique<Bins>();
  for (const double value : exact_) bins_->add(value);
  exact_ = std::vector<double>();  // its memory too
}

double QuantileSketch::quantile(double q) const {
  if (q <= 0) return smallest_;
  if (q >= 1) return largest_;
  const double at = q * static_cast<double>(count_ - 1);
  const auto rank = static_cast<std::uint64_t>(at);
  if (!bins_) {
    std::vector<double> sorted = exact_;
    std::ranges::sort(sorted);
    const double low = sorted[rank];
    const double high = sorted[std::min<std::size_t>(rank + 1, sorted.size() - 1)];
    const double part = at - static_cast<double>(rank);
    return low == high || part == 0 ? low : low + (high - low) * part;
  }
  std::uint64_t before = 0;
  const auto within = [&](double middle) { return std::clamp(middle, smallest_, largest_); };
  for (std::size_t i = bins_->below.size(); i-- > 0;)
    if ((before += bins_->below.count(i)) > rank)
      return within(-LogBins::middle_of(bins_->below.first() + static_cast<std::int32_t>(i)));
  if ((before += bins_->zeros) > rank) return 0;
  for (std::size_t i = 0; i < bins_->above.size(); ++i)
    if ((before += bins_->above.count(i)) > rank)
      return within(LogBins::middle_of(bins_->above.first() + static_cast<std::int32_t>(i)));
  return largest_;
}

void QuantileSketch::save(Encoder& out) const {
  out.varint(count_);
  if (count_ == 0) return;
  out.boolean(bins_ != nullptr);
  if (!bins_) {
    for (const double value : exact_) out.f64(value);
    return;
  }
  out.f64(smallest_);
  out.f64(largest_);
  out.varint(bins_->zeros);
  bins_->below.save(out);
  bins_->above.save(out);
}

bool QuantileSketch::load(Decoder& in) {
  const std::uint64_t count = in.varint();
  if (count == 0) return !in.failed();
  if (!in.boolean()) {
    if (count > kExact) return false;
    for (std::uint64_t i = 0; i < count; ++i) {
      const double value = in.f64();
      if (std::isnan(value)) return false;
      add(value);
    }
    return !in.failed();
  }
  count_ = count;
  smallest_ = in.f64();
  largest_ = in.f64();
  bins_ = std::make_unique<Bins>();
  bins_->zeros = in.varint();
  if (!(smallest_ <= largest_) || !bins_->below.load(in, kReach) || !bins_->above.load(in, kReach))
    return false;
  std::uint64_t counted = bins_->zeros;
  for (const LogBins* half : {&bins_->below, &bins_->above})
    for (std::size_t i = 0; i < half->size(); ++i) counted += half->count(i);
  return counted == count_;
}

std::size_t QuantileSketch::heap_bytes() const {
  if (!bins_) return exact_.capacity() * sizeof(double);
  return sizeof(Bins) + bins_->below.heap_bytes() + bins_->above.heap_bytes();
}

}  // namespace tidemark
