#include <doctest/doctest.h>

#include "app/status_json.h"
#include "app/status_text.h"

namespace tidemark {
namespace {

constexpr std::int64_t kNoon = 1'740'830'400'000'000'000;  // 2025-03-01T12:00:00Z

StatusReport full_report() {
  StatusReport report;
  report.node = "press-hall-3";
  report.version = "0.1.0";
  report.phase = "running";
  report.uptime = 90min + 250ms;
  report.longest_stall = 12ms;
  report.longest_slice = 1ms;
  report.lineage = *parse_lineage("000102030405060708090a0b0c0d0e0f");
  report.timeline = Timeline{2};
  report.run = RunId{7};
  report.resumed_from = "chk-41, 1200 entries replayed in 0.1s";
  report.sources = {{.name = "plant",
                     .type = "mqtt",
                     .state = "connected",
                     .detail = "connected to localhost:1883, session 3",
                     .degraded = "",
                     .records = 12345,
                     .bad = 2,
                     .watermark = time_from_ns<EventTime>(kNoon),
                     .counters = {{"connections", 1}, {"duplicates dropped", 0}}},
                    SourceReport()};
  report.sources[1].name = "lines";
  report.sources[1].type = "file";
  report.sources[1].state = "ended";
  report.sources[1].watermark = kEventTimeMax;
  report.pipelines = {{.name = "machine_health",
                       .records = 12343,
                       .results = 240,
                       .late = 3,
                       .errors = 1,
                       .keys = 12,
                       .memory = 4096,
                       .watermark = time_from_ns<EventTime>(kNoon)},
                      PipelineReport()};
  report.pipelines[1].name = "hours";
  report.sinks = {{.name = "history",
                   .type = "sqlite",
                   .state = "ready",
                   .detail = "",
                   .degraded = "",
                   .delivered = 200,
                   .waiting = 40,
                   .waiting_bytes = 2048,
                   .skipped = 5,
                   .counters = {}}};
  report.checkpoint = {.last = CheckpointId{42},
                       .position = Position{12000},
                       .wall_ns = kNoon - 3'000'000'000,
                       .duration = 12ms,
                       .bytes = 1536,
                       .completed = 9,
                       .failed = 1,
                       .failed_in_a_row = 0,
                       .under_way = true};
  report.journal = {.enabled = true,
                    .appended = Position{12345},
                    .written = Position{12340},
                    .durable = Position{12300},
                    .bytes_on_disk = 1 << 20,
                    .bytes_written = 3 << 20};
  report.written = {.journal = 3 << 20,
                    .checkpoints = 1 << 20,
                    .outbox = 512,
                    .sinks = 2 << 20,
                    .other = 100,
                    .received = 12 << 20};
  return report;
}

std::string json_of(const StatusReport& report) {
  JsonWriter out;
  write_status(out, report);
  return out.take();
}

TEST_CASE("the status of a healthy instance as text") {
  CHECK(
      status_text(full_report(), kNoon) ==
      "node           press-hall-3, Tidemark 0.1.0, up 1h30m\n"
      "phase          running\n"
      "resumed from   chk-41, 1200 entries replayed in 0.1s\n"
      "degraded       nothing\n"
      "checkpoint     chk-42 at position 12000, 3.0s ago (2025-03-01T11:59:57Z), 1.5 KiB written in 12ms; "
      "this run: "
      "9 completed, 1 failed; one is under way\n"
      "journal        position 12345 appended, 12340 written, 12300 durable; 1.0 MiB on disk, 3.0 MiB "
      "written by "
      "this run\n"
      "written        6.0 MiB for 12.0 MiB received, 0.50 a byte: journal 3.0 MiB, checkpoints 1.0 MiB, "
      "outbox "
      "512 B, sinks 2.0 MiB, other 100 B\n"
      "data           lineage 000102030405060708090a0b0c0d0e0f, timeline 2, run 7\n"
      "\n"
      "SOURCE  TYPE  STATE      RECORDS  BAD  WATERMARK             DETAIL\n"
      "plant   mqtt  connected    12345    2  2025-03-01T12:00:00Z  connected to localhost:1883, session 3; "
      "connections 1\n"
      "lines   file  ended            0    0  ended                 -\n"
      "\n"
      "PIPELINE        STATE    RECORDS  RESULTS  LATE  ERRORS  KEYS   MEMORY  WATERMARK             DETAIL\n"
      "machine_health  running    12343      240     3       1    12  4.0 KiB  2025-03-01T12:00:00Z  -\n"
      "hours           running        0        0     0       0     0      0 B  -                     -\n"
      "\n"
      "SINK     TYPE    STATE  DELIVERED       WAITING  SKIPPED  DETAIL\n"
      "history  sqlite  ready        200  40 (2.0 KiB)        5  -\n");
  CHECK(status_line(full_report()) == "running; chk-42; 12345 records in, 40 results waiting");
}

TEST_CASE("what is degraded is said once, whoever says it") {
  StatusReport report = full_report();
  report.degraded = {"the disk is slow", "source \"plant\": connection refused"};
  report.sources[0].degraded = "connection refused";
  report.sinks[0].degraded = "database is locked";
  const std::string text = status_text(report, kNoon);
  CHECK(text.find("degraded       the disk is slow\n"
                  "               source \"plant\": connection refused\n"
                  "               sinks.history: database is locked\n") != std::string::npos);
  CHECK(status_line(report) == "running, degraded: the disk is slow");
}

TEST_CASE("the status of an instance that has just begun") {
  StatusReport report;
  report.phase = "restoring";
  report.journal.enabled = false;
  const std::string text = status_text(report, kNoon);
  CHECK(text.find("checkpoint     none yet; this run: 0 completed, 0 failed\n") != std::string::npos);
  CHECK(text.find("journal        off; position 0\n") != std::string::npos);
  CHECK(text.find("written        0 B: journal 0 B,") != std::string::npos);
  CHECK(text.find("SOURCE") == std::string::npos);
  CHECK(status_line(report) == "restoring; no checkpoint yet; 0 records in, 0 results waiting");
}

TEST_CASE("a pipeline that stands still says since when, how often it failed, and when it tries again") {
  StatusReport report = full_report();
  PipelineReport& pipeline = report.pipelines[1];
  pipeline.state = "standing still";
  pipeline.last_error = "derive: 10 / v: division by zero";
  pipeline.position = Position{41};
  pipeline.attempts = 2;
  pipeline.next_attempt = 1500ms;
  pipeline.set_aside = 3;
  pipeline.given_up = 4;
  CHECK(status_text(report, kNoon)
            .find("since position 42, failed 2 times; next attempt in 1.5s; 3 set aside; 4 given up\n") !=
        std::string::npos);
  const Result<JsonValue> parsed = JsonValue::parse(json_of(report));
  REQUIRE(parsed.has_value());
  CHECK(json_of(read_status(*parsed)) == json_of(report));
}

TEST_CASE("the status as JSON, by the byte") {
  StatusReport report = full_report();
  report.sources.resize(1);
  report.pipelines.resize(1);
  report.degraded = {"the disk is slow"};
  CHECK(
      json_of(report) ==
      R"({"node":"press-hall-3","version":"0.1.0","phase":"running","uptime_seconds":5400.25,"longest_stall_seconds":0.012,"longest_slice_seconds":0.001,)"
      R"("lineage":"000102030405060708090a0b0c0d0e0f","timeline":2,"run":7,)"
      R"("configuration":"","configuration_loaded":null,)"
      R"("resumed_from":"chk-41, 1200 entries replayed in 0.1s","degraded":["the disk is slow"],)"
      R"("sources":[{"name":"plant","type":"mqtt","state":"connected",)"
      R"("detail":"connected to localhost:1883, session 3","degraded":"","records":12345,"bad":2,)"
      R"("watermark":"2025-03-01T12:00:00Z","counters":{"connections":1,"duplicates dropped":0}}],)"
      R"("pipelines":[{"name":"machine_health","records":12343,"results":240,"late":3,"errors":1,"keys":12,)"
      R"("memory_bytes":4096,"watermark":"2025-03-01T12:00:00Z","refused":0,"evicted":0,"expired":0,)"
      R"("state":"running","last_error":"",)"
      R"("failing_records":0,"attempts":0,"set_aside":0,"given_up":0,"position":null,)"
      R"("next_attempt_seconds":null}],)"
      R"("lookups":[],)"
      R"("sinks":[{"name":"history","type":"sqlite","state":"ready","detail":"","degraded":"","delivered":200,)"
      R"("waiting":40,"waiting_bytes":2048,"skipped":5,"counters":{}}],)"
      R"("checkpoint":{"last":"chk-42","time":"2025-03-01T11:59:57Z","position":12000,"duration_seconds":0.012,)"
      R"("written_bytes":1536,"completed":9,"failed":1,"failed_in_a_row":0,"under_way":true},)"
      R"("journal":{"enabled":true,"appended":12345,"written":12340,"durable":12300,"disk_bytes":1048576,)"
      R"("written_bytes":3145728},)"
      R"("written":{"journal_bytes":3145728,"checkpoint_bytes":1048576,"outbox_bytes":512,"sink_bytes":2097152,)"
      R"("other_bytes":100,"total_bytes":6292068,"received_bytes":12582912}})");
}

TEST_CASE("a status reads back from its JSON as it was") {
  for (const StatusReport& report : {full_report(), StatusReport()}) {
    const std::string json = json_of(report);
    const Result<JsonValue> parsed = JsonValue::parse(json);
    REQUIRE(parsed.has_value());
    CHECK(json_of(read_status(*parsed)) == json);
    CHECK(status_text(read_status(*parsed), kNoon) == status_text(report, kNoon));
  }
}

TEST_CASE("an answer of another version is read as far as it goes") {
  const Result<JsonValue> odd = JsonValue::parse(
      R"({"phase":"running","sources":[{"name":1,"records":"many","new":[]},7],"checkpoint":[],"journal":null,"x":1})");
  REQUIRE(odd.has_value());
  const StatusReport report = read_status(*odd);
  CHECK(report.phase == "running");
  REQUIRE(report.sources.size() == 2);
  CHECK(report.sources[0].name.empty());
  CHECK(report.sources[0].records == 0);
  CHECK(!report.checkpoint.last);
}

}  // namespace
}  // namespace tidemark
