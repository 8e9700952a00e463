#include "sources/line_framing.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support/fake_random.h"

namespace tidemark {
namespace {

struct Found {
  std::string bytes;
  bool oversized = false;
  std::uint64_t length = 0;
  bool operator==(const Found&) const = default;
};

// Everything that a stream gives when it is cut after each of `cuts` bytes in turn.
std::vector<Found> frame(std::string_view stream, std::uint64_t max_record,
                         const std::vector<std::size_t>& cuts, bool with_rest = true) {
  LineFraming framing(max_record);
  std::vector<Found> found;
  Line line;
  std::size_t at = 0;
  for (std::size_t i = 0; at < stream.size(); ++i) {
    const std::size_t size = cuts.empty() ? stream.size() : cuts[i % cuts.size()];
    const std::string piece(stream.substr(at, size));  // of its own, so that a view kept too long is caught
    at += piece.size();
    framing.feed(piece);
    while (framing.next(line)) found.push_back({std::string(line.bytes), line.oversized, line.length});
  }
  if (with_rest && framing.rest(line))
    found.push_back({std::string(line.bytes), line.oversized, line.length});
  return found;
}

TEST_CASE("lines end with LF or CR LF, and a CR elsewhere is part of the line") {
  const auto found = frame("a\nb\r\n\n\r\nc\rd\n\r\re\r", 100, {});
  const std::vector<Found> expected = {{"a", false, 2}, {"b", false, 3},    {"", false, 1},
                                       {"", false, 2},  {"c\rd", false, 4}, {"\r\re", false, 4}};
  CHECK(found == expected);
}

TEST_CASE("what stands after the last newline is only had by asking for the rest") {
  CHECK(frame("a\nb", 100, {}, false).size() == 1);
  CHECK(frame("a\nb", 100, {}).back() == Found{"b", false, 1});
  CHECK(frame("a\n", 100, {}).size() == 1);
}

TEST_CASE("a line of exactly max_record passes, one byte more is oversized, whatever ends it") {
  for (const std::string end : {"\n", "\r\n"}) {
    for (const std::size_t cut : {1u, 2u, 3u, 100u}) {
      CAPTURE(cut);
      CHECK(frame("12345" + end, 5, {cut}) == std::vector<Found>{{"12345", false, 5 + end.size()}});
      CHECK(frame("123456" + end, 5, {cut}) == std::vector<Found>{{"12345", true, 6 + end.size()}});
    }
  }
}

TEST_CASE("of an oversized line the first KiB is kept, the rest is skipped, and the next line is whole") {
  const std::string stream = std::string(5000, 'x') + "\nnext\n";
  for (const std::size_t cut : {1u, 7u, 1000u, 4096u, 10000u}) {
    CAPTURE(cut);
    const auto found = frame(stream, 2000, {cut});
    REQUIRE(found.size() == 2);
    CHECK(found[0] == Found{std::string(1024, 'x'), true, 5001});
    CHECK(found[1] == Found{"next", false, 5});
  }
}

TEST_CASE("a stream without a newline does not grow in memory") {
  LineFraming framing(1u << 20);
  const std::string piece(64 * 1024, 'x');
  Line line;
  for (int i = 0; i < 1000; ++i) {
    framing.feed(piece);
    CHECK_FALSE(framing.next(line));
  }
  framing.feed("\nafter\n");
  REQUIRE(framing.next(line));
  CHECK(line.oversized);
  CHECK(line.bytes.size() == 1024);
  REQUIRE(framing.next(line));
  CHECK(line.bytes == "after");
}

TEST_CASE("the lines do not depend on how the stream was cut") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    FakeRandom random(seed);
    const std::uint64_t max_record = 1 + random.below(random.one_in(4) ? 3000 : 12);
    std::string stream;
    const std::size_t size = random.below(400);
    for (std::size_t i = 0; i < size; ++i) {
      static constexpr std::string_view kBytes = "ab\n\r\r\n\0x";
      stream.push_back(kBytes[random.below(kBytes.size())]);
      if (random.one_in(150)) stream.append(random.below(5000), 'y');
    }
    const auto whole = frame(stream, max_record, {});
    CHECK(frame(stream, max_record, {1}) == whole);
    std::vector<std::size_t> cuts;
    for (int i = 0; i < 20; ++i) cuts.push_back(1 + random.below(50));
    CHECK(frame(stream, max_record, cuts) == whole);
    std::uint64_t length = 0;
    for (const Found& line : whole) length += line.length;
    CHECK(length == stream.size());
  }
}

// With quoted line ends: the records, their sizes in the stream, and how many lines they stand for.
std::vector<std::string> frame_quoted(std::string_view stream, std::uint64_t max_record, std::size_t cut) {
  LineFraming framing(max_record, QuotedLineEnds{});
  std::vector<std::string> found;
  Line line;
  const auto add = [&] {
    found.push_back(std::string(line.bytes) + (line.oversized ? "!" : "") + "/" +
                    std::to_string(line.length) + "/" + std::to_string(line.ends));
  };
  for (std::size_t at = 0; at < stream.size(); at += cut) {
    const std::string piece(stream.substr(at, cut));
    framing.feed(piece);
    while (framing.next(line)) add();
  }
  if (framing.rest(line)) add();
  return found;
}

TEST_CASE("a line end inside quotes belongs to the record, and one behind a stray quote does not") {
  for (const std::size_t cut : {1u, 2u, 3u, 5u, 100u}) {
    CAPTURE(cut);
    CHECK(frame_quoted("a,\"b\nc\",d\ne\n", 100, cut) ==
          std::vector<std::string>{"a,\"b\nc\",d/10/2", "e/2/1"});
    CHECK(frame_quoted("\"say \"\"hi\"\"\n\r\n\"\r\nx", 100, cut) ==
          std::vector<std::string>{"\"say \"\"hi\"\"\n\r\n\"/17/3", "x/1/0"});
    CHECK(frame_quoted("5\" pipe,\"\"x\"\n1\n", 100, cut) ==
          std::vector<std::string>{"5\" pipe,\"\"x\"/13/1", "1/2/1"});
    CHECK(frame_quoted("\"a\n", 100, cut) == std::vector<std::string>{"\"a\n/3/1"});
  }
}

TEST_CASE("a quote that is never closed costs at most max_record bytes") {
  const std::string stream = "ok\n\"" + std::string(8, 'x') + "\n1\n2\n3\nafter\n";
  for (const std::size_t cut : {1u, 2u, 7u, 100u}) {
    CAPTURE(cut);
    CHECK(frame_quoted(stream, 10, cut) ==
          std::vector<std::string>{"ok/3/1", "\"xxxxxxxx\n!/14/3", "3/2/1", "after/6/1"});
  }
}

TEST_CASE("framing of quoted line ends does not depend on the cuts") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    FakeRandom random(seed);
    std::string stream;
    for (std::uint64_t i = random.below(200); i > 0; --i) stream += "ab\"\"\",\n\n\r"[random.below(9)];
    const auto whole = frame_quoted(stream, 12, 1000);
    CHECK(frame_quoted(stream, 12, 1) == whole);
    CHECK(frame_quoted(stream, 12, 1 + random.below(30)) == whole);
  }
}

}  // namespace
}  // namespace tidemark
