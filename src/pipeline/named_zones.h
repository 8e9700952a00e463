// The time zones that a configuration's expressions name, but for fixed offsets: what the loader reads the
// rules of. Pure.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"

namespace tidemark {

// Each once, in the order of their names. What does not parse names none.
std::vector<std::string> named_zones(const Settings& settings);

}  // namespace tidemark
