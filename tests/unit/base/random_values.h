// Random values and bytes for the property tests of this folder, and the seed they come from.
//
// The seed is new in every run; TIDEMARK_SEED=N repeats a run. Tests name it in INFO.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

#include "base/value.h"

namespace tidemark {

inline std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("TIDEMARK_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  }();
  return seed;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t bits() { return engine_(); }
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }

  // Few distinct bytes, 0x00, 0x01 and 0xff among them, so that equal starts and escapes are common.
  std::string text(std::size_t longest) {
    static constexpr char kBytes[] = {'\x00', '\x01', '\x02', 'a', 'b', '\x7f', '\x80', '\xfe', '\xff'};
    std::string out(below(longest + 1), '\0');
    for (char& c : out) c = kBytes[below(sizeof kBytes)];
    return out;
  }

  std::int64_t integer() {
    const std::int64_t i = static_cast<std::int64_t>(bits());
    return i >> below(64);
  }

  double real() {
    static constexpr double kSpecial[] = {0.0,    -0.0,    1.0,   -1.0,   0.1,
                                          5e-324, -5e-324, 1e308, -1e308, 9007199254740993.0};
    const std::uint64_t which = below(8);
    if (which == 0) return kSpecial[below(10)];
    if (which == 1) return static_cast<double>(integer());
    double d;
    const std::uint64_t pattern = bits();
    std::memcpy(&d, &pattern, sizeof d);
    return d;
  }

  OwnedValue value() {
    switch (below(6)) {
      case 0:
        return OwnedValue(Value::null());
      case 1:
        return OwnedValue(Value::boolean(below(2) == 1));
      case 2:
        return OwnedValue(Value::integer(integer()));
      case 3:
        return OwnedValue(Value::real(real()));
      default:
        return OwnedValue(Value::text(text(6)));
    }
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tidemark
