// Pattern: a regular expression whose named groups take the fields out of a line; the door to RE2.
//
// RE2's syntax, matching in time linear in the text, whatever the pattern. The whole text must match.
// Threads: matching from one at a time.  Movable value.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidemark {

class Pattern {
 public:
  // Fails with what RE2 says of a pattern that it cannot take (wrong, or too large), or when it has no named
  // group.
  static Result<Pattern> compile(std::string_view text);
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  // The groups' names, in the order in which they open.
  std::span<const std::string> names() const { return names_; }

  // Whether the text has the form. Then groups[i] is what the group names()[i] took, a view into `text`, or
  // nothing when it took no part; groups.size() is names().size().
  bool match(std::string_view text, std::span<std::optional<std::string_view>> groups) const;

 private:
  struct Compiled;
  Pattern();
  std::unique_ptr<Compiled> compiled_;
  std::vector<std::string> names_;
};

}  // namespace tidemark
