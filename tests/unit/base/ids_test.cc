#include "base/ids.h"

#include <doctest/doctest.h>

#include <type_traits>

using namespace tidemark;

static_assert(!std::is_convertible_v<Position, ResultNumber>);
static_assert(!std::is_convertible_v<Timeline, RunId>);
static_assert(!std::is_convertible_v<CheckpointId, std::uint64_t>);

TEST_CASE("a lineage is 32 hex digits and reads back") {
  Lineage lineage;
  for (std::size_t i = 0; i < lineage.bytes.size(); ++i) lineage.bytes[i] = static_cast<std::uint8_t>(17 * i);
  CHECK(to_text(lineage) == "00112233445566778899aabbccddeeff");
  const Result<Lineage> back = parse_lineage("00112233445566778899aabbccddeeff");
  REQUIRE(back);
  CHECK(*back == lineage);
}

TEST_CASE("what is no lineage is refused") {
  const std::string_view bad[] = {"",
                                  "00112233445566778899aabbccddeef",
                                  "00112233445566778899aabbccddeeff0",
                                  "00112233445566778899AABBCCDDEEFF",
                                  "00112233445566778899aabbccddeefg",
                                  "0x112233445566778899aabbccddeeff"};
  for (const std::string_view text : bad) {
    INFO(text);
    CHECK_FALSE(parse_lineage(text));
  }
}

TEST_CASE("a checkpoint's name reads back") {
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{42}, ~std::uint64_t{0}}) {
    const CheckpointId id{n};
    const Result<CheckpointId> back = parse_checkpoint_id(to_text(id));
    REQUIRE(back);
    CHECK(*back == id);
  }
  CHECK(to_text(CheckpointId{42}) == "chk-42");
}

TEST_CASE("what is no checkpoint's name is refused") {
  for (const std::string_view text :
       {"", "42", "chk-", "chk", "CHK-42", "chk-042", "chk-00", "chk--1", "chk-+1", "chk-42 ", "chk-4x",
        "chk-18446744073709551616", "../chk-1"}) {
    INFO(text);
    CHECK_FALSE(parse_checkpoint_id(text));
  }
}

TEST_CASE("counters count on and compare") {
  CHECK(Position{1}.next() == Position{2});
  CHECK(Position{1} < Position{2});
  CHECK(Timeline{}.next().value == 1);
}
