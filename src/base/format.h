// format("{} of {}", n, m): fmt's formatting under the project's name; the one door to that library.
#pragma once

#include <fmt/core.h>
#if !__has_include(<format>)
namespace tidemark {
using fmt::format;
}  // namespace tidemark
#else

#include <string>
#include <utility>

namespace tidemark {

// An object that is called, not a function: with arguments of namespace std, std::format would be found
// beside it and the call be ambiguous.
struct Formatting {
  template <typename... Arguments>
  std::string operator()(fmt::format_string<Arguments...> text, Arguments&&... arguments) const {
    return fmt::format(text, std::forward<Arguments>(arguments)...);
  }
};
inline constexpr Formatting format;

}  // namespace tidemark
#endif
