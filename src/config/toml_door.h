// read_toml(): a configuration file as a tree. The one door to the TOML library (toml++).
#pragma once

#include <cstdint>
#include <optional>

#include "config/diagnostics.h"
#include "config/tree.h"

namespace tidemark {

// `file` is an index into the diagnostics' files. Nothing, and one error, when it is no TOML.
std::optional<Node> read_toml(std::uint32_t file, Diagnostics& diagnostics,
                              std::size_t most_bytes = kMaxConfigBytes);

}  // namespace tidemark
