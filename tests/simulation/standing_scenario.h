// The standing scenario: pipelines stand still, are FAILED, are resumed and give up what the journal cannot
// keep for them, beside one that always runs; and the power goes before every file operation.
//
// What each pipeline has counted, set aside and given up must be every record, once. An operator who was told
// that a pipeline goes on is never shown it FAILED at the same record again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/simulation.h"

namespace tidemark {

struct StandingScenario {
  std::string store = "files";  // or "sqlite"
  Lanes lanes = Lanes::at_once;
  std::uint64_t stride = 1;
  std::size_t enough_violations = 5;  // then no more cuts are made
};

struct StandingReport {
  std::uint64_t cuts = 0;
  std::uint64_t given_up = 0, resumed = 0;  // in the run that was watched: records; pipelines
  std::vector<std::string> violations;
};

StandingReport stand_still_everywhere(const StandingScenario& scenario);

}  // namespace tidemark
