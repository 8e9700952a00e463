// A value of a typed field out of a format whose values have types of their own (json, influx, msgpack …).
//
//   string, bool   nothing else      float   also an integer      int   also a float without a fraction
// Pure.
#pragma once

#include <string_view>

#include "base/value.h"
#include "config/settings.h"
#include "decode/decoder.h"

namespace tidemark {

bool convert_typed(Value& value, FieldSetting::Type type);

// Makes the value what the type asks for, when nothing is lost by it. NULL is of every type.
inline bool convert(Value& value, FieldSetting::Type type) {
  return type == FieldSetting::Type::any || value.is_null() || convert_typed(value, type);
}

// "field n: 1.5 is no int": of a value that cannot be converted.
DecodeError no_such_type(std::string_view name, const Value& value, FieldSetting::Type type);

std::string_view type_word(FieldSetting::Type type);  // "int", as the configuration writes it

}  // namespace tidemark
