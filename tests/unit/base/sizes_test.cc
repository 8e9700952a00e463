#include "base/sizes.h"

#include <doctest/doctest.h>

#include "random_values.h"

using namespace tidemark;

TEST_CASE("sizes are read in every unit") {
  struct Row {
    std::string_view text;
    std::uint64_t bytes;
  };
  const Row rows[] = {
      {"0", 0},
      {"512", 512},
      {"7B", 7},
      {"1KB", 1'000},
      {"1MB", 1'000'000},
      {"2GB", 2'000'000'000},
      {"3TB", 3'000'000'000'000},
      {"64KiB", 65'536},
      {"256MiB", 268'435'456},
      {"1GiB", 1'073'741'824},
      {"1TiB", 1'099'511'627'776},
      {"18446744073709551615", 18'446'744'073'709'551'615u},
      {"16777215TiB", 16'777'215ull << 40},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const Result<std::uint64_t> read = parse_size(row.text);
    REQUIRE(read);
    CHECK(*read == row.bytes);
  }
}

TEST_CASE("what is no size is refused") {
  const std::string_view bad[] = {"",
                                  " ",
                                  "KiB",
                                  "-1",
                                  "+1",
                                  "1.5MB",
                                  "1 MB",
                                  " 1",
                                  "1MB ",
                                  "1kb",
                                  "1Kb",
                                  "1KIB",
                                  "1K",
                                  "1M",
                                  "1PB",
                                  "0x10",
                                  "18446744073709551616",
                                  "16777216TiB",
                                  "18446744073709551615KB"};
  for (const std::string_view text : bad) {
    INFO(text);
    const Result<std::uint64_t> read = parse_size(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == Error::Kind::usage);
  }
}

TEST_CASE("sizes are written in the shortest exact form") {
  struct Row {
    std::uint64_t bytes;
    std::string_view text;
  };
  const Row rows[] = {
      {0, "0"},
      {1, "1"},
      {1'000, "1KB"},
      {1'024, "1KiB"},
      {1'500, "1500"},
      {1'536, "1536"},
      {65'536, "64KiB"},
      {1'000'000, "1MB"},
      {1'500'000, "1500KB"},
      {268'435'456, "256MiB"},
      {2'000'000'000, "2GB"},
      {2'048'000, "2048KB"},
      {18'446'744'073'709'551'615u, "18446744073709551615"},
  };
  for (const Row& row : rows) CHECK(size_to_text(row.bytes) == row.text);
}

TEST_CASE("every size reads back as it was written") {
  INFO("TIDEMARK_SEED=", test_seed());
  Random random(test_seed());
  static constexpr std::uint64_t kUnits[] = {1, 1'000, 1'024, 1'000'000, 1 << 20, 1'000'000'000, 1 << 30};
  for (int i = 0; i < 5'000; ++i) {
    const std::uint64_t bytes = random.below(1 << 20) * kUnits[random.below(7)];
    const Result<std::uint64_t> back = parse_size(size_to_text(bytes));
    REQUIRE(back);
    REQUIRE(*back == bytes);
  }
}
