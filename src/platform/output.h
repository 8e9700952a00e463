// ByteOutput: a stream that is only written, such as standard output. Blocking; used on a lane.
// Threads: one at a time.
#pragma once

#include <string_view>

#include "base/result.h"

namespace tidemark {

class ByteOutput {
 public:
  virtual ~ByteOutput() = default;
  // All of it, or an error.
  virtual Status write(std::string_view bytes) = 0;
};

}  // namespace tidemark
