// SearchPattern: a regular expression that is looked for anywhere in texts; a door to RE2.
//
// RE2's syntax, matching in time linear in the text, whatever the pattern. Texts are UTF-8; bytes that are
// none are found by nothing but their own escapes. Threads: several may search at once.  Movable value.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"

namespace tidemark {

class SearchPattern {
 public:
  // Groups that a match is asked for, all of it as the first.
  static constexpr std::size_t kMostGroups = 32;
  using Groups = std::array<std::optional<std::string_view>, kMostGroups>;

  // Fails with what RE2 says of a pattern that it cannot take: wrong, or too large.
  static Result<SearchPattern> compile(std::string_view text);
  SearchPattern(SearchPattern&&) noexcept;
  SearchPattern& operator=(SearchPattern&&) noexcept;
  ~SearchPattern();

  std::size_t groups() const;  // in parentheses
  // The number of a group by its name, (?P<name>…).
  std::optional<std::size_t> group(std::string_view name) const;

  bool matches(std::string_view text) const;
  // The leftmost match that begins at or after `from`; of its groups the first `wanted`, 1 to kMostGroups,
  // are written: views into the text, nothing where a group took no part or is none.
  bool find(std::string_view text, std::size_t from, std::size_t wanted, Groups& found) const;

 private:
  struct Compiled;
  SearchPattern();
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace tidemark
