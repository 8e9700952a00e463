// The C++ functions behind the registry's lines, by subject. Contracts: Function::Evaluate; what each does is
// its line in functions.cc.
#pragma once

#include "expressions/functions.h"

namespace tidemark::function {

// number_functions.cc
Fault abs(std::span<const Value> arguments, Arena& arena, Value& out);
Fault ceil(std::span<const Value> arguments, Arena& arena, Value& out);
Fault floor(std::span<const Value> arguments, Arena& arena, Value& out);
Fault max(std::span<const Value> arguments, Arena& arena, Value& out);
Fault min(std::span<const Value> arguments, Arena& arena, Value& out);
Fault round(std::span<const Value> arguments, Arena& arena, Value& out);

// text_functions.cc
Fault concat(std::span<const Value> arguments, Arena& arena, Value& out);
Fault length(std::span<const Value> arguments, Arena& arena, Value& out);
Fault lower(std::span<const Value> arguments, Arena& arena, Value& out);
Fault ltrim(std::span<const Value> arguments, Arena& arena, Value& out);
Fault rtrim(std::span<const Value> arguments, Arena& arena, Value& out);
Fault substr(std::span<const Value> arguments, Arena& arena, Value& out);
Fault trim(std::span<const Value> arguments, Arena& arena, Value& out);
Fault upper(std::span<const Value> arguments, Arena& arena, Value& out);

}  // namespace tidemark::function
