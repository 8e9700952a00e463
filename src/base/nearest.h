// nearest("tumbeling", {"tumbling", ...}): the word somebody most likely meant, or nothing when none is
// close.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tidemark {

// By Damerau-Levenshtein distance (Damerau 1964), at most a third of the word's length, at least 1.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> allowed);

}  // namespace tidemark
