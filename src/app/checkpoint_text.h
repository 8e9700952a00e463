// Checkpoints for a person: `checkpoint list` and `checkpoint show`.
#pragma once

#include <span>
#include <string>

#include "app/checkpoint_json.h"

namespace tidemark {

// A table with headings, also when there are no rows.
std::string checkpoint_list_text(std::span<const CheckpointRow> rows);
std::string checkpoint_text(const Manifest& manifest);

}  // namespace tidemark
