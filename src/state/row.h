// Rows: how entries stand in a checkpoint segment. Encoded one after another, without padding.
//
//   flags (1: bit 0 erased)  key (length-prefixed)  payload (length-prefixed; absent when erased)
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace tidemark {

struct Row {
  std::string_view key;
  bool erased = false;
  std::string_view payload;
};

void append_row(std::string& out, const Row& row);

// Takes the next row off `in`; false at the end or when the bytes do not hold (then in.failed()).
bool take_row(Decoder& in, Row& row);

}  // namespace tidemark
