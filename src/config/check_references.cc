#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"
#include "base/nearest.h"
#include "config/checks.h"

namespace tidemark {
namespace {

// Beyond this many mistakes nobody reads suggestions, and looking for them takes the square of the file's
// size.
constexpr std::size_t kSuggestions = 100;

std::string joined(const std::vector<std::string_view>& words, std::string_view separator) {
  std::string out;
  for (const std::string_view word : words) {
    if (!out.empty()) out += separator;
    out += word;
  }
  return out;
}

class References {
 public:
  References(const LoadedTables& tables, Diagnostics& diagnostics)
      : tables_(tables), diagnostics_(diagnostics) {
    for (const auto& source : tables.sources) sources_.insert(source.settings.name);
    for (const auto& sink : tables.sinks) sinks_.insert(sink.settings.name);
    for (const auto& pipeline : tables.pipelines)
      pipelines_.emplace(pipeline.settings.name, &pipeline.settings);
  }

  void check() {
    for (const auto& source : tables_.sources) sink(source.settings.dead_letter_to);
    for (const auto& pipeline : tables_.pipelines) {
      const PipelineSettings& settings = pipeline.settings;
      if (sources_.contains(settings.name))
        diagnostics_.error(settings.place, format("\"{}\" is the name of a source, too", settings.name),
                           "`from` could not tell them apart; give one of them another name");
      for (const Located<std::string>& from : settings.from) input(from);
      for (const Located<std::string>& to : settings.to) sink(to);
      sink(settings.late_to);
      sink(settings.dead_letter_to);
    }
    check_circles();
    check_uids();
    if (!diagnostics_.has_errors()) check_use();
  }

 private:
  void sink(const Located<std::string>& name) {
    if (name->empty() || sinks_.contains(*name)) return;
    std::vector<std::string_view> known(sinks_.begin(), sinks_.end());
    if (sources_.contains(*name)) return not_of_kind(name, "source", "a sink", known);
    if (pipelines_.contains(*name)) return not_of_kind(name, "pipeline", "a sink", known);
    unknown(name, "sink", known);
  }

  void input(const Located<std::string>& name) {
    if (sources_.contains(*name) || pipelines_.contains(*name)) return;
    std::vector<std::string_view> known(sources_.begin(), sources_.end());
    for (const auto& [pipeline, settings] : pipelines_) known.push_back(pipeline);
    if (sinks_.contains(*name)) return not_of_kind(name, "sink", "a source or pipeline", known);
    unknown(name, "source or pipeline", known);
  }

  void not_of_kind(const Located<std::string>& name, std::string_view is, std::string_view wanted,
                   const std::vector<std::string_view>& known) {
    diagnostics_.error(name.place, format("\"{}\" is a {}; {} is wanted here", *name, is, wanted),
                       there_are(known));
  }

  void unknown(const Located<std::string>& name, std::string_view kind,
               const std::vector<std::string_view>& known) {
    std::string text = format("there is no {} \"{}\"", kind, *name);
    if (diagnostics_.errors() < kSuggestions)
      if (const auto meant = nearest(*name, known)) text += format("; did you mean \"{}\"?", *meant);
    diagnostics_.error(name.place, std::move(text), there_are(known));
  }

  std::string there_are(const std::vector<std::string_view>& known) const {
    if (diagnostics_.errors() >= kSuggestions) return {};
    return known.empty() ? std::string("there are none") : "there are: " + joined(known, ", ");
  }

  // Takes away, again and again, pipelines that read none of the others left; what stays reads in circles.
  void check_circles() {
    std::map<std::string_view, std::set<std::string_view>> reads;  // of pipelines left
    std::map<std::string_view, std::vector<std::string_view>> feeds;
    std::vector<std::string_view> free;
    for (const auto& [name, settings] : pipelines_) {
      std::set<std::string_view>& inputs = reads[name];
      for (const Located<std::string>& from : settings->from)
        if (pipelines_.contains(*from) && !sources_.contains(*from) && inputs.insert(*from).second)
          feeds[*from].push_back(name);
      if (inputs.empty()) free.push_back(name);
    }
    while (!reads.empty()) {
      if (free.empty()) free = report_circle(reads);
      const std::string_view name = free.back();
      free.pop_back();
      if (reads.erase(name) == 0) continue;
      for (const std::string_view reader : feeds[name]) {
        const auto left = reads.find(reader);
        if (left != reads.end() && left->second.erase(name) > 0 && left->second.empty())
          free.push_back(reader);
      }
    }
  }

  // Follows inputs from the first pipeline left until one comes again. Returns the members.
  std::vector<std::string_view> report_circle(
      const std::map<std::string_view, std::set<std::string_view>>& reads) {
    std::vector<std::string_view> path{reads.begin()->first};
    std::set<std::string_view> on_path{path.front()};
    for (;;) {
      const std::string_view input = *reads.at(path.back()).begin();
      if (!on_path.insert(input).second) {
        path.erase(path.begin(), std::ranges::find(path, input));
        break;
      }
      path.push_back(input);
    }
    std::ranges::reverse(path);  // the way results flow
    std::ranges::rotate(path, std::ranges::min_element(path));

    const PipelineSettings& first = *pipelines_.at(std::string(path.front()));
    Place place = first.place;
    for (const Located<std::string>& from : first.from)
      if (*from == path.back()) place = from.place;
    diagnostics_.error(
        place, format("pipelines read each other in a circle: {} -> {}", joined(path, " -> "), path.front()),
        "results flow from sources to sinks, never back");
    return path;
  }

  void check_uids() {
    std::map<std::string_view, const Loaded<PipelineSettings>*> owners;
    for (const auto& pipeline : tables_.pipelines) {
      const PipelineSettings& settings = pipeline.settings;
      const Place place = pipeline.keys.given("uid") ? pipeline.keys.place_of("uid") : settings.place;
      const auto [owner, is_new] = owners.emplace(settings.uid, &pipeline);
      if (!is_new)
        diagnostics_.error(
            place,
            format("uid \"{}\" belongs to pipeline {}, too", settings.uid, owner->second->settings.name),
            "state is kept by uid; left out, it is the pipeline's name");
      else if (pipeline.keys.given("uid") && sources_.contains(settings.uid))
        diagnostics_.error(place, format("uid \"{}\" is the name of a source", settings.uid),
                           "state is kept by uid, and a source's name is its uid");
    }
  }

  // What is read and then goes nowhere is most likely a forgotten line.
  void check_use() {
    std::set<std::string_view> read;
    for (const auto& pipeline : tables_.pipelines)
      for (const Located<std::string>& from : pipeline.settings.from) read.insert(*from);
    for (const auto& source : tables_.sources)
      if (!read.contains(source.settings.name))
        diagnostics_.warning(source.settings.place,
                             format("no pipeline reads source {}", source.settings.name));
    for (const auto& pipeline : tables_.pipelines)
      if (pipeline.sound && pipeline.settings.to.empty() && !read.contains(pipeline.settings.name))
        diagnostics_.warning(pipeline.settings.place,
                             format("the results of pipeline {} go nowhere", pipeline.settings.name),
                             "`to` names the sinks");
  }

  const LoadedTables& tables_;
  Diagnostics& diagnostics_;
  std::set<std::string> sources_;
  std::set<std::string> sinks_;
  std::map<std::string, const PipelineSettings*> pipelines_;
};

}  // namespace

void check_references(const LoadedTables& tables, Diagnostics& diagnostics) {
  References(tables, diagnostics).check();
}

}  // namespace tidemark
