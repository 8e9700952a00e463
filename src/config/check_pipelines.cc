#include <algorithm>
#include <map>
#include <numeric>
#include <string>

#include "base/format.h"
#include "config/checks.h"

namespace tidemark {
namespace {

bool has_window(const PipelineSettings& pipeline) {
  return pipeline.window.type != WindowSettings::Type::none;
}
bool watches_absence(const PipelineSettings& pipeline) {
  return pipeline.window.type == WindowSettings::Type::absence;
}
bool counts(const PipelineSettings& pipeline) {
  return pipeline.window.type == WindowSettings::Type::count;
}
bool has_event_window(const PipelineSettings& pipeline) {
  return has_window(pipeline) && !counts(pipeline) && pipeline.time == TimeDomain::event;
}
bool corrects_results(const PipelineSettings& pipeline) {
  return *pipeline.allowed_lateness > 0s;
}
bool has_early_results(const PipelineSettings& pipeline) {
  return has_window(pipeline) && !watches_absence(pipeline) && *pipeline.emit == EmitPolicy::every;
}

// A window's result merges its panes.
constexpr std::int64_t kMostPanes = 100'000;
constexpr std::uint32_t kMostCountedPanes = 1000;  // with every slide, at once

class PipelineRules {
 public:
  PipelineRules(const LoadedTables& tables, Diagnostics& diagnostics)
      : tables_(tables), diagnostics_(diagnostics) {
    for (const auto& sink : tables.sinks) sinks_.emplace(sink.settings.name, &sink);
    for (const auto& pipeline : tables.pipelines) pipelines_.emplace(pipeline.settings.name, &pipeline);
  }

  void check() {
    for (const auto& source : tables_.sources) dead_letters(source.settings.dead_letter_to);
    for (const auto& pipeline : tables_.pipelines) {
      if (!pipeline.sound) continue;
      window(pipeline.settings);
      emission(pipeline.settings);
      state(pipeline);
      errors(pipeline);
      sinks(pipeline.settings);
      upstreams(pipeline.settings);
    }
  }

 private:
  void window(const PipelineSettings& pipeline) {
    if (watches_absence(pipeline)) return absence(pipeline);
    if (has_window(pipeline) && pipeline.select.empty())
      diagnostics_.error(pipeline.window.place, "a window needs `select`: without it a result would be empty",
                         "name aggregates, as in select = [\"count(*) AS n\"]");
    window_cut(pipeline.window);
    const char* const why = counts(pipeline)       ? "a count takes records as they come: nothing is late"
                            : has_window(pipeline) ? "with time = \"processing\" nothing is late"
                                                   : "without a window nothing is late";
    if (corrects_results(pipeline) && !has_event_window(pipeline))
      diagnostics_.error(pipeline.allowed_lateness.place, "`allowed_lateness` needs a window in event time",
                         why);
    if (!pipeline.late_to->empty() && !has_event_window(pipeline))
      diagnostics_.error(pipeline.late_to.place, "`late_to` needs a window in event time", why);
  }

  void absence(const PipelineSettings& pipeline) {
    if (corrects_results(pipeline))
      diagnostics_.error(
          pipeline.allowed_lateness.place, "`allowed_lateness` means nothing to absence",
          "what counts is `timeout`; the source's max_out_of_orderness waits for late records");
    if (!pipeline.late_to->empty() && !has_event_window(pipeline))
      diagnostics_.error(
          pipeline.late_to.place, "`late_to` needs time = \"event\"",
          "absence is decided by the time of arrival unless told otherwise, and nothing is late");
    if (*pipeline.ttl > 0s && *pipeline.ttl <= pipeline.window.timeout)
      diagnostics_.error(pipeline.ttl.place,
                         format("a key would be forgotten before it has fallen silent, after {}",
                                to_text(pipeline.window.timeout)),
                         "give `ttl` more than the window's timeout");
  }

  void window_cut(const WindowSettings& window) {
    using Type = WindowSettings::Type;
    if (window.type == Type::none) return;
    const bool hops = window.type == Type::hopping, cumulates = window.type == Type::cumulating;
    if (hops && window.slide > window.size)
      diagnostics_.error(window.place, "slide is longer than size: what lies between two windows is in none",
                         "a slide of at most size; equal, they are tumbling windows");
    else if (hops && window.size.count() / std::gcd(window.size.count(), window.slide.count()) > kMostPanes)
      diagnostics_.error(
          window.place,
          format("a window is put together of panes of {}, the longest that size and slide are multiples of: "
                 "more than {} of them",
                 to_text(Duration(std::gcd(window.size.count(), window.slide.count()))), kMostPanes),
          "a slide that divides size, or is longer");
    if (cumulates && window.size % window.step != 0s)
      diagnostics_.error(window.place, "size is no multiple of step: the last window would be cut short",
                         format("for a step of {}: size = \"{}\"", to_text(window.step),
                                to_text((window.size / window.step + 1) * window.step)));
    else if (cumulates && window.size / window.step > kMostPanes)
      diagnostics_.error(window.place, format("more than {} steps to a window", kMostPanes), "a longer step");
    if (window.type == Type::session && window.max != 0s && window.max < window.gap)
      diagnostics_.error(window.place, "max is shorter than gap: every session would end by max",
                         "a longer max, or tumbling windows");
    if (window.type == Type::count) count_cut(window);
    if (!window.zone->empty()) zone_cut(window);
    if (window.has_offset() && window.offset >= (hops ? window.slide : window.size))
      diagnostics_.error(window.place,
                         format("the window's offset must be less than its {}", hops ? "slide" : "size"));
  }

