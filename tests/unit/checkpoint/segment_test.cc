#include "checkpoint/segment.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "fixture.h"
#include "support/fake_random.h"

using namespace tidemark;
using namespace tidemark::test;

namespace {

struct Sample {
  std::string bytes;
  SegmentReference reference{"7-2-1", "state/p", 0, 0, 0, 0, 0};
  std::vector<std::string> blocks;
};

Sample sample() {
  Sample s;
  s.blocks = {std::string(5000, 'a'), "short", "", std::string("\0\1\2\3", 4)};
  SegmentChecksum sum;
  const auto add = [&](const std::string& piece) {
    sum.add(piece);
    s.bytes += piece;
  };
  add(encode_segment_header(lineage(), "7-2-1", "state/p"));
  for (const std::string& block : s.blocks) {
    add(encode_segment_block(block, block.size()));
    s.reference.rows += block.size();
  }
  s.reference.bytes = s.bytes.size();
  s.reference.checksum = sum.value();
  return s;
}

Status read_in_pieces(const Sample& s, std::string_view bytes, std::size_t piece,
                      std::vector<std::string>& blocks) {
  SegmentDecoder decoder(s.reference, lineage(), [&](std::string_view rows) -> Status {
    blocks.emplace_back(rows);
    return {};
  });
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (Status fed = decoder.feed(bytes.substr(at, piece)); !fed) return fed;
  return decoder.finish();
}

}  // namespace

TEST_CASE("a segment is read whole however it is cut into pieces") {
  const Sample s = sample();
  for (const std::size_t piece : {1u, 2u, 7u, 13u, 64u, 1000u, 100'000u}) {
    CAPTURE(piece);
    std::vector<std::string> blocks;
    CHECK(read_in_pieces(s, s.bytes, piece, blocks));
    CHECK(blocks == s.blocks);
  }
}

TEST_CASE("no flipped bit, no missing and no added byte of a segment goes unnoticed") {
  const Sample s = sample();
  for (std::size_t bit = 0; bit < s.bytes.size() * 8; ++bit) {
    CAPTURE(bit);
    std::string bad = s.bytes;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    std::vector<std::string> blocks;
    const Status read = read_in_pieces(s, bad, 50, blocks);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == Error::Kind::corrupt);
    CHECK(read.error().message.find("7-2-1") != std::string::npos);
    // What was handed on before the damage was right.
    for (std::size_t i = 0; i < blocks.size(); ++i) REQUIRE(blocks[i] == s.blocks[i]);
  }
  std::vector<std::string> blocks;
  for (std::size_t n = 0; n < s.bytes.size(); ++n)
    CHECK_FALSE(read_in_pieces(s, std::string_view(s.bytes).substr(0, n), 50, blocks));
  CHECK_FALSE(read_in_pieces(s, s.bytes + "x", 50, blocks));
}

TEST_CASE("whole blocks that are missing, exchanged or foreign do not pass") {
  const Sample s = sample();
  const std::string header = encode_segment_header(lineage(), "7-2-1", "state/p");
  const std::string a = encode_segment_block("aaaa", 1), b = encode_segment_block("bbbb", 1);
  Sample two;
  SegmentChecksum sum;
  for (const std::string& piece : {header, a, b}) sum.add(piece);
  two.reference.bytes = header.size() + a.size() + b.size();
  two.reference.rows = 2;
  two.reference.checksum = sum.value();
  std::vector<std::string> blocks;
  CHECK(read_in_pieces(two, header + a + b, 1000, blocks));
  CHECK_FALSE(read_in_pieces(two, header + b + a, 1000, blocks));
  CHECK_FALSE(read_in_pieces(two, header + a + a, 1000, blocks));
  CHECK_FALSE(read_in_pieces(two, header + a, 1000, blocks));
  CHECK_FALSE(
      read_in_pieces(two, encode_segment_header(lineage(9), "7-2-1", "state/p") + a + b, 1000, blocks));
  CHECK_FALSE(
      read_in_pieces(two, encode_segment_header(lineage(), "7-2-2", "state/p") + a + b, 1000, blocks));
  CHECK_FALSE(
      read_in_pieces(two, encode_segment_header(lineage(), "7-2-1", "state/q") + a + b, 1000, blocks));
}

TEST_CASE("a segment of a newer version says which Tidemark is needed") {
  Sample s = sample();
  std::string header = encode_segment_header(lineage(), "7-2-1", "state/p");
  header[4] = 2;
  header[5] = 2;
  header[6] = 0;
  header.resize(header.size() - 8);
  Encoder out;
  out.u64(checksum(header));
  header += out.view();
  std::vector<std::string> blocks;
  const Status read = read_in_pieces(s, header, 1000, blocks);
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == Error::Kind::failed);
  CHECK(read.error().message.find("Tidemark 2.0 or newer") != std::string::npos);
}

TEST_CASE("rows that compress take less room, rows that do not take hardly more") {
  CHECK(encode_segment_block(std::string(100'000, 'a'), 1).size() < 1000);
  std::string noise(100'000, '\0');
  FakeRandom random(3);
  for (char& c : noise) c = static_cast<char>(random.next());
  CHECK(encode_segment_block(noise, 1).size() < noise.size() + 32);
}
