#include "app/top_text.h"

#include <algorithm>
#include <optional>

#include "app/readable.h"
#include "app/table.h"
#include "base/format.h"
#include "base/json.h"

namespace tidemark {
namespace {

constexpr auto kRight = Table::Align::right;

double per_second(std::uint64_t before, std::uint64_t now, Duration apart) {
  const double seconds = std::chrono::duration<double>(apart).count();
  // Another run of the instance counts from anew.
  return now < before || seconds <= 0 ? 0 : static_cast<double>(now - before) / seconds;
}

// What was counted under this name at the look before; the same as now for one that is new.
template <class Report>
std::uint64_t before_of(const std::vector<Report>& before, const Report& now, std::uint64_t Report::*count) {
  const auto at = std::ranges::find(before, now.name, &Report::name);
  return at == before.end() ? now.*count : (*at).*count;
}

// How far event time is behind the wall clock; none before there is a watermark, or when nothing more comes.
std::optional<Duration> lag(const std::optional<EventTime>& watermark, std::int64_t wall_ns) {
  if (!watermark || *watermark == kEventTimeMin || *watermark == kEventTimeMax) return std::nullopt;
  return Duration(std::max<std::int64_t>(0, wall_ns - to_ns(*watermark)));
}

std::string lag_text(const std::optional<EventTime>& watermark, std::int64_t wall_ns) {
  const auto behind = lag(watermark, wall_ns);
  return behind ? readable_duration(*behind) : "-";
}

std::string rate_text(double rate) {
  return rate < 99.95 ? format("{:.1f}", rate) : format("{:.0f}", rate);
}

std::string age_text(const CheckpointReport& checkpoint, std::int64_t wall_ns) {
  if (!checkpoint.last) return "none yet";
  const Duration age(std::max<std::int64_t>(0, wall_ns - checkpoint.wall_ns));
  return format("{}, {} ago, took {}{}", to_text(*checkpoint.last), readable_duration(age),
                readable_duration(checkpoint.duration), checkpoint.under_way ? "; one is under way" : "");
}

}  // namespace

std::string top_text(const Looks& looks) {
  const StatusReport& now = looks.now;
  std::string out;
  out += record_line("node", format("{}, {}, up {}", now.node, now.phase, readable_duration(now.uptime)));
  if (now.degraded.empty()) out += record_line("degraded", "nothing");
  for (std::size_t i = 0; i < now.degraded.size(); ++i)
    out += record_line(i == 0 ? "degraded" : "", now.degraded[i]);
  out += record_line("checkpoint", age_text(now.checkpoint, looks.wall_ns));
  out += record_line("journal", now.journal.enabled
                                    ? format("{} on disk, {} entries not yet durable",
                                             readable_size(now.journal.bytes_on_disk),
                                             now.journal.appended.value - now.journal.durable.value)
                                    : std::string("off"));
  out += record_line("longest stall", readable_duration(now.longest_stall));
  out += record_line("longest slice", readable_duration(now.longest_slice));

  Table sources({{"SOURCE"}, {"STATE"}, {"RECORDS/S", kRight}, {"BAD/S", kRight}, {"LAG", kRight}});
  for (const SourceReport& one : now.sources)
    sources.add({one.name, one.state,
                 rate_text(per_second(before_of(looks.before.sources, one, &SourceReport::records),
                                      one.records, looks.apart)),
                 rate_text(per_second(before_of(looks.before.sources, one, &SourceReport::bad), one.bad,
                                      looks.apart)),
                 lag_text(one.watermark, looks.wall_ns)});
  if (sources.rows() != 0) out += "\n" + sources.to_text();

  Table pipelines({{"PIPELINE"},
                   {"RECORDS/S", kRight},
                   {"RESULTS/S", kRight},
                   {"LATE", kRight},
                   {"ERRORS", kRight},
                   {"KEYS", kRight},
                   {"MEMORY", kRight},
                   {"LAG", kRight}});
  for (const PipelineReport& one : now.pipelines)
    pipelines.add({one.name,
                   rate_text(per_second(before_of(looks.before.pipelines, one, &PipelineReport::records),
                                        one.records, looks.apart)),
                   rate_text(per_second(before_of(looks.before.pipelines, one, &PipelineReport::results),
                                        one.results, looks.apart)),
                   std::to_string(one.late), std::to_string(one.errors), std::to_string(one.keys),
                   readable_size(one.memory), lag_text(one.watermark, looks.wall_ns)});
  if (pipelines.rows() != 0) out += "\n" + pipelines.to_text();

  Table sinks({{"SINK"}, {"STATE"}, {"DELIVERED/S", kRight}, {"WAITING", kRight}});
  for (const SinkReport& one : now.sinks)
    sinks.add({one.name, one.state,
               rate_text(per_second(before_of(looks.before.sinks, one, &SinkReport::delivered), one.delivered,
                                    looks.apart)),
               format("{} ({})", one.waiting, readable_size(one.waiting_bytes))});
  if (sinks.rows() != 0) out += "\n" + sinks.to_text();
  return out;
}

std::string top_json(const Looks& looks) {
  const StatusReport& now = looks.now;
  JsonWriter out;
  const auto rate = [&](const char* name, std::uint64_t before, std::uint64_t count) {
    out.key(name).real(per_second(before, count, looks.apart));
  };
  const auto write_lag = [&](const std::optional<EventTime>& watermark) {
    out.key("lag_seconds");
    if (const auto behind = lag(watermark, looks.wall_ns))
      out.real(std::chrono::duration<double>(*behind).count());
    else
      out.null();
  };
  out.begin_object().key("node").text(now.node).key("phase").text(now.phase);
  out.key("interval_seconds").real(std::chrono::duration<double>(looks.apart).count());
  out.key("degraded").begin_array();
  for (const std::string& reason : now.degraded) out.text(reason);
  out.end_array();
  out.key("longest_stall_seconds").real(std::chrono::duration<double>(now.longest_stall).count());
  out.key("longest_slice_seconds").real(std::chrono::duration<double>(now.longest_slice).count());
  out.key("last_checkpoint");
  if (now.checkpoint.last)
    out.text(to_text(*now.checkpoint.last));
  else
    out.null();
  out.key("checkpoint_age_seconds");
  if (now.checkpoint.last)
    out.real(static_cast<double>(std::max<std::int64_t>(0, looks.wall_ns - now.checkpoint.wall_ns)) / 1e9);
  else
    out.null();
  out.key("journal_bytes").unsigned_integer(now.journal.bytes_on_disk);
  out.key("sources").begin_array();
  for (const SourceReport& one : now.sources) {
    out.begin_object().key("name").text(one.name).key("state").text(one.state);
    rate("records_per_second", before_of(looks.before.sources, one, &SourceReport::records), one.records);
    rate("bad_per_second", before_of(looks.before.sources, one, &SourceReport::bad), one.bad);
    write_lag(one.watermark);
    out.end_object();
  }
  out.end_array().key("pipelines").begin_array();
  for (const PipelineReport& one : now.pipelines) {
    out.begin_object().key("name").text(one.name);
    rate("records_per_second", before_of(looks.before.pipelines, one, &PipelineReport::records), one.records);
    rate("results_per_second", before_of(looks.before.pipelines, one, &PipelineReport::results), one.results);
    out.key("keys").unsigned_integer(one.keys).key("memory_bytes").unsigned_integer(one.memory);
    write_lag(one.watermark);
    out.end_object();
  }
  out.end_array().key("sinks").begin_array();
  for (const SinkReport& one : now.sinks) {
    out.begin_object().key("name").text(one.name).key("state").text(one.state);
    rate("delivered_per_second", before_of(looks.before.sinks, one, &SinkReport::delivered), one.delivered);
    out.key("waiting").unsigned_integer(one.waiting).end_object();
  }
  return out.end_array().end_object().take() + "\n";
}

}  // namespace tidemark
