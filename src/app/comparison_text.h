// Differences of two runs' results (`tidemark replay --compare`), for people and for programs.
#pragma once

#include <string>

#include "pipeline/result_comparison.h"

namespace tidemark {

// What the two runs are called.
struct ComparedRuns {
  std::string first, second;
};

// The result that it is about, then what differs, side by side:
//
//   machines device="press" window_start="2025-03-01T12:00:00Z"
//       n     12 | 13
//       mean  71.5 | 70.25
//   machines device="saw" window_start="2025-03-01T12:00:00Z": only in other.toml
//       n     4
std::string comparison_text(const ResultComparison::Difference& difference, const ComparedRuns& runs);

// One object and its newline: {"_pipeline":…,"key":{…},"first":{…},"second":{…}}; null where a run has no
// such result, and only the columns that differ.
std::string comparison_json(const ResultComparison::Difference& difference);

}  // namespace tidemark
