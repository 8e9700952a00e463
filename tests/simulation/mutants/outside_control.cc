// A control of the outside scenario, like crash_control.cc: exit 0 when what was taken out was missed.
#include <cstdio>

#include "simulation/outside_scenario.h"

int main(int, char** arguments) {
  using namespace tidemark;
  const OutsideReport report = cut_off_everywhere({.stride = 5, .enough_violations = 1});
  if (!report.violations.empty()) {
    std::printf("%s: %s\n", arguments[0], report.violations.front().c_str());
    return 0;
  }
  std::printf("no promise was broken: the scenario would not notice\n");
  return 1;
}
