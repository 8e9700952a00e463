#include "expressions/like.h"

#include <cstddef>

#include "expressions/characters.h"

namespace tidemark {
namespace {

bool same_character(std::string_view a, std::string_view b) {
  if (a.size() == 1 && b.size() == 1) return small_letter(a[0]) == small_letter(b[0]);
  return a == b;
}

struct Pattern {
  enum class Kind { literal, one, any, nothing };
  Kind kind;
  std::string_view literal;  // of a literal
  std::size_t size;          // bytes taken of the pattern
};

// What stands at that place of the pattern, which must lie inside it.
Pattern pattern_at(std::string_view pattern, std::size_t at, std::string_view escape) {
  const std::size_t size = character_size(pattern, at);
  const std::string_view c = pattern.substr(at, size);
  if (!escape.empty() && c == escape) {
    const std::size_t next = at + size;
    if (next == pattern.size()) return {Pattern::Kind::nothing, {}, size};
    const std::size_t escaped = character_size(pattern, next);
    return {Pattern::Kind::literal, pattern.substr(next, escaped), size + escaped};
  }
  if (c == "%") return {Pattern::Kind::any, {}, size};
  if (c == "_") return {Pattern::Kind::one, {}, size};
  return {Pattern::Kind::literal, c, size};
}

}  // namespace

// Greedy, with one point of return: when what follows the last % does not fit, that % takes one character
// more. An earlier % never has to be tried again, since a later one takes whatever it could give.
bool like(std::string_view text, std::string_view pattern, std::string_view escape) {
  std::size_t t = 0;
  std::size_t p = 0;
  bool seen_any = false;
  std::size_t after_any = 0;  // in the pattern
  std::size_t retry = 0;      // in the text
  while (t < text.size() || p < pattern.size()) {
    if (p < pattern.size()) {
      const Pattern part = pattern_at(pattern, p, escape);
      if (part.kind == Pattern::Kind::any) {
        p += part.size;
        seen_any = true;
        after_any = p;
        retry = t;
        continue;
      }
      if (t < text.size()) {
        const std::size_t size = character_size(text, t);
        if (part.kind == Pattern::Kind::one ||
            (part.kind == Pattern::Kind::literal && same_character(text.substr(t, size), part.literal))) {
          t += size;
          p += part.size;
          continue;
        }
      }
    }
    if (!seen_any || retry >= text.size()) return false;
    retry += character_size(text, retry);
    t = retry;
    p = after_any;
  }
  return true;
}

}  // namespace tidemark
