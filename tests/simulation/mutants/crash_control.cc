// A control: the crash scenario over a Tidemark in which one safeguard was taken out when it was compiled
// (see tidemark_mutant in tests/CMakeLists.txt). The oracle must see it: exit 0 when promises were broken.
#include <cstdio>
#include <string>

#include "simulation/crash_scenario.h"

int main(int, char** arguments) {
  using namespace tidemark;
  CrashScenario scenario;
  scenario.stride = 5;
  scenario.enough_violations = 3;
  const CrashReport report = crash_everywhere(scenario);
  std::printf("%s: %s\n%s", arguments[0], report.text().c_str(), report.first_violations().c_str());
  if (!report.violations.empty()) return 0;
  std::printf("no promise was broken: the crash test would not notice\n");
  return 1;
}
