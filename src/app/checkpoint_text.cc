#include "app/checkpoint_text.h"

#include "app/readable.h"
#include "app/table.h"
#include "base/checksum.h"
#include "base/format.h"

namespace tidemark {
namespace {

constexpr auto kRight = Table::Align::right;

std::string kind_text(bool incremental) {
  return incremental ? "incremental" : "full";
}

std::string pipelines_text(const std::vector<PipelineSummary>& pipelines) {
  Table table({{"PIPELINE"},
               {"UID"},
               {"KEYS", kRight},
               {"MEMORY", kRight},
               {"POSITION", kRight},
               {"WATERMARK"},
               {"PLAN"}});
  for (const PipelineSummary& pipeline : pipelines)
    table.add({pipeline.name, pipeline.uid, std::to_string(pipeline.keys), readable_size(pipeline.bytes),
               std::to_string(pipeline.position.value), readable_watermark(pipeline.watermark),
               fingerprint_text(pipeline.plan_fingerprint)});
  return table.to_text();
}

std::string sources_text(const std::vector<SourceSummary>& sources) {
  Table table({{"SOURCE"}, {"WATERMARK"}, {"REMEMBERS"}});
  for (const SourceSummary& source : sources)
    table.add({source.name, readable_watermark(source.watermark), source.text.empty() ? "-" : source.text});
  return table.to_text();
}

std::string segments_text(const std::vector<SegmentReference>& segments) {
  Table table({{"SEGMENT"}, {"OWNER"}, {"ROWS", kRight}, {"SIZE", kRight}, {"CHECKSUM"}});
  for (const SegmentReference& segment : segments)
    table.add({segment.name, segment.owner, std::to_string(segment.rows), readable_size(segment.bytes),
               fingerprint_text(segment.checksum)});
  return table.to_text();
}

}  // namespace

std::string checkpoint_list_text(std::span<const CheckpointRow> rows) {
  Table table(
      {{"ID"}, {"TIME"}, {"SIZE", kRight}, {"KIND"}, {"DURATION", kRight}, {"POSITION", kRight}, {"STATE"}});
  for (const CheckpointRow& row : rows) {
    if (row.damage.empty())
      table.add({to_text(row.id), readable_time(row.wall_ns), readable_size(row.bytes),
                 kind_text(row.incremental), readable_duration(row.duration),
                 std::to_string(row.position.value), "ok"});
    else
      table.add({to_text(row.id), "-", "-", "-", "-", "-", "damaged: " + row.damage});
  }
  return table.to_text();
}

std::string checkpoint_text(const Manifest& manifest) {
  std::string out;
  out += record_line("checkpoint", format("{}, {}", to_text(manifest.id), kind_text(manifest.incremental)));
  out += record_line("time", readable_time(manifest.wall_ns));
  out += record_line("position", std::to_string(manifest.position.value));
  out += record_line("journal time", readable_time(to_ns(manifest.journal_time)));
  out += record_line("duration", readable_duration(manifest.duration));
  out += record_line("size", format("{} in {} segment{}", readable_size(manifest.total_bytes()),
                                    manifest.segments.size(), manifest.segments.size() == 1 ? "" : "s"));
  out += record_line("data", format("lineage {}, timeline {}, run {}", to_text(manifest.lineage),
                                    manifest.timeline.value, manifest.run.value));
  out += record_line("semantics", std::to_string(manifest.semantics));
  out += record_line("configuration", format("fingerprint {}", configuration_of(manifest)));
  if (!manifest.pipelines.empty()) out += "\n" + pipelines_text(manifest.pipelines);
  if (!manifest.sources.empty()) out += "\n" + sources_text(manifest.sources);
  if (!manifest.segments.empty()) out += "\n" + segments_text(manifest.segments);
  return out;
}

}  // namespace tidemark
