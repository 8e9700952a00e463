// The canonical text of an expression, with the place of every node in it.
//
// A compiled program keeps this text and names the part at fault of a record by its place there.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "expressions/ast.h"

namespace tidemark {

struct CanonicalText {
  struct Span {
    std::uint32_t offset;
    std::uint32_t length;
  };
  std::string text;
  std::unordered_map<const Expression*, Span> spans;  // of every node of the tree that was given
};

CanonicalText canonical_text(const Expression& expression);

}  // namespace tidemark
