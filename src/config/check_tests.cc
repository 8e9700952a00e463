#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"
#include "base/hex.h"
#include "base/nearest.h"
#include "config/checks.h"

namespace tidemark {
namespace {

template <class T>
std::vector<std::string_view> names_of(const std::list<Loaded<T>>& tables) {
  std::vector<std::string_view> names;
  for (const auto& table : tables) names.push_back(table.settings.name);
  return names;
}

class TestRules {
 public:
  TestRules(const LoadedTables& tables, Diagnostics& diagnostics)
      : tables_(tables), diagnostics_(diagnostics) {}

  void check() {
    std::map<std::string_view, Place> before;
    for (const TestSettings& test : tables_.tests) {
      const auto [first, is_new] = before.emplace(*test.name, test.name.place);
      if (!is_new)
        diagnostics_.error(test.name.place, format("another test is called \"{}\", too", *test.name),
                           format("it stands at {}", diagnostics_.where(first->second)));
      steps(test);
    }
  }

 private:
  void steps(const TestSettings& test) {
    Duration passed{};
    bool drained = false;
    for (const TestStep& step : test.steps) {
      if (step.at && *step.at < passed)
        diagnostics_.error(
            step.place,
            format("`at` is {}, and the steps before take {}", to_text(*step.at), to_text(passed)),
            "a clock does not go back");
      if (step.at) passed = std::max(passed, *step.at);
      passed += step.advance + step.down;
      if (drained && !step.expect)
        diagnostics_.error(step.place, "it has stopped for good: after drain only `expect` can follow");
      drained = drained || step.event == TestStep::Event::drain;
      if (!step.input.empty()) input(step);
      if (step.expect) {
        reference(step.sink, "sink", names_of(tables_.sinks));
        reference(step.pipeline, "pipeline", names_of(tables_.pipelines));
      }
    }
  }

  bool reference(const Located<std::string>& name, std::string_view kind,
                 const std::vector<std::string_view>& known) {
    if (name->empty() || std::ranges::find(known, *name) != known.end()) return true;
    std::string text = format("there is no {} \"{}\"", kind, *name);
    if (const auto meant = nearest(*name, known)) text += format("; did you mean \"{}\"?", *meant);
    diagnostics_.error(name.place, std::move(text), there_are(known));
    return false;
  }

  static std::string there_are(const std::vector<std::string_view>& known) {
    std::string text = known.empty() ? "there are none" : "there are: ";
    for (const std::string_view name : known) text += format("{}{}", name == known.front() ? "" : ", ", name);
    return text;
  }

  void input(const TestStep& step) {
    const std::vector<std::string_view> known = names_of(tables_.sources);
    if (!reference(step.source, "source", known)) return;
    if (step.source->empty() && known.size() != 1)
      return diagnostics_.error(step.place, "`source` must say at which source this comes in",
                                there_are(known));
    const auto at = std::ranges::find_if(tables_.sources, [&](const auto& source) {
      return step.source->empty() || source.settings.name == *step.source;
    });
    if (!at->sound) return;
    const SourceSettings& source = at->settings;
    if (!step.topic.empty() && source.type != SourceSettings::Type::mqtt)
      diagnostics_.error(step.place, format("`topic` is for mqtt sources, and {} is none", source.name));
    if (!source.format.is_binary()) return;
    for (const Located<std::string>& record : step.input)
      if (!from_hex(*record))
        diagnostics_.error(
            record.place,
            format("source {} takes messages that are no text: write them in hex digits", source.name),
            "as `mosquitto_sub -F %x` prints them: 0-9 and a-f, two for a byte");
  }

  const LoadedTables& tables_;
  Diagnostics& diagnostics_;
};

}  // namespace

void check_tests(const LoadedTables& tables, Diagnostics& diagnostics) {
  TestRules(tables, diagnostics).check();
}

}  // namespace tidemark
