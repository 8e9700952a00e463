// Settings: the whole configuration, typed, with defaults filled in and places kept.
//
// Made by load_settings() only; whoever holds a Settings may rely on every rule that the loader checks: names
// refer to something, types match, combinations are possible. What needs the expression language (where,
// derive, key_by, select, having) is still text here and is compiled, with its place, by pipeline/plan.
// Values, freely copied. Durations in Duration, sizes in bytes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/lookup_table.h"
#include "base/time_pattern.h"
#include "base/times.h"
#include "config/place.h"
#include "config/zones.h"

namespace tidemark {

struct NodeSettings {
  Located<std::string> name;  // default: host name, filled in by the caller of load_settings
  Located<std::string> data_dir{"/var/lib/tidemark"};
};

enum class DeliveryMode { exactly_once, at_least_once };
enum class StoreType { files, sqlite };

struct CheckpointSettings {
  StoreType store = StoreType::files;
  DeliveryMode mode = DeliveryMode::exactly_once;
  Located<Duration> interval{10s};
  Duration min_pause = 500ms;
  Duration timeout = 1min;
  std::uint32_t retain = 3;
  bool delete_on_stop = false;
  std::uint32_t tolerable_failures = 3;
};

struct JournalSettings {
  bool enabled = true;
  Duration sync = 200ms;  // zero: every batch
  std::uint64_t max_size = 256u << 20;
  bool compress = true;
};

// One column of csv, or a typed field of json: "word:string", "n:int", "x:float", "ok:bool".
struct FieldSetting {
  std::string name;
  enum class Type { any, text, integer, real, boolean } type = Type::any;
  Place place;
};

struct TimestampSetting {
  Located<std::string> field;
  enum class Unit { s, ms, us, ns, rfc3339, pattern } unit = Unit::ms;
  TimePattern pattern;  // of Unit::pattern
};

struct FormatSettings {
  enum class Type { json, csv, text, influx, msgpack, cbor, sparkplug } type = Type::json;
  std::vector<FieldSetting> fields;
  // Not lines of text: a payload is whatever bytes one message or datagram brings.
  bool is_binary() const { return type == Type::msgpack || type == Type::cbor || type == Type::sparkplug; }

  // json, msgpack, cbor: "metrics", "data.rows": the path of the array whose elements are the records
  Located<std::string> records;

  // csv
  char delimiter = ',';
  char quote = '"';        // '\0': quotes mean nothing
  bool header = false;     // the first line names the columns and is no record
  bool multiline = false;  // a line end inside quotes belongs to the value

  // text: a regular expression; its named groups are the fields
  Located<std::string> pattern;
};

// "plant/{line}/{device}/telemetry" as parts: literal text, or the name of a field, or "" for + and #.
struct TopicFieldsSetting {
  Located<std::string> pattern;
};

enum class RetainedPolicy { first, always, never };

// What all sources share, and a group for each type; only the group of `type` means anything.
struct SourceSettings {
  std::string name;
  std::uint64_t digest =
      0;  // of its whole table as it is in force, secrets too; to see what a reload changes
  Place place;
  enum class Type { mqtt, tcp, udp, unix_socket, file, standard_input } type = Type::tcp;
  FormatSettings format;
  std::optional<TimestampSetting> timestamp;
  Duration max_out_of_orderness = 0s;
  std::optional<Duration> idle_after;  // none: never idle
  Duration max_ahead = 1h;
  Located<std::string> dead_letter_to;  // a sink; empty: counted only

  // mqtt
  Located<std::string> url;
  std::string host;  // out of the url
  std::uint16_t port = 0;
  bool tls = false;
  std::vector<Located<std::string>> topics;
  int qos = 1;
  TopicFieldsSetting topic_fields;
  std::string client_id;  // empty: random, made once, kept with the lineage
  Duration session_expiry = 24h;
  Duration keep_alive = 60s;
  std::uint16_t receive_maximum = 4096;
  enum class Protocol { automatic, v5, v311 } protocol = Protocol::automatic;
  RetainedPolicy retained = RetainedPolicy::first;
  std::string username;
  std::string password;
  std::string ca_file, cert_file, key_file;  // with mqtts

  // tcp: either; udp: the first
  Located<std::string> listen;
  Located<std::string> connect;
  bool ack = false;          // tcp, unix
  std::uint64_t rcvbuf = 0;  // udp; 0: what the system gives
  unsigned mode = 0660;      // unix: of the socket in the file system

