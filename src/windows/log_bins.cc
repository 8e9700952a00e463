#include "windows/log_bins.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace tidemark {
namespace {

constexpr double kBinsPerOctave = 35;
// The bins of the smallest normal number and of the largest number.
constexpr std::int32_t kLowest = -1022 * 35, kHighest = 1024 * 35;

// log2(1 + m) to a bin's width, for 0 <= m <= 1: exact at both ends, and steep enough in between.
double cubic(double m) {
  constexpr double a = 6.0 / 35, b = -3.0 / 5, c = 10.0 / 7;
  return ((a * m + b) * m + c) * m;
}

// The smallest value of a bin. The cubic is inverted by halving, since roots differ between math libraries.
double lower_border(std::int32_t bin) {
  const double position = bin / kBinsPerOctave;
  const double exponent = std::floor(position);
  double low = 0, high = 1;
  for (int i = 0; i < 53; ++i) {
    const double middle = (low + high) / 2;
    (exponent + cubic(middle) < position ? low : high) = middle;
  }
  return std::ldexp(1 + high, static_cast<int>(exponent));
}

}  // namespace

std::int32_t LogBins::bin_of(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(std::min(value, std::numeric_limits<double>::max()));
  const auto exponent = static_cast<std::int32_t>(bits >> 52) - 1023;
  const double mantissa =
      std::bit_cast<double>((bits & ((std::uint64_t{1} << 52) - 1)) | std::uint64_t{1023} << 52) - 1;
  return static_cast<std::int32_t>(std::floor(kBinsPerOctave * (exponent + cubic(mantissa))));
}

double LogBins::middle_of(std::int32_t bin) {
  const double low = lower_border(bin), high = lower_border(bin + 1);
  if (std::isinf(high)) return low;
  return low * (2 / (1 + low / high));  // 2 low high / (low + high), without overflow
}

void LogBins::add(std::int32_t bin, std::uint64_t count) {
  if (count == 0) return;
  const auto make_room = [&](auto& counts) {
    if (counts.empty()) {
      first_ = bin;
      counts.resize(1);
    } else if (bin < first_) {
      counts.insert(counts.begin(), static_cast<std::size_t>(first_ - bin), 0);
      first_ = bin;
    } else if (bin > last()) {
      counts.resize(static_cast<std::size_t>(bin - first_) + 1);
    }
  };
  if (wide_.empty()) {
    make_room(narrow_);
    std::uint32_t& counted = narrow_[static_cast<std::size_t>(bin - first_)];
    if (count <= std::numeric_limits<std::uint32_t>::max() - counted) {
      counted += static_cast<std::uint32_t>(count);
      return;
    }
    widen();
  }
  make_room(wide_);
  wide_[static_cast<std::size_t>(bin - first_)] += count;
}

void LogBins::widen() {
  wide_.assign(narrow_.begin(), narrow_.end());
  narrow_ = std::vector<std::uint32_t>();  // its memory too
}

std::uint64_t LogBins::take_below(std::int32_t least) {
  if (empty() || least <= first_) return 0;
  std::uint64_t taken = 0;
  auto gone = static_cast<std::size_t>(std::min(least, last() + 1) - first_);
  for (std::size_t i = 0; i < gone; ++i) taken += count(i);
  while (gone < size() && count(gone) == 0) ++gone;  // the first one kept has counted something
  if (wide_.empty())
    narrow_.erase(narrow_.begin(), narrow_.begin() + static_cast<std::ptrdiff_t>(gone));
  else
    wide_.erase(wide_.begin(), wide_.begin() + static_cast<std::ptrdiff_t>(gone));
  first_ += static_cast<std::int32_t>(gone);
  return taken;
}

void LogBins::save(Encoder& out) const {
  out.varint(size());
  if (empty()) return;
  out.svarint(first_);
  for (std::size_t i = 0; i < size(); ++i) out.varint(count(i));
}

bool LogBins::load(Decoder& in, std::size_t most) {
  const std::uint64_t bins = in.varint();
  if (bins > most) return false;
  if (bins == 0) return !in.failed();
  const std::int64_t first = in.svarint();
  if (first < kLowest || first > kHighest) return false;
  for (std::size_t i = 0; i < bins; ++i) {
    const std::uint64_t count = in.varint();
    // Both ends of what is kept have counted something.
    if (count == 0 && (i == 0 || i + 1 == bins)) return false;
    add(static_cast<std::int32_t>(first) + static_cast<std::int32_t>(i), count);
  }
  return !in.failed();
}

}  // namespace tidemark
