// Pipelines that stand still, fail, are resumed and give up, wherever the power goes.
#include <doctest/doctest.h>

#include "simulation/standing_scenario.h"

namespace tidemark {
namespace {

void stand_still(const StandingScenario& scenario) {
  const StandingReport report = stand_still_everywhere(scenario);
  MESSAGE(report.cuts << " cuts, " << report.given_up << " records given up, " << report.resumed
                      << " times resumed");
  for (const std::string& violation : report.violations) FAIL_CHECK(violation);
  CHECK(report.cuts >= 100);
  CHECK(report.given_up > 0);
  CHECK(report.resumed >= 4);
}

TEST_CASE("standing: pipelines fail, are resumed and give up, checkpoints in files") {
  stand_still({.store = "files"});
}
TEST_CASE("standing: pipelines fail, are resumed and give up, checkpoints in SQLite") {
  stand_still({.store = "sqlite"});
}
TEST_CASE("standing: the lanes do their work at other moments") {
  for (const char* store : {"files", "sqlite"})
    stand_still({.store = store, .lanes = Lanes::interleaved, .stride = 7});
}

}  // namespace
}  // namespace tidemark
