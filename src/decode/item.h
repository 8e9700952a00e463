// Item: one value of a self-describing binary format (MessagePack, CBOR), or the head of an array or map
// whose values follow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/value.h"

namespace tidemark {

struct Item {
  enum class Kind : std::uint8_t {
    scalar,   // NULL, a boolean, an integer, a float: `value`
    text,     // `bytes`
    bytes,    // likewise, of no encoding
    array,    // `count` values follow, or any number and an end
    map,      // `count` pairs of them
    end,      // of an array or map whose count was not said
    no_value  // well-formed, and no value that anybody can use: `why`
  };
  static constexpr std::uint64_t kUntilEnd = ~std::uint64_t{0};

  Kind kind = Kind::scalar;
  Value value;
  std::string_view bytes;   // in the payload
  bool passing = false;     // not there, but in the reader: until its next item
  std::uint64_t count = 0;  // of array, map; or kUntilEnd
  std::string_view why;     // static
};

}  // namespace tidemark
