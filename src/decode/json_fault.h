// Where a JSON document is wrong, and in what way: a plain scanner for the message of a bad record.
//
// The fast parser only says that a document is wrong. This one runs after it, on bad records only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "decode/decoder.h"

namespace tidemark {

// The first fault of a record that must be one JSON object, nested at most max_depth deep, whose integers fit
// 64 bits; nothing when there is none.
std::optional<DecodeError> find_json_fault(std::string_view text, std::uint32_t max_depth);

}  // namespace tidemark
