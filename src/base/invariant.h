// invariant(condition, what) aborts with a message when a condition of the program's own making is broken.
//
// After a broken invariant, replay from the last checkpoint is safer than going on.
#pragma once

#include <source_location>
#include <string_view>

namespace tidemark {

[[noreturn]] void invariant_broken(std::string_view what, const std::source_location& where);

inline void invariant(bool holds, std::string_view what,
                      const std::source_location& where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    invariant_broken(what, where);
}

}  // namespace tidemark
