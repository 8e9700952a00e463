#include "windows/sum_avg.h"

#include "windows/aggregates.h"

namespace tidemark {

std::unique_ptr<Aggregate> make_sum() {
  return std::make_unique<Sum>();
}
std::unique_ptr<Aggregate> make_avg() {
  return std::make_unique<Average>();
}

}  // namespace tidemark
