#include "windows/distinct_sketch.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace tidemark {
namespace {

constexpr unsigned kBits = DistinctSketch::kRegisterBits;
constexpr std::size_t kRegisters = std::size_t{1} << kBits;
constexpr unsigned kLongest = 64 - kBits + 1;  // what a register may hold

// Ertl's sigma and tau: series whose terms are summed until they no longer change the sum.
double sigma(double x) {
  double y = 1, sum = x, before;
  do {
    x *= x;
    before = sum;
    sum += x * y;
    y += y;
  } while (sum != before);
  return sum;
}
double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1, sum = 1 - x, before;
  do {
    x = std::sqrt(x);
    before = sum;
    y *= 0.5;
    sum -= (1 - x) * (1 - x) * y;
  } while (sum != before);
  return sum / 3;
}

}  // namespace

void DistinctSketch::add(std::uint64_t hash) {
  if (!registers_.empty()) return add_to_register(hash);
  const auto at = std::ranges::lower_bound(hashes_, hash);
  if (at != hashes_.end() && *at == hash) return;
  if (hashes_.size() < kExact) {
    hashes_.insert(at, hash);
    return;
  }
  leave_exactness();
  add_to_register(hash);
}

void DistinctSketch::add_to_register(std::uint64_t hash) {
  std::uint8_t& longest = registers_[hash >> (64 - kBits)];
  // The bit below the rest stops the count where the rest is all zeros.
  const std::uint64_t rest = hash << kBits | std::uint64_t{1} << (kBits - 1);
  longest = std::max(longest, static_cast<std::uint8_t>(std::countl_zero(rest) + 1));
}

void DistinctSketch::leave_exactness() {
  if (!registers_.empty()) return;
  registers_.assign(kRegisters, 0);
  for (const std::uint64_t hash : hashes_) add_to_register(hash);
  hashes_ = std::vector<std::uint64_t>();  // its memory too
}

void DistinctSketch::merge(const DistinctSketch& other) {
  if (other.registers_.empty()) {
    for (const std::uint64_t hash : other.hashes_) add(hash);
    return;
  }
  leave_exactness();
  for (std::size_t i = 0; i < kRegisters; ++i) registers_[i] = std::max(registers_[i], other.registers_[i]);
}

std::uint64_t DistinctSketch::estimate() const {
  if (registers_.empty()) return hashes_.size();
  std::array<double, kLongest + 1> with{};  // registers with each content
  for (const std::uint8_t longest : registers_) ++with[longest];
  constexpr double m = kRegisters;
  double z = m * tau(1 - with[kLongest] / m);
  for (unsigned k = kLongest - 1; k >= 1; --k) z = 0.5 * (z + with[k]);
  z += m * sigma(with[0] / m);
  constexpr double kAlpha = 0.721347520444481703680;  // 1 / (2 ln 2)
  return static_cast<std::uint64_t>(std::llround(kAlpha * m * (m / z)));
}

void DistinctSketch::save(Encoder& out) const {
  out.boolean(!registers_.empty());
  if (!registers_.empty())
    return out.raw({reinterpret_cast<const char*>(registers_.data()), registers_.size()});
  out.varint(hashes_.size());
  for (const std::uint64_t hash : hashes_) out.u64(hash);
}

bool DistinctSketch::load(Decoder& in) {
  if (in.boolean()) {
    const std::string_view bytes = in.raw(kRegisters);
    registers_.assign(bytes.begin(), bytes.end());
    return !in.failed() && std::ranges::all_of(registers_, [](std::uint8_t r) { return r <= kLongest; });
  }
  const std::uint64_t count = in.varint();
  if (count > kExact) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    hashes_.push_back(in.u64());
    if (i > 0 && hashes_[i - 1] >= hashes_[i]) return false;
  }
  return !in.failed();
}

}  // namespace tidemark
