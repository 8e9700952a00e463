#include "app/checkpoint_text.h"

#include <doctest/doctest.h>

namespace tidemark {
namespace {

constexpr std::int64_t kNoon = 1'740'830'400'000'000'000;  // 2025-03-01T12:00:00Z

Manifest a_manifest() {
  Manifest manifest;
  manifest.id = CheckpointId{42};
  manifest.lineage = *parse_lineage("000102030405060708090a0b0c0d0e0f");
  manifest.timeline = Timeline{1};
  manifest.run = RunId{3};
  manifest.position = Position{12000};
  manifest.journal_time = time_from_ns<JournalTime>(kNoon - 1'000'000'000);
  manifest.wall_ns = kNoon;
  manifest.duration = 12ms;
  manifest.semantics = 1;
  manifest.incremental = true;
  manifest.configuration = "[sources.plant]\n";
  manifest.segments = {
      {.name = "41-3-1",
       .owner = "state/health",
       .bytes = 4096,
       .rows = 100,
       .checksum = 0xabcdef,
       .base_from = 0,
       .base_to = 64},
      {.name = "42-3-1", .owner = "state/health", .bytes = 512, .rows = 7, .checksum = ~0ull}};
  manifest.sections = {{"configuration", "00c0ffee00c0ffee"}};
  manifest.sources = {{"plant", "session 3, 20 ids", time_from_ns<EventTime>(kNoon)},
                      {"lines", "", kEventTimeMax}};
  manifest.pipelines = {{.name = "health",
                         .uid = "health",
                         .plan_fingerprint = 0x1234,
                         .keys = 100,
                         .bytes = 9000,
                         .watermark = kEventTimeMin,
                         .position = Position{12000}}};
  return manifest;
}

template <class Write>
std::string json(Write write) {
  JsonWriter out;
  write(out);
  return out.take();
}

TEST_CASE("the list of checkpoints, with a damaged one") {
  Appliance::Listed good{CheckpointId{42}, a_manifest()};
  Appliance::Listed bad{CheckpointId{43}, fail("chk-43/manifest: checksum differs", Error::Kind::corrupt)};
  const CheckpointRow rows[] = {row_of(good), row_of(bad)};
  CHECK(checkpoint_list_text(rows) ==
        "ID      TIME                     SIZE  KIND         DURATION  POSITION  STATE\n"
        "chk-42  2025-03-01T12:00:00Z  4.8 KiB  incremental      12ms     12000  ok\n"
        "chk-43  -                           -  -                   -         -  damaged: chk-43/manifest: "
        "checksum "
        "differs\n");
  CHECK(checkpoint_list_text({}) == "ID  TIME  SIZE  KIND  DURATION  POSITION  STATE\n");
}

TEST_CASE("what a checkpoint holds, as text") {
  const std::string text = checkpoint_text(a_manifest());
  CHECK(text ==
        "checkpoint     chk-42, incremental\n"
        "time           2025-03-01T12:00:00Z\n"
        "position       12000\n"
        "journal time   2025-03-01T11:59:59Z\n"
        "duration       12ms\n"
        "size           4.5 KiB in 2 segments\n"
        "data           lineage 000102030405060708090a0b0c0d0e0f, timeline 1, run 3\n"
        "semantics      1\n"
        "configuration  fingerprint 00c0ffee00c0ffee\n"
        "\n"
        "PIPELINE  UID     KEYS   MEMORY  POSITION  WATERMARK  PLAN\n"
        "health    health   100  8.8 KiB     12000  -          0000000000001234\n"
        "\n"
        "SOURCE  WATERMARK             REMEMBERS\n"
        "plant   2025-03-01T12:00:00Z  session 3, 20 ids\n"
        "lines   ended                 -\n"
        "\n"
        "SEGMENT  OWNER         ROWS     SIZE  CHECKSUM\n"
        "41-3-1   state/health   100  4.0 KiB  0000000000abcdef\n"
        "42-3-1   state/health     7    512 B  ffffffffffffffff\n");
}

TEST_CASE("a row and a manifest read back from their JSON as they were") {
  const CheckpointRow row = row_of({CheckpointId{42}, a_manifest()});
  const std::string row_json = json([&](JsonWriter& out) { write_checkpoint_row(out, row); });
  CHECK(row_json ==
        R"({"id":"chk-42","ok":true,"time":"2025-03-01T12:00:00Z","bytes":4893,"kind":"incremental",)"
        R"("duration_seconds":0.012,"position":12000,"timeline":1})");
  const CheckpointRow read = read_checkpoint_row(*JsonValue::parse(row_json));
  CHECK(json([&](JsonWriter& out) { write_checkpoint_row(out, read); }) == row_json);

  const std::string whole = json([&](JsonWriter& out) { write_manifest(out, a_manifest()); });
  const Manifest manifest = read_manifest(*JsonValue::parse(whole));
  CHECK(json([&](JsonWriter& out) { write_manifest(out, manifest); }) == whole);
  CHECK(checkpoint_text(manifest) == checkpoint_text(a_manifest()));
}

TEST_CASE("a damaged row reads back as damaged") {
  const CheckpointRow row = row_of({CheckpointId{7}, fail("torn")});
  const std::string row_json = json([&](JsonWriter& out) { write_checkpoint_row(out, row); });
  CHECK(row_json == R"({"id":"chk-7","ok":false,"error":"torn"})");
  CHECK(read_checkpoint_row(*JsonValue::parse(row_json)).damage == "torn");
}

}  // namespace
}  // namespace tidemark
