#include <algorithm>
#include <map>
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
bool has_event_window(const PipelineSettings& pipeline) {
  return has_window(pipeline) && pipeline.time == TimeDomain::event;
}
bool corrects_results(const PipelineSettings& pipeline) {
  return *pipeline.allowed_lateness > 0s;
}

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
    if (has_window(pipeline) && pipeline.window.offset >= pipeline.window.size)
      diagnostics_.error(pipeline.window.place, "the window's offset must be less than its size");
    const char* const why = has_window(pipeline) ? "with time = \"processing\" nothing is late"
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
    else if (has_window(pipeline) && *pipeline.emit != EmitPolicy::on_close)
      diagnostics_.error(pipeline.emit.place,
                         "a window's results leave when it closes; early ones are not in this release",
                         "with a window: \"on-close\"");
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
      const bool appends = settings.type == SinkSettings::Type::file ||
                           (settings.type == SinkSettings::Type::sqlite && !settings.upsert);
      if (appends && corrects_results(pipeline))
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
      if (found == pipelines_.end() || !found->second->sound || !corrects_results(found->second->settings))
        continue;
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
