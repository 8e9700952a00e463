#include "journal/block.h"

#include "base/checksum.h"
#include "fixture.h"
#include "support/fake_random.h"

using namespace tidemark;
using namespace tidemark::test;

namespace {

BlockStamp stamp() {
  return {lineage(), Timeline{2}, RunId{3}, Position{100}, Position{90}};
}

std::string sealed_of(const std::vector<Entry>& entries, const SourceTable& sources, bool compress = true) {
  BlockBuilder builder;
  for (const Entry& e : entries) builder.add(e, sources);
  return seal_block(builder.take({}), stamp(), compress);
}

std::vector<Entry> decoded(std::string_view block, std::string& raw, SourceTable& sources) {
  auto header = decode_block_header(block);
  REQUIRE(header);
  const std::string_view stored = block.substr(BlockHeader::kSize);
  REQUIRE(block_verifies(*header, stored));
  auto unpacked = unpack_block(*header, stored);
  REQUIRE(unpacked);
  raw = std::move(*unpacked);
  BlockEntries in(raw, *header, sources);
  std::vector<Entry> out;
  for (Entry e; in.next(e);) out.push_back(e);
  REQUIRE_FALSE(in.failed());
  return out;
}

bool same(const Entry& a, const Entry& b) {
  return a.kind == b.kind && a.source == b.source && a.time == b.time && a.resume == b.resume &&
         a.topic == b.topic && a.payload == b.payload;
}

}  // namespace

