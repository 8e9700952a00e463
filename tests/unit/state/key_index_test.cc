#include <doctest/doctest.h>

#include <map>
#include <random>

#include "state/key_index.h"

namespace tidemark {
namespace {

TEST_CASE("the index finds every id and no erased one, while it grows and shrinks") {
  // Few distinct hashes make long runs; many make large arrays.
  for (const std::uint32_t hash_bits : {4u, 10u, 32u}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      CAPTURE(hash_bits);
      CAPTURE(seed);
      std::mt19937_64 random(seed);
      KeyIndex index;
      std::map<std::uint32_t, std::uint32_t> hash_of;  // by id
      const auto find = [&](std::uint32_t id, std::uint32_t hash) {
        return index.find(hash, [&](std::uint32_t candidate) { return candidate == id; });
      };
      const std::uint32_t most = hash_bits == 4 ? 200 : 20'000;
      std::uint32_t next_id = 0;
      for (int round = 0; round < 4; ++round) {
        const bool growing = round % 2 == 0;
        for (std::uint32_t step = 0; step < most; ++step) {
          if (hash_of.empty() || random() % 10 < (growing ? 9u : 2u)) {
            // The hashes begin with different bits, so that runs lie all over the array.
            const auto hash =
                static_cast<std::uint32_t>((random() & ((1ull << hash_bits) - 1)) * 0x9e3779b1u);
            index.insert(hash, next_id);
            hash_of[next_id++] = hash;
          } else {
            auto it = hash_of.lower_bound(static_cast<std::uint32_t>(random() % next_id));
            if (it == hash_of.end()) it = hash_of.begin();
            index.erase(it->second, it->first);
            REQUIRE(find(it->first, it->second) == KeyIndex::kNone);
            hash_of.erase(it);
          }
          if (step % 97 != 0) continue;
          for (int probe = 0; probe < 20 && !hash_of.empty(); ++probe) {
            auto it = hash_of.lower_bound(static_cast<std::uint32_t>(random() % next_id));
            if (it == hash_of.end()) it = hash_of.begin();
            REQUIRE(find(it->first, it->second) == it->first);
          }
        }
        for (const auto& [id, hash] : hash_of) REQUIRE(find(id, hash) == id);
        CHECK(index.size() == hash_of.size());
      }
    }
  }
}

TEST_CASE("keys whose hashes are the greatest stand behind the end of the index") {
  KeyIndex index;
  const auto find = [&](std::uint32_t id, std::uint32_t hash) {
    return index.find(hash, [&](std::uint32_t candidate) { return candidate == id; });
  };
  const auto hash_of = [](std::uint32_t id) { return id % 2 == 0 ? ~std::uint32_t{0} - id / 100 : id << 18; };
  constexpr std::uint32_t kCount = 2000;
  for (std::uint32_t id = 0; id < kCount; ++id) {
    index.insert(hash_of(id), id);
    for (std::uint32_t one = 0; one <= id; one += 1 + id / 40) REQUIRE(find(one, hash_of(one)) == one);
  }
  for (std::uint32_t id = 0; id < kCount; ++id) {
    index.erase(hash_of(id), id);
    REQUIRE(find(id, hash_of(id)) == KeyIndex::kNone);
    for (std::uint32_t one = id + 1; one < kCount; one += 97) REQUIRE(find(one, hash_of(one)) == one);
  }
}

TEST_CASE("an index takes little more than its cells, while it grows too") {
  KeyIndex index;
  for (std::uint32_t id = 0; id < 200'000; ++id) {
    index.insert(id * 0x9e3779b1u, id);
    if (id > 20'000 && id % 1000 == 0) REQUIRE(index.memory_bytes() < std::size_t{id} * 14);
  }
}

TEST_CASE("an index that was large and is emptied becomes small") {
  KeyIndex index;
  for (std::uint32_t id = 0; id < 100'000; ++id) index.insert(id * 0x9e3779b1u, id);
  const std::size_t full = index.memory_bytes();
  CHECK(full >= 100'000 * 8);
  for (std::uint32_t id = 0; id < 100'000; ++id) index.erase(id * 0x9e3779b1u, id);
  CHECK(index.memory_bytes() < full / 50);
  CHECK(index.size() == 0);
}

}  // namespace
}  // namespace tidemark
