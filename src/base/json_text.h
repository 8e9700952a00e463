// Texts and values as JSON, behind what stands there already: as JsonWriter (json.h) writes them, without
// one.
#pragma once

#include <string>
#include <string_view>

#include "base/value.h"

namespace tidemark {

void append_json(std::string& out, std::string_view text);
void append_json(std::string& out, const Value& value);

}  // namespace tidemark
