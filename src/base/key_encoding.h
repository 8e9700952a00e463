// Keys as bytes whose memcmp order is the order of the values: NULL < false < true < numbers < text.
//
// Typed: 1, 1.0 and "1" are three keys; -0.0 and 0.0 are one; all NaN are one. Integers sort before floats.
// A key of several values is the concatenation; every encoding is self-delimiting, so ("a","bc") and
// ("ab","c") differ. Whatever walks state walks it in this order. The bytes are part of the checkpoint
// format.
//
//   NULL 0x01 · false 0x02 · true 0x03 · integer 0x04 + 8 bytes big-endian, sign bit flipped
//   float 0x05 + 8 bytes big-endian, negative inverted, else sign bit flipped · text 0x06 + bytes with
//   0x00 written as 0x00 0xff, ended by 0x00 0x01
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/value.h"

namespace tidemark {

void append_key(std::string& out, const Value& value);

// A window's start as the first part of a key: 8 bytes, big-endian, sign bit flipped.
void append_key_time(std::string& out, std::int64_t ns);

// The same into memory that has room for `key_room` bytes (a time: 8); returns the end.
std::size_t key_room(const Value& value);
char* write_key(char* to, const Value& value);
char* write_key_time(char* to, std::int64_t ns);
Result<std::int64_t> take_key_time(std::string_view& key);

// The inverse of append_key, repeated to the end of the key. Text that holds no 0x00 is viewed in place,
// other text is written to `scratch`, which must outlive the values.
Result<std::vector<Value>> decode_key(std::string_view key, std::vector<std::string>& scratch);
// The same into `values`, which keeps its memory.
Status decode_key(std::string_view key, std::vector<Value>& values, std::vector<std::string>& scratch);

}  // namespace tidemark
