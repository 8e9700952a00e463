// run_trial: one [[tests]] of a configuration, run.
//
// What runs is the appliance itself, from journal to delivery, with its recovery, on a machine that is not
// there: a clock and a loop moved by hand, a disk in memory that forgets what was not synced, and in the
// places of sources and sinks the trial's own (outside.h). Records come in framed: a line, a message. The
// checkpoint store is files; results leave as soon as their input is durable, whatever `flush` says. Nothing
// outside of the process is touched.
//
// A step that looks at results waits until what came in is durable, without time passing. At the end, what
// came out at a place that the test looks at and was not expected by any step is a difference, too.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/settings.h"
#include "trial/comparison.h"

namespace tidemark {

struct TrialOutcome {
  struct Difference {
    Place place;           // of the step; of the test for what was left at its end
    std::size_t step = 0;  // from 1; 0: the end
    std::string at;        // "sink alerts"
    std::vector<ComparedRow> rows;
  };
  std::vector<Difference> differences;
  std::string broken;  // why it could not be run to its end; empty
  Place broken_at;
  std::vector<std::string> log;  // warnings and errors, and what was lost; the first of them
  std::uint64_t records = 0, results = 0;

  bool passed() const { return differences.empty() && broken.empty(); }
};

// Settings as load_settings() made them and check_plan() let them through.
TrialOutcome run_trial(const Settings& settings, const TestSettings& test);

}  // namespace tidemark
