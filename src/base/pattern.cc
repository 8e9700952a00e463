#include "base/pattern.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "base/format.h"

namespace tidemark {
namespace {

// What a pattern may take in memory, its automaton's states included.
constexpr std::int64_t kMostMemory = 8 << 20;

}  // namespace

struct Pattern::Compiled {
  explicit Compiled(std::string_view text, const RE2::Options& options)
      : expression(re2::StringPiece(text.data(), text.size()), options) {}
  RE2 expression;
  std::vector<int> groups;                   // of each name
  std::vector<re2::StringPiece> submatches;  // of the match at hand, all of it first
};

Pattern::Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Result<Pattern> Pattern::compile(std::string_view text) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMostMemory);
  Pattern pattern;
  pattern.compiled_ = std::make_unique<Compiled>(text, options);
  Compiled& compiled = *pattern.compiled_;
  if (!compiled.expression.ok()) return fail(compiled.expression.error(), Error::Kind::usage);
  int most = 0;
  for (const auto& [group, name] : compiled.expression.CapturingGroupNames()) {
    if (std::ranges::find(pattern.names_, name) != pattern.names_.end())
      return fail(format("two groups are called \"{}\"", name), Error::Kind::usage);
    pattern.names_.push_back(name);
    compiled.groups.push_back(group);
    most = group;
  }
  if (pattern.names_.empty())
    return fail("it has no named group, and so no field; name one as in (?P<level>\\w+)", Error::Kind::usage);
  compiled.submatches.resize(static_cast<std::size_t>(most) + 1);
  return pattern;
}

bool Pattern::match(std::string_view text, std::span<std::optional<std::string_view>> groups) const {
  std::vector<re2::StringPiece>& found = compiled_->submatches;
  const re2::StringPiece whole(text.data(), text.size());
  if (!compiled_->expression.Match(whole, 0, text.size(), RE2::ANCHOR_BOTH, found.data(),
                                   static_cast<int>(found.size())))
    return false;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const re2::StringPiece& group = found[static_cast<std::size_t>(compiled_->groups[i])];
    groups[i].reset();
    if (group.data() != nullptr) groups[i] = std::string_view(group.data(), group.size());
  }
  return true;
}

}  // namespace tidemark
