#include <doctest/doctest.h>

#include <random>

#include "counters.h"

namespace tidemark {
namespace {

using namespace test;

std::string number_key(std::uint64_t n) {
  return "key-" + std::to_string(n);
}

TEST_CASE("an entry is found by its key until it is erased") {
  auto table = make_table();
  CHECK(table->find("a") == nullptr);
  const auto [a, fresh] = table->find_or_create("a");
  CHECK(fresh);
  CHECK(table->find_or_create("a") == std::pair(a, false));
  CHECK(table->find("a") == a);
  CHECK(EntryTable::key(a) == "a");
  CHECK(table->size() == 1);
  table->erase(a);
  CHECK(table->find("a") == nullptr);
  CHECK(table->size() == 0);
}

TEST_CASE("keys of every length, empty and with zero bytes, are kept whole") {
  auto table = make_table();
  Model model;
  std::string key;
  for (std::size_t length = 0; length < 600; ++length) {
    set(*table, key, length);
    model[key] = {length, ""};
    key += static_cast<char>(length);
  }
  const std::string huge(100'000, 'x');
  set(*table, huge, 7);
  model[huge] = {7, ""};
  CHECK(contents(*table) == model);
  for (const auto& [k, value] : model) CHECK(erase(*table, k));
  CHECK(table->size() == 0);
}

TEST_CASE("entries do not move while the table grows and shrinks") {
  auto table = make_table();
  std::vector<EntryTable::Entry*> entries;
  constexpr std::uint64_t kCount = 20'000;
  for (std::uint64_t n = 0; n < kCount; ++n) {
    entries.push_back(table->find_or_create(number_key(n)).first);
    CounterCodec::set(EntryTable::payload(entries.back()), n, n % 100 == 0 ? "text" : "");
  }
  for (std::uint64_t n = 0; n < kCount; ++n) REQUIRE(table->find(number_key(n)) == entries[n]);
  for (std::uint64_t n = 0; n < kCount; ++n)
    if (n % 50 != 0) table->erase(entries[n]);
  for (std::uint64_t n = 0; n < kCount; n += 50) {
    REQUIRE(table->find(number_key(n)) == entries[n]);
    REQUIRE(CounterCodec::of(EntryTable::payload(entries[n])).count == n);
  }
  CHECK(table->size() == kCount / 50);
}

TEST_CASE("memory is given back when entries go") {
  auto table = make_table();
  for (std::uint64_t n = 0; n < 100'000; ++n) set(*table, number_key(n), n);
  take_snapshot(*table);
  const std::size_t full = table->memory_bytes();
  CHECK(full > 100'000 * (16 + 8 + 8));
  CHECK(full < 100'000 * (16 + 16 + 40));
  for (std::uint64_t n = 0; n < 100'000; ++n) erase(*table, number_key(n));
  take_snapshot(*table);
  CHECK(table->memory_bytes() < full / 4);
}

TEST_CASE("memory counts what payloads own") {
  auto table = make_table();
  for (std::uint64_t n = 0; n < 100; ++n) set(*table, number_key(n), n);
  const std::size_t without = table->memory_bytes();
  for (std::uint64_t n = 0; n < 100; ++n) set(*table, number_key(n), n, std::string(1000, 'x'));
  CHECK(table->memory_bytes() == without + 100 * 1000);
}

TEST_CASE("an increment holds what changed since the last snapshot, and nothing else") {
  auto table = make_table();
  set(*table, "a", 1);
  set(*table, "b", 2);
  CHECK(table->dirty() == 2);
  CHECK(rows_of(take_snapshot(*table).rows).size() == 2);
  CHECK(table->dirty() == 0);
  CHECK(take_snapshot(*table).rows.empty());

  set(*table, "b", 3);
  set(*table, "b", 4);
  erase(*table, "a");
  CHECK(table->dirty() == 2);
  const Segment segment = take_snapshot(*table);
  const std::vector<Row> rows = rows_of(segment.rows);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].erased);
  CHECK(rows[0].key == "a");
  CHECK(rows[1].key == "b");
}

TEST_CASE("an entry made and erased between two snapshots leaves no row") {
  auto table = make_table();
  set(*table, "passing", 1);
  erase(*table, "passing");
  CHECK(table->dirty() == 0);
  CHECK(take_snapshot(*table).rows.empty());
}

TEST_CASE("entries that come and go between snapshots do not make the list of changes grow") {
  auto table = make_table();
  const auto turn_over = [&] {
    for (int n = 0; n < 100; ++n) set(*table, number_key(n), 1);
    for (int n = 0; n < 100; ++n) erase(*table, number_key(n));
  };
  turn_over();
  const std::size_t once = table->memory_bytes();
  for (int round = 0; round < 1000; ++round) turn_over();
  CHECK(table->memory_bytes() == once);
}

TEST_CASE("a key erased and made again between two snapshots is its new self") {
  auto table = make_table();
  set(*table, "a", 1);
  std::vector<Segment> segments = {take_snapshot(*table)};
  erase(*table, "a");
  set(*table, "a", 2);
  segments.push_back(take_snapshot(*table));
  CHECK(contents(*restore(segments)) == Model{{"a", {2, ""}}});
}

TEST_CASE("a snapshot holds what was at its beginning, whatever changes during it") {
  auto table = make_table();
  for (std::uint64_t n = 0; n < 1000; ++n) set(*table, number_key(n), n);
  const Model before = contents(*table);
  for (const EntryTable::Base base : {EntryTable::Base{}, EntryTable::Base{0, 16}, EntryTable::Base{0, 5}}) {
    CAPTURE(base.to);
    auto fresh = make_table();
    for (std::uint64_t n = 0; n < 1000; ++n) set(*fresh, number_key(n), n);
    fresh->begin_snapshot(base);
    for (std::uint64_t n = 0; n < 1000; n += 3) set(*fresh, number_key(n), 7);
    for (std::uint64_t n = 0; n < 1000; n += 4) erase(*fresh, number_key(n));
    for (std::uint64_t n = 1000; n < 2000; ++n) set(*fresh, number_key(n), n);
    CHECK(fresh->captured_waiting() > 0);
    const Segment segment{base, capture_all(*fresh, 100)};
    CHECK(fresh->captured_waiting() == 0);
    fresh->complete_snapshot();
    CHECK(contents(*restore({segment})) == before);
    CHECK(rows_of(segment.rows).size() == before.size());
  }
}

TEST_CASE("a capture ends near its limit and goes on where it stopped") {
  auto table = make_table();
  for (std::uint64_t n = 0; n < 10'000; ++n) set(*table, number_key(n), n);
  table->begin_snapshot({0, EntryTable::kPartitions});
  int slices = 0;
  for (bool done = false; !done; ++slices) {
    std::string out;
    done = table->capture(out, 1000);
    CHECK(out.size() < 1100);
  }
  CHECK(slices > 100);
  table->complete_snapshot();
}

TEST_CASE("a table without changes makes an empty increment and a whole base") {
  auto table = make_table();
  for (std::uint64_t n = 0; n < 100; ++n) set(*table, number_key(n), n);
  take_snapshot(*table);
  CHECK(take_snapshot(*table).rows.empty());
  CHECK(rows_of(take_snapshot(*table, {0, 16}).rows).size() == 100);
  std::size_t parts = 0;
  for (unsigned from = 0; from < 16; from += 4) {
    const Segment part = take_snapshot(*table, {from, from + 4});
    for (const Row& row : rows_of(part.rows)) {
      CHECK(EntryTable::partition_of(row.key) / 4 == from / 4);
      ++parts;
    }
  }
  CHECK(parts == 100);
}

TEST_CASE("an abandoned snapshot's changes are in the next one, tombstones too") {
  auto table = make_table();
  set(*table, "kept", 1);
  set(*table, "gone", 1);
  set(*table, "changed", 1);
  std::vector<Segment> segments = {take_snapshot(*table)};
  set(*table, "changed", 2);
  set(*table, "new", 3);
  erase(*table, "gone");
  const Model expected = contents(*table);

  SUBCASE("abandoned before any capture") {
    table->begin_snapshot({});
  }
  SUBCASE("abandoned in the middle") {
    table->begin_snapshot({});
    std::string lost;
    CHECK_FALSE(table->capture(lost, 1));
  }
  SUBCASE("abandoned after the last capture") {
    table->begin_snapshot({});
    capture_all(*table);
  }
  SUBCASE("abandoned base") {
    table->begin_snapshot({0, 16});
    std::string lost;
    table->capture(lost, 20);
  }
  table->abandon_snapshot();
  CHECK(table->dirty() == 3);
  segments.push_back(take_snapshot(*table));
  CHECK(contents(*restore(segments)) == expected);
}

TEST_CASE("control: a snapshot completed although its rows were lost is noticed as a stale restore") {
  auto table = make_table();
  set(*table, "a", 1);
  std::vector<Segment> segments = {take_snapshot(*table)};
  set(*table, "a", 2);
  take_snapshot(*table);  // its rows are thrown away, and nothing folds the change back
  set(*table, "b", 1);
  segments.push_back(take_snapshot(*table));
  CHECK(contents(*restore(segments)) != contents(*table));
}

TEST_CASE("restored entries are not dirty, and their erasure leaves a tombstone") {
  auto table = make_table();
  set(*table, "a", 1, "text");
  set(*table, "b", 1);
  std::vector<Segment> segments = {take_snapshot(*table)};
  auto restored = restore(segments);
  CHECK(restored->dirty() == 0);
  erase(*restored, "a");
  CHECK(restored->dirty() == 1);
  segments.push_back(take_snapshot(*restored));
  CHECK(contents(*restore(segments)) == Model{{"b", {1, ""}}});
}

TEST_CASE("a row that does not hold is refused and leaves nothing") {
  auto table = make_table();
  CHECK(table
            ->restore_row("a", false,
                          "\x01\x05"
                          "abc")
            .error()
            .kind == Error::Kind::corrupt);
  CHECK_FALSE(table->restore_row("a", false, std::string_view("\x01\x00\x00", 3)));
  CHECK(table->restore_row("never there", true, {}));
  CHECK(table->size() == 0);
}

TEST_CASE("clearing erases everything, for the next snapshot too") {
  auto table = make_table();
  for (std::uint64_t n = 0; n < 1000; ++n) set(*table, number_key(n), n);
  std::vector<Segment> segments = {take_snapshot(*table)};
  table->clear();
  CHECK(table->size() == 0);
  segments.push_back(take_snapshot(*table));
  CHECK(contents(*restore(segments)).empty());
}

TEST_CASE("the partition of a key never changes: checkpoints depend on it") {
  CHECK(EntryTable::partition_of("") == 2);
  CHECK(EntryTable::partition_of("a") == 14);
  CHECK(EntryTable::partition_of("machine-17") == 3);
}

}  // namespace
}  // namespace tidemark
