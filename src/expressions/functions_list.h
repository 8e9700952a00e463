// The tables of functions, one a subject: each stands at the end of the file that its functions are in.
#pragma once

#include <span>

#include "expressions/functions.h"

namespace tidemark::function {

// What the tables say often.
constexpr TypeSet kAny = TypeSet::any();
constexpr TypeSet kBoolean = TypeSet::boolean();
constexpr TypeSet kInteger = TypeSet::integer();
constexpr TypeSet kNumber = TypeSet::number();
constexpr TypeSet kReal = TypeSet::real();
constexpr TypeSet kText = TypeSet::text();

std::span<const Function> bits();            // bit_functions.cc
std::span<const Function> choices();         // choice_functions.cc
std::span<const Function> json_functions();  // json_functions.cc
std::span<const Function> lookups();         // lookup_function.cc
std::span<const Function> mathematics();     // math_functions.cc
std::span<const Function> numbers();         // number_functions.cc
std::span<const Function> encodings();       // encoding_functions.cc
std::span<const Function> formatting();      // format_function.cc
std::span<const Function> patterns();        // pattern_functions.cc
std::span<const Function> texts();           // text_functions.cc
std::span<const Function> text_parts();      // text_parts.cc
std::span<const Function> times();           // time_functions.cc

// concat(x, …): the operator || without its NULLs.
Fault concat(const Arguments& arguments, Value& out);

}  // namespace tidemark::function
