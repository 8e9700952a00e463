#include "app/checkpoint_json.h"

#include <charconv>

#include "app/status_json.h"
#include "base/checksum.h"
#include "base/format.h"

namespace tidemark {
namespace {

CheckpointId read_id(const JsonValue& json) {
  const Result<CheckpointId> id = parse_checkpoint_id(json.text_of("id"));
  return id ? *id : CheckpointId{};
}

std::uint64_t read_fingerprint(const JsonValue& object, std::string_view name) {
  const std::string_view text = object.text_of(name);
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return number;
}

std::string_view kind_text(bool incremental) {
  return incremental ? "incremental" : "full";
}

void write_sources(JsonWriter& out, const std::vector<SourceSummary>& sources) {
  out.key("sources").begin_array();
  for (const SourceSummary& source : sources) {
    out.begin_object().key("name").text(source.name).key("remembers").text(source.text).key("watermark");
    write_watermark(out, source.watermark);
    out.end_object();
  }
  out.end_array();
}

void write_pipelines(JsonWriter& out, const std::vector<PipelineSummary>& pipelines) {
  out.key("pipelines").begin_array();
  for (const PipelineSummary& pipeline : pipelines) {
    out.begin_object().key("name").text(pipeline.name).key("uid").text(pipeline.uid);
    out.key("keys").unsigned_integer(pipeline.keys).key("memory_bytes").unsigned_integer(pipeline.bytes);
    out.key("position").unsigned_integer(pipeline.position.value);
    out.key("watermark");
    write_watermark(out, pipeline.watermark);
    out.key("plan_fingerprint").text(fingerprint_text(pipeline.plan_fingerprint));
    out.end_object();
  }
  out.end_array();
}

void write_segments(JsonWriter& out, const std::vector<SegmentReference>& segments) {
  out.key("segments").begin_array();
  for (const SegmentReference& segment : segments) {
    out.begin_object().key("name").text(segment.name).key("owner").text(segment.owner);
    out.key("rows").unsigned_integer(segment.rows).key("bytes").unsigned_integer(segment.bytes);
    out.key("checksum").text(fingerprint_text(segment.checksum));
    out.key("base_from").unsigned_integer(segment.base_from).key("base_to").unsigned_integer(segment.base_to);
    out.end_object();
  }
  out.end_array();
}

EventTime watermark_of(const JsonValue& json) {
  return read_watermark(json.find("watermark")).value_or(kEventTimeMin);
}

}  // namespace

std::string configuration_of(const Manifest& manifest) {
  const std::string* name = manifest.section("configuration");
  return name != nullptr ? *name : std::string();
}

std::string fingerprint_text(std::uint64_t fingerprint) {
  return format("{:016x}", fingerprint);
}

CheckpointRow row_of(const Appliance::Listed& listed) {
  CheckpointRow row;
  row.id = listed.id;
  if (!listed.manifest) {
    row.damage = listed.manifest.error().message;
    if (row.damage.empty()) row.damage = "its manifest cannot be read";
    return row;
  }
  const Manifest& manifest = *listed.manifest;
  row.wall_ns = manifest.wall_ns;
  row.bytes = manifest.total_bytes() + encode_manifest(manifest).size();
  row.incremental = manifest.incremental;
  row.duration = manifest.duration;
  row.position = manifest.position;
  row.timeline = manifest.timeline;
  return row;
}

void write_checkpoint_row(JsonWriter& out, const CheckpointRow& row) {
  out.begin_object().key("id").text(to_text(row.id)).key("ok").boolean(row.damage.empty());
  if (!row.damage.empty()) {
    out.key("error").text(row.damage).end_object();
    return;
  }
  out.key("time");
  write_time(out, row.wall_ns);
  out.key("bytes").unsigned_integer(row.bytes).key("kind").text(kind_text(row.incremental));
  out.key("duration_seconds");
  write_seconds(out, row.duration);
  out.key("position")
      .unsigned_integer(row.position.value)
      .key("timeline")
      .unsigned_integer(row.timeline.value);
  out.end_object();
}

CheckpointRow read_checkpoint_row(const JsonValue& json) {
  CheckpointRow row;
  row.id = read_id(json);
  row.damage = json.text_of("error");
  row.wall_ns = read_time(json.find("time"));
  row.bytes = unsigned_of(json, "bytes");
  row.incremental = json.text_of("kind") == kind_text(true);
  row.duration = read_seconds(json, "duration_seconds");
  row.position.value = unsigned_of(json, "position");
  row.timeline.value = static_cast<std::uint32_t>(unsigned_of(json, "timeline"));
  return row;
}

void write_manifest(JsonWriter& out, const Manifest& manifest) {
  out.begin_object().key("id").text(to_text(manifest.id)).key("kind").text(kind_text(manifest.incremental));
  out.key("time");
  write_time(out, manifest.wall_ns);
  out.key("duration_seconds");
  write_seconds(out, manifest.duration);
  out.key("bytes").unsigned_integer(manifest.total_bytes());
  out.key("position").unsigned_integer(manifest.position.value);
  out.key("journal_time");
  write_time(out, to_ns(manifest.journal_time));
  out.key("lineage").text(to_text(manifest.lineage));
  out.key("timeline")
      .unsigned_integer(manifest.timeline.value)
      .key("run")
      .unsigned_integer(manifest.run.value);
  out.key("semantics").unsigned_integer(manifest.semantics);
  write_sources(out, manifest.sources);
  write_pipelines(out, manifest.pipelines);
  write_segments(out, manifest.segments);
  out.key("configuration_fingerprint").text(configuration_of(manifest));
  out.key("configuration").text(manifest.configuration);
  out.end_object();
}

Manifest read_manifest(const JsonValue& json) {
  Manifest manifest;
  manifest.id = read_id(json);
  manifest.incremental = json.text_of("kind") == kind_text(true);
  manifest.wall_ns = read_time(json.find("time"));
  manifest.duration = read_seconds(json, "duration_seconds");
  manifest.position.value = unsigned_of(json, "position");
  manifest.journal_time = time_from_ns<JournalTime>(read_time(json.find("journal_time")));
  if (const Result<Lineage> lineage = parse_lineage(json.text_of("lineage"))) manifest.lineage = *lineage;
  manifest.timeline.value = static_cast<std::uint32_t>(unsigned_of(json, "timeline"));
  manifest.run.value = static_cast<std::uint32_t>(unsigned_of(json, "run"));
  manifest.semantics = static_cast<std::uint32_t>(unsigned_of(json, "semantics"));
  manifest.configuration = json.text_of("configuration");
  manifest.sections.emplace_back("configuration", json.text_of("configuration_fingerprint"));
  if (const JsonValue* sources = json.find("sources"))
    for (const JsonValue& item : sources->items)
      manifest.sources.push_back(
          {std::string(item.text_of("name")), std::string(item.text_of("remembers")), watermark_of(item)});
  if (const JsonValue* pipelines = json.find("pipelines")) {
    for (const JsonValue& item : pipelines->items) {
      PipelineSummary pipeline;
      pipeline.name = item.text_of("name");
      pipeline.uid = item.text_of("uid");
      pipeline.plan_fingerprint = read_fingerprint(item, "plan_fingerprint");
      pipeline.keys = unsigned_of(item, "keys");
      pipeline.bytes = unsigned_of(item, "memory_bytes");
      pipeline.watermark = watermark_of(item);
      pipeline.position.value = unsigned_of(item, "position");
      manifest.pipelines.push_back(std::move(pipeline));
    }
  }
  if (const JsonValue* segments = json.find("segments")) {
    for (const JsonValue& item : segments->items) {
      SegmentReference segment;
      segment.name = item.text_of("name");
      segment.owner = item.text_of("owner");
      segment.bytes = unsigned_of(item, "bytes");
      segment.rows = unsigned_of(item, "rows");
      segment.checksum = read_fingerprint(item, "checksum");
      segment.base_from = static_cast<std::uint32_t>(unsigned_of(item, "base_from"));
      segment.base_to = static_cast<std::uint32_t>(unsigned_of(item, "base_to"));
      manifest.segments.push_back(std::move(segment));
    }
  }
  return manifest;
}

}  // namespace tidemark
