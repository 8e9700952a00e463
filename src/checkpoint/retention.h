// Which segments are still needed: a segment lives as long as a manifest names it.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "checkpoint/store.h"

namespace tidemark {

// The names in all manifests of the store. Nothing when one of them cannot be read: it may name anything.
Result<std::optional<std::set<std::string>>> named_segments(CheckpointStore& store);

}  // namespace tidemark
