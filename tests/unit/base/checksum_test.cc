#include "base/checksum.h"

#include <doctest/doctest.h>

#include <string>

using namespace tidemark;

TEST_CASE("checksums are XXH3's published values, on every machine") {
  CHECK(checksum("") == 0x2d06800538d394c2);
  CHECK(checksum("tidemark") != checksum("tidemarl"));
  CHECK(checksum("tidemark", 1) != checksum("tidemark", 2));
}

TEST_CASE("every flipped bit changes the checksum") {
  const std::string bytes(100, 'a');
  for (std::size_t bit = 0; bit < 800; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CHECK(checksum(flipped) != checksum(bytes));
  }
}

TEST_CASE("a chain hash depends on every part and on their order") {
  const std::uint64_t ab = chain_hash(chain_hash(0, "a"), "b");
  CHECK(ab == chain_hash(chain_hash(0, "a"), "b"));
  CHECK(ab != chain_hash(chain_hash(0, "b"), "a"));
  CHECK(ab != chain_hash(0, "ab"));
  CHECK(ab != chain_hash(0, "b"));
}

TEST_CASE("table hashes differ between seeds") {
  CHECK(table_hash("key", 1) == table_hash("key", 1));
  CHECK(table_hash("key", 1) != table_hash("key", 2));
}