TEST_CASE("entries of every kind come back from a block as they went in") {
  SourceTable sources;
  const std::uint16_t plant = sources.number("plant");
  const std::uint16_t lines = sources.number("lines");
  const auto at = [](std::int64_t ns) { return time_from_ns<JournalTime>(ns); };
  const std::string large(70'000, 'x');
  const std::vector<Entry> entries = {
      {EntryKind::configuration, 0, at(1'700'000'000'000'000'000), "", "", "hash"},
      {EntryKind::record, lines, at(1'700'000'000'000'000'005), "\x01\x02", "", "a,1"},
      {EntryKind::record, plant, at(1'700'000'000'000'000'005), "7", "plant/a/b", R"({"x":1})"},
      {EntryKind::record, plant, at(1'700'000'000'000'000'004), "", "plant/a/c", ""},
      {EntryKind::tick, 0, at(std::numeric_limits<std::int64_t>::max()), "", "", ""},
      {EntryKind::clock_step, 0, at(std::numeric_limits<std::int64_t>::min()), "", "", ""},
      {EntryKind::source_event, lines, at(0), "", "", std::string_view("\0\1", 2)},
      {EntryKind::skip, 0, at(1), "", "", "uid"},
      {EntryKind::oversized, lines, at(2), "\x03", "", "a long one"},
      {EntryKind::source_ended, plant, at(2), "", "", ""},
      {EntryKind::oversized, lines, at(1), "", "", "{"},
      {EntryKind::source_ended, lines, at(1), "", "", ""},
      {EntryKind::record, lines, at(2), "", "", large},
  };
  for (const bool compress : {true, false}) {
    CAPTURE(compress);
    const std::string block = sealed_of(entries, sources, compress);
    auto header = decode_block_header(block);
    REQUIRE(header);
    CHECK(header->compressed == compress);
    CHECK(header->first == Position{100});
    CHECK(header->last() == Position{112});
    CHECK(header->durable == Position{90});
    CHECK(header->timeline == Timeline{2});
    CHECK(header->run == RunId{3});
    CHECK(header->lineage == lineage());
    CHECK(header->first_time == entries.front().time);
    CHECK(header->last_time == entries.back().time);
    std::string raw;
    const std::vector<Entry> back = decoded(block, raw, sources);
    REQUIRE(back.size() == entries.size());
    for (std::size_t i = 0; i < back.size(); ++i) {
      CAPTURE(i);
      CHECK(same(back[i], entries[i]));
    }
  }
}

TEST_CASE("a block carries the names of its sources, whatever their numbers are next time") {
  SourceTable writing;
  writing.number("a");
  const std::uint16_t b = writing.number("b");
  const std::uint16_t c = writing.number("c");
  const std::string block = sealed_of({entry("1", c), entry("2", b), entry("3", c), entry("4", 0)}, writing);
  SourceTable reading;
  reading.number("unrelated");
  std::string raw;
  const std::vector<Entry> back = decoded(block, raw, reading);
  REQUIRE(back.size() == 4);
  CHECK(reading.name(back[0].source) == "c");
  CHECK(reading.name(back[1].source) == "b");
  CHECK(reading.name(back[2].source) == "c");
  CHECK(back[3].source == 0);
}

TEST_CASE("the next block names its sources anew") {
  SourceTable sources;
  const std::uint16_t a = sources.number("a");
  BlockBuilder builder;
  builder.add(entry("1", a), sources);
  RawBlock first = builder.take({});
  builder.add(entry("2", a), sources);
  const std::string block = seal_block(builder.take(std::move(first)), stamp(), true);
  std::string raw;
  const std::vector<Entry> back = decoded(block, raw, sources);
  REQUIRE(back.size() == 1);
  CHECK(back[0].source == a);
}

TEST_CASE("no flipped bit and no missing byte of a block goes unnoticed") {
  SourceTable sources;
  const std::uint16_t a = sources.number("a");
  std::vector<Entry> entries;
  for (int i = 0; i < 40; ++i) entries.push_back(entry("the same line again", a, i));
  const std::string block = sealed_of(entries, sources);
  const auto verifies = [](std::string_view bytes) {
    auto header = decode_block_header(bytes);
    return header && block_verifies(*header, bytes.substr(BlockHeader::kSize));
  };
  REQUIRE(verifies(block));
  for (std::size_t i = 0; i < block.size() * 8; ++i) {
    std::string bad = block;
    bad[i / 8] = static_cast<char>(bad[i / 8] ^ (1 << (i % 8)));
    CAPTURE(i);
    CHECK_FALSE(verifies(bad));
  }
  for (std::size_t n = 0; n < block.size(); ++n) CHECK_FALSE(verifies(std::string_view(block).substr(0, n)));
}

TEST_CASE("a block of a newer version is no damage: the message says which Tidemark reads it") {
  SourceTable sources;
  std::string block = sealed_of({entry("x")}, sources);
  block[4] = 2;
  block[6] = 9;
  // As a newer program would write it, with a header checksum that holds.
  std::string sealed_anew = block;
  std::uint64_t seed = 0;
  for (unsigned i = 0; i < 8; ++i) seed |= std::uint64_t{static_cast<unsigned char>(block[i])} << (8 * i);
  const std::uint64_t sum = checksum(std::string_view(block).substr(16, BlockHeader::kSize - 16), seed);
  for (unsigned i = 0; i < 8; ++i) sealed_anew[8 + i] = static_cast<char>(sum >> (8 * i));
  auto read = decode_block_header(sealed_anew);
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == Error::Kind::failed);
  CHECK(read.error().message.find("Tidemark 0.9 or newer") != std::string::npos);
  // Without it, it is damage like any other.
  auto damaged_version = decode_block_header(block);
  REQUIRE_FALSE(damaged_version);
  CHECK(damaged_version.error().kind == Error::Kind::corrupt);
}

TEST_CASE("random bytes in place of entries are refused, never read outside") {
  const std::uint64_t seed = 11;
  INFO("seed ", seed);
  FakeRandom random(seed);
  SourceTable sources;
  for (int round = 0; round < 20'000; ++round) {
    std::string raw(random.next() % 60, '\0');
    for (char& c : raw) c = static_cast<char>(random.next() % 4 == 0 ? random.next() : random.next() % 0x42);
    BlockHeader header;
    header.first = Position{1};
    header.count = static_cast<std::uint32_t>(1 + random.next() % 5);
    const std::unique_ptr<char[]> exact(new char[raw.size()]);  // so that a sanitizer sees every step outside
    std::copy(raw.begin(), raw.end(), exact.get());
    SourceTable table;
    BlockEntries in({exact.get(), raw.size()}, header, table);
    std::uint32_t n = 0;
    for (Entry e; in.next(e);) {
      ++n;
      REQUIRE(e.payload.size() <= raw.size());
    }
    CHECK((in.failed() || n == header.count));
  }
}
