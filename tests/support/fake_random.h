// FakeRandom: the same numbers for the same seed (splitmix64). Also the tests' own source of choices.
#pragma once

#include "platform/random.h"

namespace tidemark {

class FakeRandom final : public Random {
 public:
  explicit FakeRandom(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() override {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // One of 0 … n-1; n > 0.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  // True once in `n` times.
  bool one_in(std::uint64_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

}  // namespace tidemark