  // file, unix
  Located<std::string> path;
  bool follow = false;  // file
};

enum class EmitPolicy { on_close, on_update, every };
enum class TimeDomain { event, processing };
enum class OnError { skip, dead_letter, fail };
enum class OnMaxKeys { refuse, evict_oldest };

// How a pipeline with on_error = "fail" goes on after a record that it cannot evaluate.
struct RestartSettings {
  enum class Strategy { none, fixed_delay, failure_rate, exponential_delay };
  Strategy strategy = Strategy::exponential_delay;
  std::uint32_t attempts = 3;      // fixed-delay: failing records it goes on after; the next one is the end
  Duration delay = 10s;            // fixed-delay, failure-rate: before each attempt
  std::uint32_t max_failures = 3;  // failure-rate: failing records within `per`; one more is the end
  Duration per = 2min;
  Duration initial = 1s;  // exponential-delay: before the first attempt
  Duration max = 1min;
  double multiplier = 1.5;
  Duration reset_after = 1h;  // without a failure: the next delay is `initial` again
  double jitter = 0.1;        // of a delay, up or down
};

struct WindowSettings {
  enum class Type { none, tumbling, hopping, cumulating, session, count, absence } type = Type::none;
  Duration size = 0s;
  Duration slide = 0s;  // hopping: from the start of one to that of the next
  Duration step = 0s;   // cumulating: from the end of one to that of the next
  Duration offset = 0s;
  Duration timeout = 0s;          // absence
  Located<std::string> zone;      // of local days; empty: UTC
  Duration gap = 0s;              // session: without a record for so long, it ends
  Duration max = 0s;              // session: it ends so long after its beginning; 0: whenever
  std::uint32_t size_count = 0;   // count: records of a window
  std::uint32_t slide_count = 0;  // count: from the end of one to that of the next; 0: size
  Place place;
  bool has_offset() const {
    return type == Type::tumbling || type == Type::hopping || type == Type::cumulating;
  }
};

struct PipelineSettings {
  std::string name;
  Place place;
  std::string uid;                         // default: the name
  std::vector<Located<std::string>> from;  // sources or pipelines
  Located<std::string> where;              // empty: everything
  std::vector<Located<std::string>> derive;
  std::vector<Located<std::string>> key_by;  // expressions, usually field names
  WindowSettings window;
  std::vector<Located<std::string>> select;
  Located<std::string> having;
  std::vector<Located<std::string>> to;  // sinks
  Located<std::string> late_to;
  Located<EmitPolicy> emit{EmitPolicy::on_close};  // default on_close with a window, on_update without
  Duration emit_every = 0s;
  Located<Duration> allowed_lateness{0s};
  TimeDomain time = TimeDomain::event;  // default of absence: processing
  OnError on_error = OnError::skip;
  Located<std::string> dead_letter_to;
  std::uint32_t poison_after = 3;
  RestartSettings restart;     // its own, else the one of the table [restart]
  Located<Duration> ttl{0s};   // of a running aggregate without input; zero: for ever
  std::uint32_t max_keys = 0;  // 0: limits.max_keys
  Located<OnMaxKeys> on_max_keys{OnMaxKeys::refuse};
};

// A small table that expressions look things up in.
struct LookupSettings {
  std::string name;
  Place place;
  enum class Type { csv, sqlite } type = Type::csv;
  Located<std::string> path;
  Located<std::string> query;             // sqlite: whose rows it has
  std::vector<Located<std::string>> key;  // names of columns
  std::vector<FieldSetting> fields;       // csv: columns that are no texts
  std::uint64_t max_size = 16u << 20;     // of what is kept of it
  Duration check_every = 5s;              // whether the file has changed; zero: only with the configuration
  std::shared_ptr<const LookupTable> table;  // what it has now; null in a stored configuration read back
                                             // without its tables
};

enum class TimestampFormat { rfc3339, s, ms, us, ns };

struct SinkSettings {
  std::string name;
  std::uint64_t digest = 0;  // as a source's
  Place place;
  enum class Type { standard_output, file, sqlite, mqtt, tcp, null } type = Type::null;
  bool ids = false;
  TimestampFormat timestamps = TimestampFormat::rfc3339;
  std::optional<Duration> flush;     // none: with each checkpoint (file, sqlite); at once (others)
  std::uint64_t buffer = 64u << 20;  // of the outbox, on disk
  bool drop_oldest = false;          // when it is full; else its pipelines pause

