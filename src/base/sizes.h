// Byte counts as the configuration writes them: "64KiB", "1MB", "512".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tidemark {

constexpr std::uint64_t operator""_KiB(unsigned long long n) {
  return n << 10;
}
constexpr std::uint64_t operator""_MiB(unsigned long long n) {
  return n << 20;
}

// Units B, KB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB (powers of 1024); none means bytes.
Result<std::uint64_t> parse_size(std::string_view text);

// The shortest exact form: "256MiB", "1500", "2GB".
std::string size_to_text(std::uint64_t bytes);

}  // namespace tidemark
