#include "base/compression.h"

#include <doctest/doctest.h>

#include "random_values.h"

using namespace tidemark;

namespace {

// Half noise, half repetition: both kinds of LZ4 sequences.
std::string some_bytes(Random& random, std::size_t size) {
  std::string out;
  while (out.size() < size) {
    if (random.below(2) == 0) {
      out += static_cast<char>(random.bits());
    } else if (!out.empty()) {
      out += out.substr(random.below(out.size()), random.below(300));
    }
  }
  out.resize(size);
  return out;
}

}  // namespace

TEST_CASE("random bytes of every size decompress to themselves") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  for (const std::size_t size : {0, 1, 2, 12, 13, 64, 255, 256, 4'095, 65'536, 300'000}) {
    INFO(size);
    const std::string raw = some_bytes(random, size);
    const Result<std::string> back = lz4_decompress(lz4_compress(raw), raw.size());
    REQUIRE(back);
    CHECK(*back == raw);
  }
  CHECK(lz4_decompress(lz4_compress({}), 0));
}

TEST_CASE("the best case decompresses: a megabyte of one byte") {
  const std::string raw(1 << 20, 'x');
  const std::string compressed = lz4_compress(raw);
  CHECK(compressed.size() < 5'000);
  const Result<std::string> back = lz4_decompress(compressed, raw.size());
  REQUIRE(back);
  CHECK(*back == raw);
}

TEST_CASE("noise may grow, and still decompresses") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  std::string raw(1'000, '\0');
  for (char& c : raw) c = static_cast<char>(random.bits());
  const std::string compressed = lz4_compress(raw);
  CHECK(compressed.size() > raw.size());
  const Result<std::string> back = lz4_decompress(compressed, raw.size());
  REQUIRE(back);
  CHECK(*back == raw);
}

TEST_CASE("a wrong length is refused") {
  const std::string compressed = lz4_compress("a text of some length, a text of some length");
  for (const std::size_t size : {0, 1, 43, 45, 46, 1'000, 1 << 30}) {
    INFO(size);
    const Result<std::string> back = lz4_decompress(compressed, size);
    REQUIRE_FALSE(back);
    CHECK(back.error().kind == Error::Kind::corrupt);
  }
  CHECK(lz4_decompress(compressed, 44));
  CHECK_FALSE(lz4_decompress(compressed, (std::size_t{1} << 30) + 1));
  CHECK_FALSE(lz4_decompress({}, 0));
  CHECK_FALSE(lz4_decompress({}, 10));
}

TEST_CASE("a block cut anywhere is refused") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  const std::string raw = some_bytes(random, 500);
  const std::string compressed = lz4_compress(raw);
  for (std::size_t cut = 0; cut < compressed.size(); ++cut)
    CHECK_FALSE(lz4_decompress(std::string(compressed.substr(0, cut)), raw.size()));
}

TEST_CASE("damaged blocks give an error or other bytes of the stated length, nothing else") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  int refused = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::string raw = some_bytes(random, 1 + random.below(2'000));
    std::string damaged = lz4_compress(raw);
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n)
      damaged[random.below(damaged.size())] ^= static_cast<char>(1 + random.below(255));
    const Result<std::string> back = lz4_decompress(damaged, raw.size());
    if (back) {
      REQUIRE(back->size() == raw.size());
    } else {
      REQUIRE(back.error().kind == Error::Kind::corrupt);
      ++refused;
    }
  }
  CHECK(refused > 0);
}
