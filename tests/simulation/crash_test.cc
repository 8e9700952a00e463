// The power goes before every file operation of a run, and no promise is broken.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "simulation/crash_scenario.h"

namespace tidemark {
namespace {

// Every operation in a release build; where each recovery takes many times as long, some of them.
std::uint64_t stride() {
  if (std::getenv("TIDEMARK_EVERY_CUT") != nullptr) return 1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 23;
#elif defined(NDEBUG)
  return 1;
#else
  return 7;
#endif
}

void crash(CrashScenario scenario) {
  scenario.stride *= stride();
  if (const char* only = std::getenv("TIDEMARK_CUT_BEFORE")) scenario.only_before = std::stoull(only);
  const CrashReport report = crash_everywhere(scenario);
  MESSAGE(report.text());
  INFO(report.first_violations());
  CHECK(report.violations.empty());
  // The run was worth being cut.
  CHECK(report.operations >= 300);
  CHECK(report.cuts >= 3 * (report.operations / scenario.stride - 1));
  CHECK(report.checkpoints >= 6);
  CHECK(report.abandoned >= 1);
  CHECK(report.state_bases >= 2);
  CHECK(report.sinks_kept_for >= 1);
  if (scenario.journal) CHECK(report.journal_segments_trimmed >= 2);
}

TEST_CASE("crash: checkpoints in files, journal on") {
  crash({.store = "files", .journal = true});
}
TEST_CASE("crash: checkpoints in files, journal off") {
  crash({.store = "files", .journal = false});
}
TEST_CASE("crash: checkpoints in SQLite, journal on") {
  crash({.store = "sqlite", .journal = true});
}
TEST_CASE("crash: checkpoints in SQLite, journal off") {
  crash({.store = "sqlite", .journal = false});
}

TEST_CASE("crash: the lanes do their work at other moments") {
  std::uint64_t seed = 2;
  for (const char* store : {"files", "sqlite"})
    for (const bool journal : {true, false})
      crash({.store = store, .journal = journal, .lanes = Lanes::interleaved, .seed = seed++, .stride = 7});
}

// A disk that lies must be seen: else the test would see nothing. (Safeguards taken out of the program
// itself: mutants/.)
void control(CrashScenario scenario) {
  scenario.stride = 5;
  scenario.losses = {Loss::all_unsynced};
  scenario.enough_violations = 3;
  const CrashReport report = crash_everywhere(scenario);
  MESSAGE(report.text() << ": " << report.first_violations());
  CHECK(!report.violations.empty());
}

TEST_CASE("control: without fdatasync promises are broken") {
  for (const char* store : {"files", "sqlite"}) control({.store = store, .ignore_sync = true});
}

TEST_CASE("control: without fsync of folders promises are broken") {
  for (const char* store : {"files", "sqlite"}) control({.store = store, .ignore_directory_sync = true});
}

}  // namespace
}  // namespace tidemark
