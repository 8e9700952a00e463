#include "windows/count.h"

#include "windows/aggregates.h"

namespace tidemark {

std::unique_ptr<Aggregate> make_count() {
  return std::make_unique<Count>();
}

}  // namespace tidemark
