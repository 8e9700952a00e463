// A segment as version 1 wrote it, committed as a file: every later program reads it.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "fixture.h"
#include "journal/segments.h"
#include "support/source_tree.h"

using namespace tidemark;
using namespace tidemark::test;

namespace {

const std::string kPath = source_tree() + "/tests/golden/v1/journal-segment";

std::vector<Entry> entries(SourceTable& sources) {
  const std::uint16_t plant = sources.number("plant");
  const std::uint16_t lines = sources.number("lines");
  const auto at = [](std::int64_t ns) { return time_from_ns<JournalTime>(1'740'830'400'000'000'000 + ns); };
  std::vector<Entry> out = {
      {EntryKind::configuration, 0, at(0), "", "", "0123456789abcdef"},
      {EntryKind::record, plant, at(1), std::string_view("\x07\x00", 2), "plant/l1/d1/telemetry",
       R"({"temp":21.5})"},
      {EntryKind::record, lines, at(1), "42", "", "hello,1"},
      {EntryKind::source_event, plant, at(500), "", "", "connected"},
      {EntryKind::tick, 0, at(2'000'000'000), "", "", ""},
      {EntryKind::clock_step, 0, at(-5'000'000'000), "", "", ""},
      {EntryKind::skip, 0, at(-4'000'000'000), "", "", "uid:7"},
  };
  for (int i = 0; i < 50; ++i)
    out.push_back(
        {EntryKind::record, plant, at(i * 1000), "", "plant/l1/d2/telemetry", R"({"temp":20,"n":1})"});
  return out;
}

std::string as_written_now() {
  SourceTable sources;
  std::string segment;
  BlockBuilder builder;
  std::uint64_t first = 1, position = 0;
  for (const Entry& e : entries(sources)) {
    builder.add(e, sources);
    ++position;
    if (builder.count() == 7 || position == 57) {
      segment += seal_block(builder.take({}),
                            {lineage(), Timeline{1}, RunId{3}, Position{first}, Position{first - 1}}, true);
      first = position + 1;
    }
  }
  return segment;
}

}  // namespace

TEST_CASE("the journal of version 1 is read") {
  if (std::getenv("TIDEMARK_WRITE_GOLDEN")) std::ofstream(kPath, std::ios::binary) << as_written_now();
  std::ifstream in(kPath, std::ios::binary);
  const std::string golden((std::istreambuf_iterator<char>(in)), {});
  REQUIRE_FALSE(golden.empty());

  FaultFiles files;
  REQUIRE(files.make_directories(kFolder));
  files.put(segment_path(kFolder, 1), golden);
  CHECK(must_open(folder(files), Position{57}).end == Position{57});
  SourceTable written, read;
  read.number("another");
  auto reader = JournalReader::open(folder(files), {}, read);
  REQUIRE(reader);
  for (const Entry& expected : entries(written)) {
    auto item = (*reader)->next();
    REQUIRE(item);
    REQUIRE(*item);
    const Entry& e = (*item)->entry;
    CHECK(e.kind == expected.kind);
    CHECK(e.time == expected.time);
    CHECK(e.resume == expected.resume);
    CHECK(e.topic == expected.topic);
    CHECK(e.payload == expected.payload);
    CHECK((e.source == 0) == (expected.source == 0));
    if (e.source != 0) CHECK(read.name(e.source) == written.name(expected.source));
  }
  auto end = (*reader)->next();
  REQUIRE(end);
  CHECK_FALSE(*end);
}
