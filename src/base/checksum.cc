#include "base/checksum.h"

#include <xxhash.h>

namespace tidemark {

std::uint64_t checksum(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t table_hash(std::string_view key, std::uint64_t seed) {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

std::uint64_t chain_hash(std::uint64_t so_far, std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), so_far);
}

}  // namespace tidemark
