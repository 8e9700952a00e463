#include "base/search_pattern.h"

#include <re2/re2.h>

#include <algorithm>
#include <string>

namespace tidemark {
namespace {

// What a pattern may take in memory, its automaton's states included. Beyond it RE2 forgets states or
// searches without them: slower, with the same result.
constexpr std::int64_t kMostMemory = 2 << 20;

}  // namespace

struct SearchPattern::Compiled {
  Compiled(std::string_view text, const RE2::Options& options)
      : expression(re2::StringPiece(text.data(), text.size()), options) {}
  RE2 expression;
};

SearchPattern::SearchPattern() = default;
SearchPattern::SearchPattern(SearchPattern&&) noexcept = default;
SearchPattern& SearchPattern::operator=(SearchPattern&&) noexcept = default;
SearchPattern::~SearchPattern() = default;

Result<SearchPattern> SearchPattern::compile(std::string_view text) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMostMemory);
  SearchPattern pattern;
  auto compiled = std::make_unique<const Compiled>(text, options);
  if (!compiled->expression.ok()) return fail(compiled->expression.error(), Error::Kind::usage);
  pattern.compiled_ = std::move(compiled);
  return pattern;
}

std::size_t SearchPattern::groups() const {
  return static_cast<std::size_t>(compiled_->expression.NumberOfCapturingGroups());
}

std::optional<std::size_t> SearchPattern::group(std::string_view name) const {
  const auto& names = compiled_->expression.NamedCapturingGroups();
  const auto found = names.find(std::string(name));
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found->second);
}

bool SearchPattern::matches(std::string_view text) const {
  return compiled_->expression.Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                                     RE2::UNANCHORED, nullptr, 0);
}

bool SearchPattern::find(std::string_view text, std::size_t from, std::size_t wanted, Groups& found) const {
  if (text.empty()) text = "";  // never from nowhere, which for RE2 is no match
  std::array<re2::StringPiece, kMostGroups> pieces;
  wanted = std::min({wanted, kMostGroups, groups() + 1});
  if (!compiled_->expression.Match(re2::StringPiece(text.data(), text.size()), from, text.size(),
                                   RE2::UNANCHORED, pieces.data(), static_cast<int>(wanted)))
    return false;
  found.fill(std::nullopt);
  for (std::size_t i = 0; i < wanted; ++i) {
    if (pieces[i].data() != nullptr) found[i] = std::string_view(pieces[i].data(), pieces[i].size());
  }
  return true;
}

}  // namespace tidemark
