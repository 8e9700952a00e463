#include "app/status_json.h"

#include <cmath>

namespace tidemark {
namespace {

using Counters = std::vector<std::pair<std::string, std::uint64_t>>;

void write_counters(JsonWriter& out, const Counters& counters) {
  out.key("counters").begin_object();
  for (const auto& [name, count] : counters) out.key(name).unsigned_integer(count);
  out.end_object();
}

Counters read_counters(const JsonValue& object) {
  Counters counters;
  if (const JsonValue* json = object.find("counters"))
    for (const auto& [name, value] : json->members)
      counters.emplace_back(name, static_cast<std::uint64_t>(value.integer));
  return counters;
}

template <class Read>
void read_items(const JsonValue& object, std::string_view name, Read read) {
  if (const JsonValue* list = object.find(name))
    for (const JsonValue& item : list->items) read(item);
}

void write_source(JsonWriter& out, const SourceReport& source) {
  out.begin_object();
  out.key("name").text(source.name).key("type").text(source.type);
  out.key("state").text(source.state).key("detail").text(source.detail).key("degraded").text(source.degraded);
  out.key("records").unsigned_integer(source.records).key("bad").unsigned_integer(source.bad);
  out.key("watermark");
  write_watermark(out, source.watermark);
  write_counters(out, source.counters);
  out.end_object();
}

SourceReport read_source(const JsonValue& json) {
  SourceReport source;
  source.name = json.text_of("name");
  source.type = json.text_of("type");
  source.state = json.text_of("state");
  source.detail = json.text_of("detail");
  source.degraded = json.text_of("degraded");
  source.records = unsigned_of(json, "records");
  source.bad = unsigned_of(json, "bad");
  source.watermark = read_watermark(json.find("watermark"));
  source.counters = read_counters(json);
  return source;
}

void write_pipeline(JsonWriter& out, const PipelineReport& pipeline) {
  out.begin_object();
  out.key("name").text(pipeline.name);
  out.key("records").unsigned_integer(pipeline.records).key("results").unsigned_integer(pipeline.results);
  out.key("late").unsigned_integer(pipeline.late).key("errors").unsigned_integer(pipeline.errors);
  out.key("keys").unsigned_integer(pipeline.keys).key("memory_bytes").unsigned_integer(pipeline.memory);
  out.key("watermark");
  write_watermark(out, pipeline.watermark);
  out.key("refused").unsigned_integer(pipeline.refused).key("evicted").unsigned_integer(pipeline.evicted);
  out.key("expired").unsigned_integer(pipeline.expired);
  out.key("state").text(pipeline.state).key("last_error").text(pipeline.last_error);
  out.key("failing_records").unsigned_integer(pipeline.failing_records);
  out.key("attempts").unsigned_integer(pipeline.attempts);
  out.key("set_aside").unsigned_integer(pipeline.set_aside);
  out.key("given_up").unsigned_integer(pipeline.given_up);
  out.key("position");
  pipeline.position ? out.unsigned_integer(pipeline.position->value) : out.null();
  out.key("next_attempt_seconds");
  if (pipeline.next_attempt)
    write_seconds(out, *pipeline.next_attempt);
  else
    out.null();
  out.end_object();
}

PipelineReport read_pipeline(const JsonValue& json) {
  PipelineReport pipeline;
  pipeline.name = json.text_of("name");
  pipeline.records = unsigned_of(json, "records");
  pipeline.results = unsigned_of(json, "results");
  pipeline.late = unsigned_of(json, "late");
  pipeline.errors = unsigned_of(json, "errors");
  pipeline.keys = unsigned_of(json, "keys");
  pipeline.memory = unsigned_of(json, "memory_bytes");
  pipeline.watermark = read_watermark(json.find("watermark"));
  pipeline.refused = unsigned_of(json, "refused");
  pipeline.evicted = unsigned_of(json, "evicted");
  pipeline.expired = unsigned_of(json, "expired");
  pipeline.state = json.text_of("state");
  pipeline.last_error = json.text_of("last_error");
  pipeline.failing_records = unsigned_of(json, "failing_records");
  pipeline.attempts = static_cast<std::uint32_t>(unsigned_of(json, "attempts"));
  pipeline.set_aside = unsigned_of(json, "set_aside");
  pipeline.given_up = unsigned_of(json, "given_up");
  const auto given = [&](std::string_view name) {
    const JsonValue* value = json.find(name);
    return value != nullptr && value->type != JsonValue::Type::null;
  };
  if (given("position")) pipeline.position = Position{unsigned_of(json, "position")};
  if (given("next_attempt_seconds")) pipeline.next_attempt = read_seconds(json, "next_attempt_seconds");
  return pipeline;
}

void write_sink(JsonWriter& out, const SinkReport& sink) {
  out.begin_object();
  out.key("name").text(sink.name).key("type").text(sink.type);
  out.key("state").text(sink.state).key("detail").text(sink.detail).key("degraded").text(sink.degraded);
  out.key("delivered").unsigned_integer(sink.delivered).key("waiting").unsigned_integer(sink.waiting);
  out.key("waiting_bytes").unsigned_integer(sink.waiting_bytes).key("skipped").unsigned_integer(sink.skipped);
  write_counters(out, sink.counters);
  out.end_object();
}

SinkReport read_sink(const JsonValue& json) {
  SinkReport sink;
  sink.name = json.text_of("name");
  sink.type = json.text_of("type");
  sink.state = json.text_of("state");
  sink.detail = json.text_of("detail");
  sink.degraded = json.text_of("degraded");
  sink.delivered = unsigned_of(json, "delivered");
  sink.waiting = unsigned_of(json, "waiting");
  sink.waiting_bytes = unsigned_of(json, "waiting_bytes");
  sink.skipped = unsigned_of(json, "skipped");
  sink.counters = read_counters(json);
  return sink;
}

void write_lookup(JsonWriter& out, const LookupReport& lookup) {
  out.begin_object();
  out.key("name").text(lookup.name).key("rows").unsigned_integer(lookup.rows);
  out.key("bytes").unsigned_integer(lookup.bytes).key("table").text(lookup.hash);
  out.key("failures").unsigned_integer(lookup.failures).key("degraded").text(lookup.trouble);
  out.end_object();
}

LookupReport read_lookup(const JsonValue& json) {
  LookupReport lookup;
  lookup.name = json.text_of("name");
  lookup.rows = unsigned_of(json, "rows");
  lookup.bytes = unsigned_of(json, "bytes");
  lookup.hash = json.text_of("table");
  lookup.failures = unsigned_of(json, "failures");
  lookup.trouble = json.text_of("degraded");
  return lookup;
}

void write_checkpoint(JsonWriter& out, const CheckpointReport& checkpoint) {
  out.key("checkpoint").begin_object();
  out.key("last");
  if (checkpoint.last)
    out.text(to_text(*checkpoint.last));
  else
    out.null();
  out.key("time");
  write_time(out, checkpoint.wall_ns);
  out.key("position").unsigned_integer(checkpoint.position.value);
  out.key("duration_seconds");
  write_seconds(out, checkpoint.duration);
  out.key("written_bytes").unsigned_integer(checkpoint.bytes);
  out.key("completed")
      .unsigned_integer(checkpoint.completed)
      .key("failed")
      .unsigned_integer(checkpoint.failed);
  out.key("failed_in_a_row").unsigned_integer(checkpoint.failed_in_a_row);
  out.key("under_way").boolean(checkpoint.under_way);
  out.end_object();
}

CheckpointReport read_checkpoint(const JsonValue& json) {
  CheckpointReport checkpoint;
  if (const Result<CheckpointId> last = parse_checkpoint_id(json.text_of("last"))) checkpoint.last = *last;
  checkpoint.wall_ns = read_time(json.find("time"));
  checkpoint.position.value = unsigned_of(json, "position");
  checkpoint.duration = read_seconds(json, "duration_seconds");
  checkpoint.bytes = unsigned_of(json, "written_bytes");
  checkpoint.completed = unsigned_of(json, "completed");
  checkpoint.failed = unsigned_of(json, "failed");
  checkpoint.failed_in_a_row = static_cast<std::uint32_t>(unsigned_of(json, "failed_in_a_row"));
  checkpoint.under_way = json.boolean_of("under_way");
  return checkpoint;
}

void write_journal(JsonWriter& out, const JournalReport& journal) {
  out.key("journal").begin_object();
  out.key("enabled").boolean(journal.enabled);
  out.key("appended").unsigned_integer(journal.appended.value);
  out.key("written").unsigned_integer(journal.written.value);
  out.key("durable").unsigned_integer(journal.durable.value);
  out.key("disk_bytes").unsigned_integer(journal.bytes_on_disk);
  out.key("written_bytes").unsigned_integer(journal.bytes_written);
  out.end_object();
}

JournalReport read_journal(const JsonValue& json) {
  JournalReport journal;
  journal.enabled = json.boolean_of("enabled", true);
  journal.appended.value = unsigned_of(json, "appended");
  journal.written.value = unsigned_of(json, "written");
  journal.durable.value = unsigned_of(json, "durable");
  journal.bytes_on_disk = unsigned_of(json, "disk_bytes");
  journal.bytes_written = unsigned_of(json, "written_bytes");
  return journal;
}

void write_written(JsonWriter& out, const WrittenReport& written) {
  out.key("written").begin_object();
  out.key("journal_bytes").unsigned_integer(written.journal);
  out.key("checkpoint_bytes").unsigned_integer(written.checkpoints);
  out.key("outbox_bytes").unsigned_integer(written.outbox);
  out.key("sink_bytes").unsigned_integer(written.sinks);
  out.key("other_bytes").unsigned_integer(written.other);
  out.key("total_bytes").unsigned_integer(written.total());
  out.key("received_bytes").unsigned_integer(written.received);
  out.end_object();
}

WrittenReport read_written(const JsonValue& json) {
  return {.journal = unsigned_of(json, "journal_bytes"),
          .checkpoints = unsigned_of(json, "checkpoint_bytes"),
          .outbox = unsigned_of(json, "outbox_bytes"),
          .sinks = unsigned_of(json, "sink_bytes"),
          .other = unsigned_of(json, "other_bytes"),
          .received = unsigned_of(json, "received_bytes")};
}

}  // namespace

void write_watermark(JsonWriter& out, const std::optional<EventTime>& watermark) {
  if (!watermark || *watermark == kEventTimeMin)
    out.null();
  else if (*watermark == kEventTimeMax)
    out.text("ended");
  else
    out.text(to_rfc3339(to_ns(*watermark)));
}

std::optional<EventTime> read_watermark(const JsonValue* json) {
  if (json == nullptr || json->type != JsonValue::Type::text) return std::nullopt;
  if (json->text == "ended") return kEventTimeMax;
  const Result<std::int64_t> ns = parse_rfc3339(json->text);
  return ns ? std::optional(time_from_ns<EventTime>(*ns)) : std::nullopt;
}

void write_time(JsonWriter& out, std::int64_t ns_since_epoch) {
  if (ns_since_epoch == 0)
    out.null();
  else
    out.text(to_rfc3339(ns_since_epoch));
}

std::int64_t read_time(const JsonValue* json) {
  return json == nullptr || json->type != JsonValue::Type::text ? 0 : parse_rfc3339(json->text).value_or(0);
}

void write_seconds(JsonWriter& out, Duration d) {
  out.real(static_cast<double>(d.count()) / 1e9);
}

Duration read_seconds(const JsonValue& object, std::string_view name) {
  const double seconds = object.number_of(name);
  if (!(seconds > 0 && seconds < 9e9)) return {};
  return Duration(std::llround(seconds * 1e9));
}

std::uint64_t unsigned_of(const JsonValue& object, std::string_view name) {
  return static_cast<std::uint64_t>(object.integer_of(name));
}

void write_status(JsonWriter& out, const StatusReport& report) {
  out.begin_object();
  out.key("node").text(report.node).key("version").text(report.version).key("phase").text(report.phase);
  out.key("uptime_seconds");
  write_seconds(out, report.uptime);
  out.key("longest_stall_seconds");
  write_seconds(out, report.longest_stall);
  out.key("longest_slice_seconds");
  write_seconds(out, report.longest_slice);
  out.key("lineage").text(to_text(report.lineage));
  out.key("timeline").unsigned_integer(report.timeline.value);
  out.key("run").unsigned_integer(report.run.value);
  out.key("configuration").text(report.configuration).key("configuration_loaded");
  write_time(out, report.configuration_loaded_ns);
  out.key("resumed_from").text(report.resumed_from);
  out.key("degraded").begin_array();
  for (const std::string& reason : report.degraded) out.text(reason);
  out.end_array();
  out.key("sources").begin_array();
  for (const SourceReport& source : report.sources) write_source(out, source);
  out.end_array();
  out.key("pipelines").begin_array();
  for (const PipelineReport& pipeline : report.pipelines) write_pipeline(out, pipeline);
  out.end_array();
  out.key("lookups").begin_array();
  for (const LookupReport& lookup : report.lookups) write_lookup(out, lookup);
  out.end_array();
  out.key("sinks").begin_array();
  for (const SinkReport& sink : report.sinks) write_sink(out, sink);
  out.end_array();
  write_checkpoint(out, report.checkpoint);
  write_journal(out, report.journal);
  write_written(out, report.written);
  out.end_object();
}

StatusReport read_status(const JsonValue& json) {
  StatusReport report;
  report.node = json.text_of("node");
  report.version = json.text_of("version");
  report.phase = json.text_of("phase");
  report.uptime = read_seconds(json, "uptime_seconds");
  report.longest_stall = read_seconds(json, "longest_stall_seconds");
  report.longest_slice = read_seconds(json, "longest_slice_seconds");
  if (const Result<Lineage> lineage = parse_lineage(json.text_of("lineage"))) report.lineage = *lineage;
  report.timeline.value = static_cast<std::uint32_t>(unsigned_of(json, "timeline"));
  report.run.value = static_cast<std::uint32_t>(unsigned_of(json, "run"));
  report.configuration = json.text_of("configuration");
  report.configuration_loaded_ns = read_time(json.find("configuration_loaded"));
  report.resumed_from = json.text_of("resumed_from");
  read_items(json, "degraded", [&](const JsonValue& item) { report.degraded.push_back(item.text); });
  read_items(json, "sources", [&](const JsonValue& item) { report.sources.push_back(read_source(item)); });
  read_items(json, "pipelines",
             [&](const JsonValue& item) { report.pipelines.push_back(read_pipeline(item)); });
  read_items(json, "lookups", [&](const JsonValue& item) { report.lookups.push_back(read_lookup(item)); });
  read_items(json, "sinks", [&](const JsonValue& item) { report.sinks.push_back(read_sink(item)); });
  if (const JsonValue* checkpoint = json.find("checkpoint")) report.checkpoint = read_checkpoint(*checkpoint);
  if (const JsonValue* journal = json.find("journal")) report.journal = read_journal(*journal);
  if (const JsonValue* written = json.find("written")) report.written = read_written(*written);
  return report;
}

}  // namespace tidemark
