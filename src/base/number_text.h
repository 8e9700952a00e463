// Numbers as text, behind what stands there already.
#pragma once

#include <cstdint>
#include <string>

namespace tidemark {

// As real_to_text (value.h).
void append_number(std::string& out, double d);
void append_number(std::string& out, std::int64_t i);

}  // namespace tidemark
