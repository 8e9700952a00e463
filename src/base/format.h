// format("{} of {}", n, m): fmt's formatting under the project's name; the one door to that library.
#pragma once

#include <fmt/core.h>

namespace tidemark {
using fmt::format;
}  // namespace tidemark
