// A value of a typed field out of a piece of text, as csv and text records have them.
//
//   string or no type   the text
//   int, float          no spaces, no signs but -, no nan and inf
//   bool                true or false
// Pure.
#pragma once

#include <cstddef>
#include <expected>
#include <string_view>

#include "base/value.h"
#include "config/settings.h"
#include "decode/decoder.h"

namespace tidemark {

// The value is a view into `text`. `offset` is where the text stands in the record, `name` the field's.
std::expected<Value, DecodeError> typed_text(std::string_view text, std::string_view name,
                                             FieldSetting::Type type, std::size_t offset);

}  // namespace tidemark
