// SystemRandom: the kernel's randomness (getrandom). Aborts when the kernel has none to give.
#pragma once

#include "platform/random.h"

namespace tidemark {

class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;
};

}  // namespace tidemark
