#include <doctest/doctest.h>

#include "state/restore.h"
#include "state/row.h"

namespace tidemark {
namespace {

TEST_CASE("rows are read back as they were written") {
  std::string out;
  const std::string long_key(1000, 'k'), long_payload(70'000, 'p');
  append_row(out, {.key = "a", .erased = false, .payload = "xyz"});
  append_row(out, {.key = "", .erased = true, .payload = {}});
  append_row(out, {.key = long_key, .erased = false, .payload = long_payload});
  Decoder in(out);
  Row row;
  REQUIRE(take_row(in, row));
  CHECK(row.key == "a");
  CHECK(row.payload == "xyz");
  REQUIRE(take_row(in, row));
  CHECK(row.erased);
  CHECK(row.key.empty());
  CHECK(row.payload.empty());
  REQUIRE(take_row(in, row));
  CHECK_FALSE(row.erased);
  CHECK(row.key == long_key);
  CHECK(row.payload == long_payload);
  CHECK_FALSE(take_row(in, row));
  CHECK(in.complete());
}

TEST_CASE("a row's bytes are as the format says") {
  std::string out;
  append_row(out, {.key = "ab", .erased = false, .payload = std::string_view("\0\1\2", 3)});
  append_row(out, {.key = "c", .erased = true, .payload = {}});
  CHECK(out == std::string("\0\2ab\3\0\1\2\1\1c", 11));
}

TEST_CASE("rows that are cut or have unknown flags are refused") {
  std::string whole;
  append_row(whole, {.key = "key", .erased = false, .payload = "payload"});
  for (std::size_t size = 1; size < whole.size(); ++size) {
    Decoder in(std::string_view(whole).substr(0, size));
    Row row;
    CHECK_FALSE(take_row(in, row));
    CHECK(in.failed());
  }
  whole[0] = 2;
  Decoder in(whole);
  Row row;
  CHECK_FALSE(take_row(in, row));
  CHECK(in.failed());
}

TEST_CASE("a partition's rows count from the newest segment that starts it anew") {
  const unsigned of_a = EntryTable::partition_of("a");
  const std::vector<EntryTable::Base> segments = {{0, 16}, {}, {of_a, of_a + 1}, {}};
  const RestoreRule rule(segments);
  CHECK_FALSE(rule.counts(0, "a"));
  CHECK_FALSE(rule.counts(1, "a"));
  CHECK(rule.counts(2, "a"));
  CHECK(rule.counts(3, "a"));
  CHECK(EntryTable::partition_of("b") != of_a);
  CHECK(rule.counts(0, "b"));
  CHECK(rule.counts(3, "b"));
  CHECK(rule.counts_at_all(0));

  const std::vector<EntryTable::Base> two_bases = {{0, 16}, {0, 8}, {8, 16}};
  const RestoreRule later(two_bases);
  CHECK_FALSE(later.counts_at_all(0));
  CHECK(later.counts_at_all(1));
}

}  // namespace
}  // namespace tidemark
