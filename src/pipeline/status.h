// StatusReport: how a running appliance is, as plain values, for `tidemark status` and the service manager.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/times.h"

namespace tidemark {

struct SourceReport {
  std::string name, type, state, detail, degraded;
  std::uint64_t records = 0;  // applied, since the lineage began
  std::uint64_t bad = 0;      // could not be decoded or evaluated
  std::optional<EventTime> watermark;
  std::vector<std::pair<std::string, std::uint64_t>> counters;
};

struct PipelineReport {
  std::string name;
  std::uint64_t records = 0;  // that reached it
  std::uint64_t results = 0;
  std::uint64_t late = 0;
  std::uint64_t errors = 0;  // records that could not be evaluated
  std::uint64_t keys = 0;
  std::uint64_t memory = 0;  // bytes of its state
  std::optional<EventTime> watermark;
  std::uint64_t refused = 0;              // records with new keys beyond a limit
  std::uint64_t evicted = 0;              // keys forgotten to make room
  std::uint64_t expired = 0;              // keys beyond their ttl
  std::string state = "running";          // "standing still" at a record that it cannot evaluate; "FAILED"
  std::string last_error = {};            // of on_error = "fail"; names no value of a record
  std::uint64_t failing_records = 0;      // different ones, since its restart strategy began to count
  std::uint32_t attempts = 0;             // at the record at which it stands
  std::uint64_t set_aside = 0;            // records, ever
  std::uint64_t given_up = 0;             // records that it never saw because the journal needed the room
  std::optional<Position> position = {};  // while it stands still: through which it has come
  std::optional<Duration> next_attempt = {};
};

struct SinkReport {
  std::string name, type, state, detail, degraded;
  std::uint64_t delivered = 0;  // of this run
  std::uint64_t waiting = 0;    // results
  std::uint64_t waiting_bytes = 0;
  std::uint64_t skipped = 0;  // in the replay: the sink held them already
  std::vector<std::pair<std::string, std::uint64_t>> counters;
};

struct LookupReport {
  std::string name;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::string hash;
  std::uint64_t failures = 0;  // of this run: what was found could not be taken
  std::string trouble;         // why what is there now is not in force; empty when it is
};

struct CheckpointReport {
  std::optional<CheckpointId> last;
  Position position;
  std::int64_t wall_ns = 0;
  Duration duration{};
  std::uint64_t bytes = 0;      // written for it
  std::uint64_t completed = 0;  // of this run
  std::uint64_t failed = 0;     // of this run
  std::uint32_t failed_in_a_row = 0;
  bool under_way = false;
};

struct JournalReport {
  bool enabled = true;
  Position appended, written, durable;
  std::uint64_t bytes_on_disk = 0;
  std::uint64_t bytes_written = 0;
};

// Handed to disks by this run, by what it was for, and what came in meanwhile: flash wears by the one for the
// other.
struct WrittenReport {
  std::uint64_t journal = 0;
  std::uint64_t checkpoints = 0;
  std::uint64_t outbox = 0;
  std::uint64_t sinks = 0;  // files and SQLite databases
  std::uint64_t other = 0;
  std::uint64_t received = 0;  // payloads and topics
  std::uint64_t total() const { return journal + checkpoints + outbox + sinks + other; }
};

struct StatusReport {
  std::string node;
  std::string version;
  std::string phase;  // "restoring", "replaying 40%", "running", "stopping"
  Duration uptime{};
  Duration longest_stall{};  // of the event loop in this run: how late a timer was
  Duration longest_slice{};  // of its processor time that one callback took
  Lineage lineage;
  Timeline timeline;
  RunId run;
  std::string configuration;  // fingerprint of the one in force
  std::int64_t configuration_loaded_ns = 0;
  std::string resumed_from;           // "chk-42, 1200 entries replayed in 0.1s", "nothing"
  std::vector<std::string> degraded;  // why it is not well, one sentence each; empty when it is
  std::vector<SourceReport> sources;
  std::vector<PipelineReport> pipelines;
  std::vector<SinkReport> sinks;
  std::vector<LookupReport> lookups;
  CheckpointReport checkpoint;
  JournalReport journal;
  WrittenReport written;
};

}  // namespace tidemark
