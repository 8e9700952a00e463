#include "sinks/stream_ledger.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "support/fault_files.h"
#include "support/source_tree.h"

namespace tidemark {
namespace {

constexpr auto kPath = "/data/sinks/plant.stream";

StreamState example(std::uint64_t lines = 41, std::size_t rows = 3) {
  StreamState state;
  state.stream = "0123456789abcdef";
  state.lines = lines;
  ChannelId channel;
  for (std::size_t i = 0; i < channel.lineage.bytes.size(); ++i)
    channel.lineage.bytes[i] = static_cast<std::uint8_t>(i * 17);
  channel.timeline = Timeline{2};
  channel.uid = "machine_health";
  state.holdings[channel] = {ResultNumber{lines}, 0x1122334455667788u};
  state.channels.push_back(channel);
  channel.kind = ChannelKind::late;
  state.channels.push_back(channel);
  for (std::size_t i = 0; i < rows; ++i)
    state.rows.push_back(
        {.channel = i % 2, .number = ResultNumber{lines + 1 + i / 2}, .chain = i * 7, .lines = 1 + i % 3});
  return state;
}

bool same(const StreamState& a, const StreamState& b) {
  return encode(a) == encode(b);
}

TEST_CASE("the state of a stream reads back as it was written, and nothing else does") {
  const std::string bytes = encode(example());
  const auto read = decode_stream_state(bytes, kPath);
  REQUIRE(read.has_value());
  CHECK(same(*read, example()));
  CHECK(read->lines_with_rows() == 41 + 1 + 2 + 3);
  for (std::size_t length = 0; length < bytes.size(); ++length)
    CHECK_FALSE(decode_stream_state(std::string_view(bytes).substr(0, length), kPath).has_value());
  CHECK_FALSE(decode_stream_state(bytes + "x", kPath).has_value());
}

TEST_CASE("a count of lines says which rows the peer holds: whole ones only") {
  const StreamState state = example();
  const auto number = [&](std::uint64_t count, ChannelKind kind) {
    ChannelId channel = state.channels.front();
    channel.kind = kind;
    const Holdings held = state.holdings_at(count);
    const auto at = held.find(channel);
    return at == held.end() ? 0 : at->second.number.value;
  };
  CHECK(number(41, ChannelKind::main) == 41);
  CHECK(number(41, ChannelKind::late) == 0);
  CHECK(number(42, ChannelKind::main) == 42);
  CHECK(number(43, ChannelKind::late) == 0);  // half of a row of two lines
  CHECK(number(44, ChannelKind::late) == 42);
  CHECK(number(47, ChannelKind::main) == 43);
}

TEST_CASE("a ledger gives back the last state that was stored, small or large") {
  FaultFiles files;
  auto ledger = std::make_unique<StreamLedger>(files, kPath);
  auto found = ledger->open();
  REQUIRE(found.has_value());
  CHECK_FALSE(found->has_value());
  for (const std::size_t rows : {0u, 1u, 3000u, 2u, 20000u, 4u, 5u}) {
    CAPTURE(rows);
    REQUIRE(ledger->store(example(rows, rows)).has_value());
    StreamLedger other(files, kPath);
    found = other.open();
    REQUIRE(found.has_value());
    REQUIRE(found->has_value());
    CHECK(same(**found, example(rows, rows)));
  }
  found = ledger->open();
  CHECK(same(**found, example(5, 5)));
}

TEST_CASE("a small state costs one small write in place") {
  FaultFiles files;
  StreamLedger ledger(files, kPath);
  REQUIRE(ledger.open().has_value());
  REQUIRE(ledger.store(example(1)).has_value());
  const std::uint64_t operations = files.operations(), bytes = files.bytes_written();
  for (std::uint64_t i = 2; i <= 11; ++i) REQUIRE(ledger.store(example(i)).has_value());
  CHECK(files.operations() - operations == 20);  // a write and a sync each
  CHECK(files.bytes_written() - bytes < 10 * 400);
}

TEST_CASE(
    "a power cut at any operation leaves the last state that was stored, or the one that was on its way") {
  std::uint64_t operations = 0;
  const auto run = [](FaultFiles& files, std::uint64_t from, std::uint64_t& stored) {
    StreamLedger ledger(files, kPath);
    if (!ledger.open()) return;
    for (std::uint64_t i = from; i < from + 8; ++i) {
      if (!ledger.store(example(i, i % 3 == 2 ? 6000 : 2))) return;
      stored = i;
    }
  };
  {
    FaultFiles files;
    std::uint64_t stored = 0;
    run(files, 1, stored);
    operations = files.operations();
    REQUIRE(stored == 8);
  }
  for (const Loss loss : {Loss::all_unsynced, Loss::none, Loss::random})
    for (std::uint64_t at = 1; at <= operations; ++at) {
      CAPTURE(static_cast<int>(loss));
      CAPTURE(at);
      auto disk = std::make_unique<FaultFiles>();
      std::uint64_t stored = 0;
      disk->crash_at(at);
      run(*disk, 1, stored);
      // Once more, from what was found: what has been read is never taken back.
      for (const std::uint64_t again : {1 + at % 5, std::uint64_t{1000}}) {
        disk = disk->after_crash(loss, at);
        StreamLedger ledger(*disk, kPath);
        const auto found = ledger.open();
        REQUIRE(found.has_value());
        const std::uint64_t lines = *found ? (*found)->lines : 0;
        CHECK(lines >= stored);
        CHECK(lines <= stored + 1);
        stored = lines;
        disk->crash_at(again);
        run(*disk, lines + 1, stored);
        if (!disk->dead()) disk->crash();
      }
    }
}

TEST_CASE("after an error the file is replaced, and never written in place") {
  FaultFiles files;
  StreamLedger ledger(files, kPath);
  REQUIRE(ledger.open().has_value());
  REQUIRE(ledger.store(example(1)).has_value());
  files.fail({.operation = FaultFiles::Operation::sync, .times = 1});
  CHECK_FALSE(ledger.store(example(2)).has_value());
  REQUIRE(ledger.store(example(2)).has_value());
  REQUIRE(ledger.store(example(3)).has_value());
  const auto disk = files.after_crash(Loss::all_unsynced);
  StreamLedger other(*disk, kPath);
  const auto found = other.open();
  REQUIRE(found.has_value());
  CHECK((*found)->lines == 3);
}

TEST_CASE("a damaged slot leaves the one before it; when both are, that is said with the remedy") {
  FaultFiles files;
  StreamLedger ledger(files, kPath);
  REQUIRE(ledger.open().has_value());
  for (std::uint64_t i = 1; i <= 2; ++i) REQUIRE(ledger.store(example(i)).has_value());
  std::string bytes = files.content(kPath);
  const std::size_t newer = bytes.find("0123456789abcdef", bytes.find("0123456789abcdef") + 1);
  REQUIRE(newer != std::string::npos);
  bytes[newer] ^= 1;
  files.put(kPath, bytes);
  StreamLedger half(files, kPath);
  const auto found = half.open();
  REQUIRE(found.has_value());
  CHECK((*found)->lines <= 2);
  bytes[bytes.find("0123456789abcdef")] ^= 1;
  for (const std::string& damaged : {bytes, bytes.substr(0, 4000), std::string("TMTS"), std::string()}) {
    files.put(kPath, damaged);
    StreamLedger none(files, kPath);
    const auto refused = none.open();
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == Error::Kind::corrupt);
    CHECK(refused.error().message.contains(kPath));
    CHECK(refused.error().message.contains("remove it"));
  }
}

TEST_CASE("version 1 of a stream's ledger is read as it was when it was released") {
  const std::string path = source_tree() + "/tests/golden/v1/stream-ledger";
  if (std::getenv("TIDEMARK_WRITE_GOLDEN")) {
    FaultFiles files;
    StreamLedger ledger(files, kPath);
    REQUIRE(ledger.open().has_value());
    REQUIRE(ledger.store(example(3)).has_value());
    // Without the slot that is empty.
    const std::string bytes = files.content(kPath);
    std::ofstream(path, std::ios::binary) << bytes.substr(0, bytes.find_last_not_of('\0') + 1);
  }
  std::ifstream file(path, std::ios::binary);
  FaultFiles files;
  REQUIRE(files.make_directories("/data/sinks").has_value());
  files.put(kPath, std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>()));
  StreamLedger ledger(files, kPath);
  const auto found = ledger.open();
  REQUIRE(found.has_value());
  REQUIRE(found->has_value());
  CHECK(same(**found, example(3)));
}

}  // namespace
}  // namespace tidemark