  // file, stdout, tcp
  FormatSettings::Type format = FormatSettings::Type::json;
  Located<std::string> path;  // also sqlite; made absolute against data_dir by the loader

  // file
  std::uint64_t rotate_size = 0;         // 0: whatever its size
  std::optional<Duration> rotate_every;  // none: whatever the time
  std::uint32_t keep = 0;                // rotated files; 0: all
  bool fsync = true;

  // tcp
  Located<std::string> connect;
  bool ack = false;  // the peer acknowledges lines, as a source with `ack` does
  std::string peer;  // by what name it introduces itself then; empty: one that was made once

  // sqlite
  bool keep_rejected =
      false;  // rows that the table rejects, in a table of their own; else they are waited with
  Located<std::string> table{"{pipeline}"};  // {pipeline} stands for the name of the one that writes
  bool upsert = false;

  // mqtt
  Located<std::string> url;
  std::string host;
  std::uint16_t port = 0;
  bool tls = false;
  Located<std::string> topic;  // may hold {field}
  int qos = 1;
  bool retain = false;
  std::string client_id;
  std::string username;
  std::string password;
  std::string ca_file, cert_file, key_file;  // with mqtts
};

struct LimitSettings {
  std::uint64_t memory = std::uint64_t{1} << 30;  // of the state of all pipelines, counted by entry
  std::uint32_t max_keys = 10'000'000;            // of a pipeline that does not have its own
  std::uint64_t max_record = 1u << 20;
  std::uint32_t max_connections = 1024;
  std::uint32_t max_fields = 4096;   // of one record
  std::uint32_t max_depth = 64;      // of one record's nesting
  std::uint32_t max_peers = 4096;    // names of ack peers remembered a source
  std::uint64_t births = 64u << 20;  // what a sparkplug source remembers of births, counted by birth
  std::uint64_t min_free = 16u << 20;
};

// What a test does next, at one moment of its clock.
struct TestStep {
  enum class Event { none, power_cut, kill, restart, checkpoint, drain };

  Place place;
  std::optional<Duration> at;  // since the test began; none: now
  std::vector<Located<std::string>> input;
  Located<std::string> source;  // of the input; empty: the only one
  std::string topic;            // of the input, for an mqtt source
  Duration advance = 0s;
  Event event = Event::none;
  Duration down = 0s;  // after the event, until it runs again
  // What must have come out since the step before that looked at the same place: JSON objects.
  std::optional<std::vector<Located<std::string>>> expect;
  Located<std::string> sink, pipeline;  // that is looked at: one of them
};

struct TestSettings {
  Place place;
  Located<std::string> name;
  std::int64_t start_ns = 1'735'689'600'000'000'000;  // what the clock shows first: 2025-01-01T00:00:00Z
  std::vector<TestStep> steps;
};

enum class LogFormat { text, json };

struct LogSettings {
  std::string level = "info";
  LogFormat format = LogFormat::text;
};

struct Settings {
  NodeSettings node;
  CheckpointSettings checkpoint;
  JournalSettings journal;
  LimitSettings limits;
  LogSettings log;
  RestartSettings restart;              // of the pipelines that do not have their own
  std::vector<SourceSettings> sources;  // in name order, as are the next two
  std::vector<PipelineSettings> pipelines;
  std::vector<SinkSettings> sinks;
  std::vector<LookupSettings> lookups;
  std::vector<TestSettings> tests;  // as written; what runs knows nothing of them
  NamedZones zones;                 // that expressions name, also those that there are not

  // The configuration without its secrets and without comments, in a fixed order: what is stored in
  // data_dir/config/HASH and read back by load_stored_settings() for a replay. ${NAME} and *_file references
  // stand unresolved; comments at its end hold checksums of what decides results and was written with one,
  // the rules of the time zones, and the hashes of the lookups' tables.
  std::string canonical_text;
  // Hash of what decides results: the node's name, limits, restart, sources, pipelines and sinks, with the
  // values that references have now, without secrets, the rules of the time zones, and the lookups' tables.
  // So the same file under other variables, another database of time zones or another table is another
  // configuration.
  std::uint64_t fingerprint = 0;
  // The same without what comes from the lookups' tables, which may be exchanged (config/lookups.h).
  std::size_t text_without_lookups = 0;  // so much of canonical_text
  std::uint64_t fingerprint_without_lookups = 0;
};

}  // namespace tidemark
