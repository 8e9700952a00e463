// Records of a format, good and bad, for the columns a (string), n (int), x (float), ok (bool).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace tidemark::test {

struct Samples {
  std::vector<std::string> good, bad;
};

inline std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

// "81 a16e 01" as the bytes that it stands for.
std::string bytes(std::string_view hex);

Samples binary_samples(FormatSettings::Type type);

}  // namespace tidemark::test
