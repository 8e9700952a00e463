// Random: the machine's source of randomness, for identities made once (lineage, client ids) and for hash
// seeds. Nothing that replay must repeat may use it. Threads: loop only.
#pragma once

#include <cstdint>

namespace tidemark {

class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
};

}  // namespace tidemark
