#include "sinks/file_cursor.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "support/fault_files.h"
#include "support/source_tree.h"

namespace tidemark {
namespace {

FileCursor example() {
  FileCursor cursor;
  cursor.generation = 3;
  cursor.identity = {64769, 123456789};
  cursor.offset = 987654321;
  ChannelId channel;
  for (std::size_t i = 0; i < channel.lineage.bytes.size(); ++i)
    channel.lineage.bytes[i] = static_cast<std::uint8_t>(i * 17);
  channel.timeline = Timeline{2};
  channel.uid = "machine_health";
  cursor.holdings[channel] = {ResultNumber{41}, 0x1122334455667788u};
  channel.kind = ChannelKind::late;
  cursor.holdings[channel] = {ResultNumber{7}, 0xfedcba9876543210u};
  return cursor;
}

bool same(const FileCursor& a, const FileCursor& b) {
  return encode(a) == encode(b);
}

TEST_CASE("a cursor reads back as it was written") {
  const auto read = decode_file_cursor(encode(example()), "cursor");
  REQUIRE(read.has_value());
  CHECK(same(*read, example()));
  CHECK(read->holdings.size() == 2);
  CHECK(read->offset == 987654321);
}

TEST_CASE("versions 1 and 2 of the cursor are read as they were when they were released") {
  for (const int version : {1, 2}) {
    FileCursor cursor = example();
    if (version == 2) {
      cursor.head_length = 1024;
      cursor.head = 0x0102030405060708u;
      cursor.begun_ns = 1'740'830'400'000'000'000;
      cursor.rotated = 12;
      cursor.kept = {9, 11, 12};
      cursor.moving = true;
    }
    const std::string path =
        source_tree() + "/tests/golden/v1/file-cursor" + (version == 2 ? "-2" : std::string());
    if (version == 2 && std::getenv("TIDEMARK_WRITE_GOLDEN"))
      std::ofstream(path, std::ios::binary) << encode(cursor);
    std::ifstream file(path, std::ios::binary);
    const std::string golden((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const auto read = decode_file_cursor(golden, "golden");
    REQUIRE(read.has_value());
    CHECK(same(*read, cursor));
  }
}

TEST_CASE("any byte changed, any byte missing, any byte more is noticed, and the remedy is named") {
  const std::string bytes = encode(example());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    CHECK_FALSE(decode_file_cursor(damaged, "sinks/late").has_value());
    const auto cut = decode_file_cursor(std::string_view(bytes).substr(0, i), "sinks/late");
    REQUIRE_FALSE(cut.has_value());
    CHECK(cut.error().message.find("sinks/late") != std::string::npos);
  }
  CHECK_FALSE(decode_file_cursor(bytes + "x", "sinks/late").has_value());
}

TEST_CASE("no cursor is no error, an unreadable one is") {
  FaultFiles files;
  REQUIRE(files.make_directories("/data/sinks").has_value());
  auto loaded = load_file_cursor(files, "/data/sinks/late");
  REQUIRE(loaded.has_value());
  CHECK_FALSE(loaded->has_value());
  REQUIRE(store_file_cursor(files, "/data/sinks/late", example()).has_value());
  loaded = load_file_cursor(files, "/data/sinks/late");
  REQUIRE(loaded.has_value());
  CHECK(same(**loaded, example()));
  files.put("/data/sinks/late", "");
  CHECK_FALSE(load_file_cursor(files, "/data/sinks/late").has_value());
}

}  // namespace
}  // namespace tidemark
