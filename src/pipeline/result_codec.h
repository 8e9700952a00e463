// A result's values as bytes: what waits for delivery, what a checkpoint keeps of it, and what the chain hash
// is over.
//
//   per value: type (1: 0 NULL, 1 false, 2 true, 3 integer, 4 float, 5 text), then 8 bytes or a
//   length-prefixed text
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/value.h"

namespace tidemark {

void encode_values(Encoder& out, std::span<const Value> values);
// Texts are views into `bytes`. False when the bytes do not hold exactly `values.size()` values.
bool decode_values(std::string_view bytes, std::span<Value> values);

}  // namespace tidemark
