// DistinctSketch estimates how many different values it was fed.
//
// Up to kExact different ones it keeps their hashes and counts exactly, save for a collision of 64-bit
// hashes. Beyond, it is a HyperLogLog (P. Flajolet, É. Fusy, O. Gandouet, F. Meunier: HyperLogLog, AofA 2007)
// of 2^12 registers, read by O. Ertl's improved raw estimator (arXiv:1702.01284, 2017), which needs no
// correction for small or large numbers. Its standard error is 1.04 / 2^6 = 1.6 %; kBound, three of these, is
// what a test holds it to.
//
// The state follows from the set of values alone, whatever their order and number. Saved states do not depend
// on the machine. 32 bytes, and on the heap at most 4 KiB. Pure. Threads: one at a time.   Format: FORMAT.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace tidemark {

class DistinctSketch {
 public:
  static constexpr double kBound = 0.05;
  static constexpr std::size_t kExact = 256;
  static constexpr unsigned kRegisterBits = 12;

  // `hash`: 64 well mixed bits of the value.
  void add(std::uint64_t hash);
  void merge(const DistinctSketch& other);
  std::uint64_t estimate() const;

  void save(Encoder& out) const;
  bool load(Decoder& in);
  std::size_t heap_bytes() const { return hashes_.capacity() * sizeof hashes_[0] + registers_.capacity(); }

 private:
  void add_to_register(std::uint64_t hash);
  void leave_exactness();

  std::vector<std::uint64_t> hashes_;    // ascending; while there are no registers
  std::vector<std::uint8_t> registers_;  // the longest run of zeros in each, and one
};

}  // namespace tidemark
