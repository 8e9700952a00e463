// The outside scenario: every kind of source, every format, every kind of sink, with the power cut before
// every file operation; outboxes, rotation, rejected rows, dead and late letters, keys that expire and are
// evicted among them.
//
// What a source promises is counted once; of what it does not promise, everything that was durable, and of
// what the machine had lost nothing else. Each sink has each result once, or, where it cannot say what it
// has, at least once, and none without its number.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/simulation.h"

namespace tidemark {

struct OutsideScenario {
  std::string store = "files";  // or "sqlite"
  bool journal = true;
  Lanes lanes = Lanes::at_once;
  std::uint64_t stride = 1;
  std::size_t enough_violations = 5;  // then no more cuts are made
};

struct OutsideReport {
  std::uint64_t cuts = 0;
  std::uint64_t lost = 0;      // records of sources that may lose some, over all cuts
  std::uint64_t repeated = 0;  // results that a sink got more than once, over all cuts
  std::uint64_t dropped = 0, rejected = 0, rotated = 0, late = 0, expired = 0, evicted = 0;  // without a cut
  std::vector<std::string> violations;
};

OutsideReport cut_off_everywhere(const OutsideScenario& scenario);

}  // namespace tidemark