  void count_cut(const WindowSettings& window) {
    const std::uint32_t pane = std::gcd(window.size_count, window.slide_count);
    if (window.slide_count > window.size_count)
      diagnostics_.error(window.place,
                         "slide is more than size: records between two windows would be in none",
                         "a slide of at most size");
    else if (window.size_count / pane > kMostCountedPanes)
      diagnostics_.error(
          window.place,
          format(
              "a window is put together of pieces of {}, the most that size and slide are multiples of: more "
              "than {} of them",
              pane == 1 ? "one record" : format("{} records", pane), kMostCountedPanes),
          "a slide that divides size, or is more");
  }

  void zone_cut(const WindowSettings& window) {
    constexpr Duration kDay = 24h;
    const Duration apart = window.type == WindowSettings::Type::hopping ? window.slide : kDay;
    if (window.size % kDay != 0s || apart % kDay != 0s)
      diagnostics_.error(window.zone.place, "windows of a time zone are days: hours are the same everywhere",
                         window.type == WindowSettings::Type::hopping
                             ? "size and slide of whole days, as in \"7d\" and \"1d\", or no zone"
                             : "a size of whole days, as in \"1d\", or no zone");
    if (window.offset % 1s != 0s)
      diagnostics_.error(window.zone.place, "with a zone, `offset` is of whole seconds");
  }

  void state(const Loaded<PipelineSettings>& pipeline) {
    const PipelineSettings& settings = pipeline.settings;
    if (watches_absence(settings)) return;
    if (*settings.ttl > 0s && has_window(settings))
      diagnostics_.error(settings.ttl.place, "`ttl` is for running aggregates: a window ends by itself",
                         "leave out `ttl`, or the window");
    if (*settings.on_max_keys != OnMaxKeys::evict_oldest) return;
    const Place place = pipeline.keys.place_of("on_max_keys");
    if (has_window(settings))
      diagnostics_.error(place, "on_max_keys = \"evict-oldest\" is for running aggregates",
                         "half a window is a wrong result; with a window: \"refuse\"");
    else if (*settings.emit == EmitPolicy::every)
      diagnostics_.error(place, "on_max_keys = \"evict-oldest\" needs emit = \"on-update\"",
                         "a key that waits for its beat cannot be forgotten");
  }

  void emission(const PipelineSettings& pipeline) {
    if (!has_window(pipeline) && *pipeline.emit == EmitPolicy::on_close)
      diagnostics_.error(pipeline.emit.place, "emit = \"on-close\" needs a window",
                         "without one: \"on-update\", or \"every 5s\"");
    if (watches_absence(pipeline) && *pipeline.emit != EmitPolicy::on_close)
      diagnostics_.error(pipeline.emit.place,
                         "a result of absence leaves when a key falls silent, and when it returns",
                         "leave out `emit`");
    else if (has_window(pipeline) && *pipeline.emit == EmitPolicy::on_update)
      diagnostics_.error(pipeline.emit.place, "emit = \"on-update\" is for running aggregates",
                         "with a window: \"on-close\", or as in \"every 5s\" before that too");
    if (counts(pipeline) && *pipeline.emit == EmitPolicy::every)
      diagnostics_.error(pipeline.emit.place, "a count has no early results: it ends with its last record",
                         "leave out `emit`, or take another window");
  }

  void errors(const Loaded<PipelineSettings>& pipeline) {
    const PipelineSettings& settings = pipeline.settings;
    if (settings.on_error == OnError::dead_letter && settings.dead_letter_to->empty())
      diagnostics_.error(pipeline.keys.place_of("on_error"),
                         "on_error = \"dead-letter\" needs `dead_letter_to`",
                         "dead_letter_to = \"NAME\" of the sink that gets them");
    if (settings.on_error == OnError::skip && !settings.dead_letter_to->empty())
      diagnostics_.error(settings.dead_letter_to.place, "`dead_letter_to` does nothing here",
                         "it needs on_error = \"dead-letter\" or \"fail\"");
    dead_letters(settings.dead_letter_to);
    if (settings.on_error == OnError::fail) return standing_still(pipeline);
    if (pipeline.keys.given("restart"))
      diagnostics_.error(pipeline.keys.place_of("restart"), "`restart` does nothing here",
                         "it needs on_error = \"fail\"");
  }

