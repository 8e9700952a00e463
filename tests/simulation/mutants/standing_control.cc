// A control of the standing scenario, like crash_control.cc: exit 0 when what was taken out was missed.
#include <cstdio>

#include "simulation/standing_scenario.h"

int main(int, char** arguments) {
  using namespace tidemark;
  for (const Lanes lanes : {Lanes::interleaved, Lanes::at_once}) {
    const StandingReport report =
        stand_still_everywhere({.lanes = lanes, .stride = 5, .enough_violations = 1});
    if (report.violations.empty()) continue;
    std::printf("%s: %s\n", arguments[0], report.violations.front().c_str());
    return 0;
  }
  std::printf("no promise was broken: the scenario would not notice\n");
  return 1;
}
