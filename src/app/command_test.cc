// `tidemark test`: runs the tests that stand in the configuration, and says what came out otherwise.
#include <algorithm>

#include "app/commands.h"
#include "app/configuration.h"
#include "app/console.h"
#include "base/format.h"
#include "base/json.h"
#include "platform/posix_files.h"
#include "trial/trial.h"

namespace tidemark {
namespace {

struct Ran {
  const TestSettings* test;
  TrialOutcome outcome;
};

std::string where(const Diagnostics& diagnostics, const Place& place) {
  return diagnostics.where(place);
}

bool is_met(const ComparedRow& row) {
  return row.kind == ComparedRow::Kind::met;
}

// How many rows from here on are as expected.
std::size_t as_expected(const std::vector<ComparedRow>& rows, std::size_t from) {
  std::size_t end = from;
  while (end < rows.size() && is_met(rows[end])) ++end;
  return end - from;
}

// "ok    NAME", or what is wrong:
//
//   FAIL  an alarm is raised once
//         tidemark.toml:58: step 4, sink alerts
//           - {"device":"a","n":3}               expected, and did not come
//               n is 2, and 3 was expected
//           + {"device":"a","n":2,"mean":20.5}   came, and was not expected
//             {"device":"b","n":1}               as expected
std::string text_of(const Ran& ran, const Diagnostics& diagnostics) {
  const TrialOutcome& outcome = ran.outcome;
  std::string out = format("{}  {}\n", outcome.passed() ? "ok  " : "FAIL", *ran.test->name);
  if (outcome.passed()) return out;
  for (const TrialOutcome::Difference& difference : outcome.differences) {
    const std::string when = difference.step == 0 ? std::string("at the end, expected by no step")
                                                  : format("step {}", difference.step);
    out += format("      {}: {}, {}\n", where(diagnostics, difference.place), when, difference.at);
    for (std::size_t i = 0; i < difference.rows.size(); ++i) {
      // Of what came as expected, what stands beside a difference.
      constexpr std::size_t kBeside = 2;
      const std::size_t same = as_expected(difference.rows, i);
      if (same > 2 * kBeside && (i == 0 || !is_met(difference.rows[i - 1]))) {
        const std::size_t before = i == 0 ? 0 : kBeside;
        const std::size_t after = i + same == difference.rows.size() ? 0 : kBeside;
        for (std::size_t n = i; n < i + before; ++n) out += format("          {}\n", difference.rows[n].text);
        out += format("          ... {} as expected\n", same - before - after);
        i += same - after;
        if (i == difference.rows.size()) break;
      }
      const ComparedRow& row = difference.rows[i];
      const std::string_view mark = is_met(row) ? " " : row.kind == ComparedRow::Kind::missing ? "-" : "+";
      out += format("        {} {}\n", mark, row.text);
      if (!row.difference.empty()) out += format("            {}\n", row.difference);
    }
  }
  if (!outcome.broken.empty())
    out +=
        format("      {}: it could not go on: {}\n", where(diagnostics, outcome.broken_at), outcome.broken);
  for (const std::string& line : outcome.log) out += format("      log: {}\n", line);
  return out;
}

void write_place(JsonWriter& out, const Diagnostics& diagnostics, const Place& place) {
  if (!place.known() || place.file >= diagnostics.files().size()) return;
  out.key("file").text(diagnostics.files()[place.file].path);
  out.key("line").unsigned_integer(place.line);
}

void write_json(JsonWriter& out, const Ran& ran, const Diagnostics& diagnostics) {
  const TrialOutcome& outcome = ran.outcome;
  out.begin_object().key("name").text(*ran.test->name).key("ok").boolean(outcome.passed());
  write_place(out, diagnostics, ran.test->place);
  out.key("records").unsigned_integer(outcome.records);
  out.key("results").unsigned_integer(outcome.results);
  out.key("differences").begin_array();
  for (const TrialOutcome::Difference& difference : outcome.differences) {
    out.begin_object();
    write_place(out, diagnostics, difference.place);
    if (difference.step != 0) out.key("step").unsigned_integer(difference.step);
    out.key("at").text(difference.at);
    for (const auto& [name, kind] : {std::pair("missing", ComparedRow::Kind::missing),
                                     std::pair("unexpected", ComparedRow::Kind::unexpected)}) {
      out.key(name).begin_array();
      for (const ComparedRow& row : difference.rows)
        if (row.kind == kind) out.text(row.text);
      out.end_array();
    }
    out.end_object();
  }
  out.end_array();
  if (!outcome.broken.empty()) out.key("broken").text(outcome.broken);
  out.key("log").begin_array();
  for (const std::string& line : outcome.log) out.text(line);
  out.end_array().end_object();
}

bool is_asked_for(const TestSettings& test, const std::vector<std::string>& names) {
  return names.empty() ||
         std::ranges::any_of(names, [&](const std::string& name) { return test.name->contains(name); });
}

}  // namespace

ExitCode test_command(const CommandLine& line, const TestCommand& command) {
  const std::unique_ptr<Files> files = make_posix_files();
  Result<Configuration> configuration = read_configuration(*files, line.config);
  if (!configuration) return report(configuration.error());
  check_pipelines(*configuration);
  const Diagnostics& diagnostics = configuration->diagnostics;
  print_error(diagnostics.to_text());
  if (!configuration->settings) return ExitCode::usage;
  const Settings& settings = *configuration->settings;

  std::string known;
  for (const TestSettings& test : settings.tests) known += format("\n  {}", *test.name);
  for (const std::string& name : command.names)
    if (std::ranges::none_of(settings.tests, [&](const auto& test) { return test.name->contains(name); }))
      return report({format("no test's name holds \"{}\"; there {}{}", name,
                            known.empty() ? "are none" : "are:", known),
                     Error::Kind::not_found});
  if (settings.tests.empty())
    return report(
        {format("{} holds no tests; they are written as [[tests]], see tidemark.toml(5)", line.config),
         Error::Kind::not_found});

  JsonWriter json;
  json.begin_object().key("tests").begin_array();
  std::size_t run = 0, failed = 0;
  ExitCode printed = ExitCode::done;
  for (const TestSettings& test : settings.tests) {
    if (!is_asked_for(test, command.names)) continue;
    const Ran ran{&test, run_trial(settings, test)};
    ++run;
    if (!ran.outcome.passed()) ++failed;
    if (line.json)
      write_json(json, ran, diagnostics);
    else
      printed = std::max(printed, print(text_of(ran, diagnostics)));
  }
  json.end_array().key("passed").unsigned_integer(run - failed).key("failed").unsigned_integer(failed);
  if (line.json)
    printed = print(json.end_object().take() + "\n");
  else
    printed = std::max(printed, print(format("{} passed, {} failed\n", run - failed, failed)));
  return failed != 0 ? std::max(printed, ExitCode::failed) : printed;
}

}  // namespace tidemark