  // A pipeline that stood still catches up by reading the journal again.
  void standing_still(const Loaded<PipelineSettings>& pipeline) {
    const Place place = pipeline.keys.place_of("on_error");
    if (tables_.journal.sound && !tables_.journal.settings.enabled)
      diagnostics_.error(
          place,
          "on_error = \"fail\" needs the journal: a pipeline that stood still reads there what it has missed",
          "set journal.enabled = true, or on_error = \"dead-letter\" or \"skip\"");
    for (const Located<std::string>& from : pipeline.settings.from)
      if (pipelines_.contains(*from))
        diagnostics_.error(
            place,
            format(
                "on_error = \"fail\" is for pipelines that read sources, and this one reads pipeline {}: its "
                "results are not in the journal, so what was missed could not be read again",
                *from),
            "set on_error = \"dead-letter\" or \"skip\" here, or \"fail\" in the pipeline it reads");
  }

  const Loaded<SinkSettings>* sound_sink(const std::string& name) const {
    const auto found = sinks_.find(name);
    return found != sinks_.end() && found->second->sound ? found->second : nullptr;
  }

  void dead_letters(const Located<std::string>& to) {
    const Loaded<SinkSettings>* sink = sound_sink(*to);
    if (sink && sink->settings.upsert)
      diagnostics_.error(to.place, format("dead letters have no key, and sink {} replaces rows by key", *to),
                         "send them to a sink with mode = \"append\"");
  }

  void sinks(const PipelineSettings& pipeline) {
    for (const Located<std::string>& to : pipeline.to) {
      const Loaded<SinkSettings>* sink = sound_sink(*to);
      if (!sink) continue;
      const SinkSettings& settings = sink->settings;
      const bool by_window = has_window(pipeline) && !watches_absence(pipeline);
      if (settings.upsert && pipeline.key_by.empty() && !by_window)
        diagnostics_.error(
            to.place, format("sink {} replaces rows by key, and pipeline {} has no key", *to, pipeline.name),
            "give the pipeline key_by or a window, or the sink mode = \"append\"");
      if (settings.upsert && counts(pipeline))
        diagnostics_.error(
            to.place,
            format(
                "sink {} replaces rows by key and window, and two counts may begin and end at the same time",
                *to),
            "give the sink mode = \"append\"");
      const bool appends = settings.type == SinkSettings::Type::file ||
                           (settings.type == SinkSettings::Type::sqlite && !settings.upsert);
      if (appends && has_early_results(pipeline))
        diagnostics_.error(to.place,
                           format("early results would stand beside the last one in sink {}: pipeline {} has "
                                  "emit = \"every {}\"",
                                  *to, pipeline.name, to_text(pipeline.emit_every)),
                           "use an sqlite sink with mode = \"upsert\"");
      else if (appends && corrects_results(pipeline))
        diagnostics_.error(to.place,
                           format("corrected results would stand twice in sink {}: pipeline {} has "
                                  "allowed_lateness",
                                  *to, pipeline.name),
                           "use an sqlite sink with mode = \"upsert\"");
      if (has_columns(settings) && (*to == *pipeline.late_to || *to == *pipeline.dead_letter_to))
        diagnostics_.error(*to == *pipeline.late_to ? pipeline.late_to.place : pipeline.dead_letter_to.place,
                           format("sink {} gets the pipeline's results, which have other columns", *to),
                           "give late records and dead letters a sink of their own");
    }
    const Loaded<SinkSettings>* late = sound_sink(*pipeline.late_to);
    if (late && late->settings.upsert)
      diagnostics_.error(
          pipeline.late_to.place,
          format("late records have no key, and sink {} replaces rows by key", *pipeline.late_to),
          "send them to a sink with mode = \"append\"");
  }

  // Rows of one form only, unlike lines of json.
  static bool has_columns(const SinkSettings& sink) {
    const bool lines = sink.type != SinkSettings::Type::sqlite && sink.type != SinkSettings::Type::mqtt;
    return sink.type == SinkSettings::Type::sqlite || (lines && sink.format == FormatSettings::Type::csv);
  }

  void upstreams(const PipelineSettings& pipeline) {
    for (const Located<std::string>& from : pipeline.from) {
      const auto found = pipelines_.find(*from);
      if (found == pipelines_.end() || !found->second->sound) continue;
      if (has_early_results(found->second->settings))
        diagnostics_.error(from.place,
                           format("pipeline {} has early results, and cannot be read by another", *from),
                           "they would be counted beside the last one; another pipeline without `emit` can");
      if (!corrects_results(found->second->settings)) continue;
      diagnostics_.error(from.place,
                         format("pipeline {} has allowed_lateness, and cannot be read by another", *from),
                         "its corrected results would be counted again");
    }
  }

  const LoadedTables& tables_;
  Diagnostics& diagnostics_;
  std::map<std::string, const Loaded<SinkSettings>*> sinks_;
  std::map<std::string, const Loaded<PipelineSettings>*> pipelines_;
};

}  // namespace

void check_pipelines(const LoadedTables& tables, Diagnostics& diagnostics) {
  PipelineRules(tables, diagnostics).check();
}

}  // namespace tidemark
