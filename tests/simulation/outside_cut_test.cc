// Every kind of source, format and sink, wherever the power goes.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "config/tables.h"
#include "simulation/outside_scenario.h"
#include "support/source_tree.h"

namespace tidemark {
namespace {

void cut_off(const OutsideScenario& scenario) {
  const OutsideReport report = cut_off_everywhere(scenario);
  MESSAGE(report.cuts << " cuts, " << report.lost << " records lost, " << report.repeated
                      << " results repeated; " << report.dropped << " dropped, " << report.rejected
                      << " rejected, " << report.rotated << " files rotated, " << report.late << " late, "
                      << report.expired << " expired, " << report.evicted << " evicted");
  for (const std::string& violation : report.violations) FAIL_CHECK(violation);
  CHECK(report.cuts >= 100);
  CHECK(report.lost > 0);
  CHECK(report.repeated > 0);
  CHECK(report.dropped > 0);
  CHECK(report.rejected > 0);
  CHECK(report.rotated > 2);
  CHECK(report.late > 0);
  CHECK(report.expired > 0);
  CHECK(report.evicted > 0);
}

TEST_CASE("outside: every source, format and sink, checkpoints in files") {
  cut_off({.store = "files", .journal = true});
}
TEST_CASE("outside: every source, format and sink, checkpoints in SQLite") {
  cut_off({.store = "sqlite", .journal = true, .stride = 3});
}
TEST_CASE("outside: every source, format and sink, without a journal") {
  cut_off({.store = "files", .journal = false, .stride = 3});
}
TEST_CASE("outside: the lanes do their work at other moments") {
  for (const bool journal : {true, false})
    cut_off({.store = "sqlite", .journal = journal, .lanes = Lanes::interleaved, .stride = 11});
}

// A new type, or a new format, gets a place in a scenario that is cut everywhere.
TEST_CASE("the scenarios have every type of source and sink and every format that there is") {
  std::string text;
  for (const auto& entry : std::filesystem::directory_iterator(source_tree() + "/tests/simulation"))
    if (entry.path().string().ends_with("_scenario.cc")) {
      std::ostringstream file;
      file << std::ifstream(entry.path()).rdbuf();
      text += file.str();
    }
  const auto missing = [&](const Keys& keys, const std::string& kind, const std::string& name) {
    std::string out;
    for (const std::string& word : std::ranges::find(keys.all(), name, &Key::name)->words()) {
      bool there = false;
      for (std::size_t at = text.find("[" + kind + "."); at != std::string::npos && !there;
           at = text.find("[" + kind + ".", at + 1)) {
        const std::string table = text.substr(at, text.find("\n[", at) - at);
        there = table.contains(std::string("\n") + name + " = \"" + word + "\"");
      }
      if (!there) out += word + " ";
    }
    return out;
  };
  SourceSettings source;
  SinkSettings sink;
  CHECK(missing(source_keys(source), "sources", "type") == "");
  CHECK(missing(source_keys(source), "sources", "format") == "");
  CHECK(missing(sink_keys(sink), "sinks", "type") == "");
}

}  // namespace
}  // namespace tidemark
