#include "app/status_text.h"

#include <algorithm>

#include "app/readable.h"
#include "app/table.h"
#include "base/format.h"

namespace tidemark {
namespace {

using Counters = std::vector<std::pair<std::string, std::uint64_t>>;

// The detail, and behind it the counters that have counted anything: "connected to localhost:1883; duplicates
// 3".
std::string with_counters(const std::string& detail, const Counters& counters) {
  std::string text = detail;
  for (const auto& [name, count] : counters) {
    if (count == 0) continue;
    if (!text.empty()) text += "; ";
    text += format("{} {}", name, count);
  }
  return text;
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

// Reasons of the whole and of each part, none twice: the whole may already name its parts'.
std::vector<std::string> reasons(const StatusReport& report) {
  std::vector<std::string> all = report.degraded;
  const auto add = [&](std::string_view kind, const std::string& name, const std::string& reason) {
    if (reason.empty()) return;
    const bool known = std::ranges::any_of(
        all, [&](const std::string& one) { return one.find(reason) != std::string::npos; });
    if (!known) all.push_back(format("{}.{}: {}", kind, name, reason));
  };
  for (const SourceReport& source : report.sources) add("sources", source.name, source.degraded);
  for (const SinkReport& sink : report.sinks) add("sinks", sink.name, sink.degraded);
  return all;
}

std::string checkpoint_line(const CheckpointReport& checkpoint, std::int64_t wall_ns) {
  std::string text = "none yet";
  if (checkpoint.last) {
    const std::int64_t age = wall_ns - checkpoint.wall_ns;
    text = format("{} at position {}, {} ago ({}), {} written in {}", to_text(*checkpoint.last),
                  checkpoint.position.value, readable_duration(Duration(std::max<std::int64_t>(age, 0))),
                  readable_time(checkpoint.wall_ns), readable_size(checkpoint.bytes),
                  readable_duration(checkpoint.duration));
  }
  text += format("; this run: {} completed, {} failed", checkpoint.completed, checkpoint.failed);
  if (checkpoint.failed_in_a_row != 0) text += format(", the last {} in a row", checkpoint.failed_in_a_row);
  if (checkpoint.under_way) text += "; one is under way";
  return text;
}

std::string journal_line(const JournalReport& journal) {
  if (!journal.enabled) return format("off; position {}", journal.appended.value);
  return format("position {} appended, {} written, {} durable; {} on disk, {} written by this run",
                journal.appended.value, journal.written.value, journal.durable.value,
                readable_size(journal.bytes_on_disk), readable_size(journal.bytes_written));
}

std::string written_line(const WrittenReport& written) {
  std::string text = readable_size(written.total());
  if (written.received != 0)
    text += format(" for {} received, {:.2f} a byte", readable_size(written.received),
                   static_cast<double>(written.total()) / static_cast<double>(written.received));
  return text + format(": journal {}, checkpoints {}, outbox {}, sinks {}, other {}",
                       readable_size(written.journal), readable_size(written.checkpoints),
                       readable_size(written.outbox), readable_size(written.sinks),
                       readable_size(written.other));
}

std::string source_table(const std::vector<SourceReport>& sources) {
  constexpr auto kRight = Table::Align::right;
  Table table(
      {{"SOURCE"}, {"TYPE"}, {"STATE"}, {"RECORDS", kRight}, {"BAD", kRight}, {"WATERMARK"}, {"DETAIL"}});
  for (const SourceReport& source : sources)
    table.add({source.name, source.type, source.state, std::to_string(source.records),
               std::to_string(source.bad), readable_watermark(source.watermark),
               or_dash(with_counters(source.detail, source.counters))});
  return table.to_text();
}

// What has happened to records that could not be evaluated, and what will.
std::string pipeline_detail(const PipelineReport& pipeline) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  if (pipeline.position)
    add(format("since position {}, failed {} time{}", pipeline.position->value + 1, pipeline.attempts,
               pipeline.attempts == 1 ? "" : "s"));
  if (pipeline.next_attempt) add("next attempt in " + readable_duration(*pipeline.next_attempt));
  if (pipeline.set_aside != 0) add(format("{} set aside", pipeline.set_aside));
  if (pipeline.refused != 0) add(format("{} refused", pipeline.refused));
  if (pipeline.evicted != 0) add(format("{} keys evicted", pipeline.evicted));
  if (pipeline.expired != 0) add(format("{} keys expired", pipeline.expired));
  if (pipeline.given_up != 0) add(format("{} given up", pipeline.given_up));
  return text;
}

std::string pipeline_table(const std::vector<PipelineReport>& pipelines) {
  constexpr auto kRight = Table::Align::right;
  Table table({{"PIPELINE"},
               {"STATE"},
               {"RECORDS", kRight},
               {"RESULTS", kRight},
               {"LATE", kRight},
               {"ERRORS", kRight},
               {"KEYS", kRight},
               {"MEMORY", kRight},
               {"WATERMARK"},
               {"DETAIL"}});
  for (const PipelineReport& pipeline : pipelines)
    table.add({pipeline.name, pipeline.state, std::to_string(pipeline.records),
               std::to_string(pipeline.results), std::to_string(pipeline.late),
               std::to_string(pipeline.errors), std::to_string(pipeline.keys), readable_size(pipeline.memory),
               readable_watermark(pipeline.watermark), or_dash(pipeline_detail(pipeline))});
  return table.to_text();
}

std::string lookup_table(const std::vector<LookupReport>& lookups) {
  constexpr auto kRight = Table::Align::right;
  Table table({{"LOOKUP"}, {"ROWS", kRight}, {"SIZE", kRight}, {"TABLE"}, {"FAILED", kRight}, {"DETAIL"}});
  for (const LookupReport& lookup : lookups)
    table.add({lookup.name, std::to_string(lookup.rows), readable_size(lookup.bytes), lookup.hash,
               std::to_string(lookup.failures), or_dash(lookup.trouble)});
  return table.to_text();
}

std::string sink_table(const std::vector<SinkReport>& sinks) {
  constexpr auto kRight = Table::Align::right;
  Table table({{"SINK"},
               {"TYPE"},
               {"STATE"},
               {"DELIVERED", kRight},
               {"WAITING", kRight},
               {"SKIPPED", kRight},
               {"DETAIL"}});
  for (const SinkReport& sink : sinks) {
    const std::string waiting = sink.waiting == 0 && sink.waiting_bytes == 0
                                    ? "0"
                                    : format("{} ({})", sink.waiting, readable_size(sink.waiting_bytes));
    table.add({sink.name, sink.type, sink.state, std::to_string(sink.delivered), waiting,
               std::to_string(sink.skipped), or_dash(with_counters(sink.detail, sink.counters))});
  }
  return table.to_text();
}

}  // namespace

std::string status_text(const StatusReport& report, std::int64_t wall_ns) {
  std::string out;
  out += record_line("node", format("{}, Tidemark {}, up {}", report.node, report.version,
                                    readable_duration(report.uptime)));
  out += record_line("phase", report.phase);
  out += record_line("resumed from", or_dash(report.resumed_from));
  if (!report.configuration.empty())
    out += record_line("configuration", format("{}, read {}", report.configuration,
                                               readable_time(report.configuration_loaded_ns)));
  const std::vector<std::string> why = reasons(report);
  if (why.empty()) out += record_line("degraded", "nothing");
  for (std::size_t i = 0; i < why.size(); ++i) out += record_line(i == 0 ? "degraded" : "", why[i]);
  out += record_line("checkpoint", checkpoint_line(report.checkpoint, wall_ns));
  out += record_line("journal", journal_line(report.journal));
  out += record_line("written", written_line(report.written));
  out += record_line("data", format("lineage {}, timeline {}, run {}", to_text(report.lineage),
                                    report.timeline.value, report.run.value));
  if (!report.sources.empty()) out += "\n" + source_table(report.sources);
  if (!report.pipelines.empty()) out += "\n" + pipeline_table(report.pipelines);
  if (!report.lookups.empty()) out += "\n" + lookup_table(report.lookups);
  if (!report.sinks.empty()) out += "\n" + sink_table(report.sinks);
  return out;
}

std::string status_line(const StatusReport& report) {
  const std::vector<std::string> why = reasons(report);
  if (!why.empty()) return format("{}, degraded: {}", report.phase, why.front());
  std::uint64_t records = 0, waiting = 0;
  for (const SourceReport& source : report.sources) records += source.records;
  for (const SinkReport& sink : report.sinks) waiting += sink.waiting;
  const std::string checkpoint =
      report.checkpoint.last ? to_text(*report.checkpoint.last) : "no checkpoint yet";
  return format("{}; {}; {} records in, {} results waiting", report.phase, checkpoint, records, waiting);
}

}  // namespace tidemark
