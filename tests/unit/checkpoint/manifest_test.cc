#include "checkpoint/manifest.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "fixture.h"

using namespace tidemark;
using namespace tidemark::test;

namespace {

Manifest full() {
  Manifest m = manifest_of(42);
  m.timeline = Timeline{3};
  m.position = Position{~std::uint64_t{0}};
  m.journal_time = time_from_ns<JournalTime>(-1);
  m.wall_ns = 1'740'830'400'000'000'000;
  m.duration = 250ms;
  m.semantics = 7;
  m.incremental = true;
  m.configuration = "[node]\nname = \"x\"\n";
  m.sections = {{"engine", std::string("\0\1\2", 3)}, {"sink/history", ""}};
  m.segments = {{"42-2-1", "state/p", 1000, 20, 0x1234567890abcdef, 0, 16},
                {"41-2-1", "pending/s", 5, 0, 1, 0, 0}};
  m.sources = {{"plant", "session 3, 20 ids", kEventTimeMin}};
  m.pipelines = {{"health", "uid", 99, 10'000, 1 << 20, kEventTimeMax, Position{7}}};
  return m;
}

std::string with_checksum(std::string bytes) {
  Encoder out;
  out.u64(checksum(bytes));
  return bytes + out.take();
}

}  // namespace

TEST_CASE("a manifest comes back as it was") {
  const Manifest m = full();
  auto read = decode_manifest(encode_manifest(m), "file");
  REQUIRE(read);
  CHECK(encode_manifest(*read) == encode_manifest(m));
  CHECK(read->id == m.id);
  CHECK(read->lineage == m.lineage);
  CHECK(read->timeline == m.timeline);
  CHECK(read->run == m.run);
  CHECK(read->position == m.position);
  CHECK(read->journal_time == m.journal_time);
  CHECK(read->wall_ns == m.wall_ns);
  CHECK(read->duration == m.duration);
  CHECK(read->semantics == 7);
  CHECK(read->incremental);
  CHECK(read->configuration == m.configuration);
  CHECK(*read->section("engine") == m.sections[0].second);
  CHECK(read->section("none") == nullptr);
  REQUIRE(read->segments.size() == 2);
  CHECK(read->segments[0].checksum == m.segments[0].checksum);
  CHECK(read->segments[0].base_to == 16);
  CHECK(read->total_bytes() == 1005);
  CHECK(read->sources[0].watermark == kEventTimeMin);
  CHECK(read->pipelines[0].keys == 10'000);
  CHECK(read->pipelines[0].watermark == kEventTimeMax);
  CHECK(read->pipelines[0].position == Position{7});
}

TEST_CASE("no flipped bit and no missing byte of a manifest goes unnoticed") {
  const std::string bytes = encode_manifest(full());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string bad = bytes;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    auto read = decode_manifest(bad, "the/file");
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == Error::Kind::corrupt);
    CHECK(read.error().message.find("the/file") != std::string::npos);
  }
  for (std::size_t n = 0; n < bytes.size(); ++n) CHECK_FALSE(decode_manifest(bytes.substr(0, n), "file"));
  CHECK_FALSE(decode_manifest(bytes + "x", "file"));
}

TEST_CASE("a manifest of a newer version says which Tidemark is needed") {
  std::string bytes = encode_manifest(full());
  bytes.resize(bytes.size() - 8);
  bytes[4] = 2;
  bytes[5] = 1;
  bytes[6] = 3;
  auto read = decode_manifest(with_checksum(bytes), "file");
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == Error::Kind::failed);
  CHECK(read.error().message.find("Tidemark 1.3 or newer") != std::string::npos);
}

TEST_CASE("a manifest whose checksum holds but whose content does not is refused") {
  std::string bytes = encode_manifest(full());
  bytes.resize(bytes.size() - 8);
  for (std::size_t n = 8; n < bytes.size(); ++n) {
    CHECK_FALSE(decode_manifest(with_checksum(bytes.substr(0, n)), "file"));
    std::string longest = bytes.substr(0, n) + std::string(10, '\xff');
    CHECK_FALSE(decode_manifest(with_checksum(longest), "file"));
  }
}
