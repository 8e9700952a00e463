// outline(): reads the form of a TOML file: where its keys and values stand, and the first mistake of
// grammar.
//
// The TOML library gives values without the places of their keys, and its words for mistakes are meant for
// people who know TOML's grammar. So the outline is drawn first, by TOML 1.0's own rules; the library then
// fills in the values and judges what the outline does not look at (the digits of numbers, dates, which
// tables may be extended). It also keeps hostile files from the library: nesting is bounded by
// kMaxConfigDepth, size by `most_bytes` and kMaxConfigLine, and text that is not UTF-8, or holds control
// characters, is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "config/diagnostics.h"
#include "config/tree.h"

namespace tidemark {

// The tree with kinds and places; texts, integers and booleans are still empty, and every number's kind is
// integer. Nothing, and one error, when the file is no TOML.
std::optional<Node> outline(std::uint32_t file, Diagnostics& diagnostics, std::size_t most_bytes);

}  // namespace tidemark
