// XXH3 (Yann Collet, https://xxhash.com) under the three names the project uses it by.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidemark {

// A checksum over bytes on disk. The seed ties the bytes to where they belong (a run, a lineage).
std::uint64_t checksum(std::string_view bytes, std::uint64_t seed = 0);

// A hash for tables in memory; the seed is random per run, so nobody may depend on its order.
std::uint64_t table_hash(std::string_view key, std::uint64_t seed);

// chain_hash(h, bytes): the hash of everything hashed into h so far, and then bytes. Starts from 0.
std::uint64_t chain_hash(std::uint64_t so_far, std::string_view bytes);

}  // namespace tidemark
