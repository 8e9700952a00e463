#include "windows/aggregates.h"

namespace tidemark {
namespace {

constexpr AggregateDeclaration kAggregates[] = {
    {"count", 0, 1, "how many records; count(x): those where x is not NULL", make_count},
    {"sum", 1, 1, "the sum; of integers exact, of floats compensated", make_sum},
    {"avg", 1, 1, "the mean, a float", make_avg},
    {"min", 1, 1, "the smallest value", make_min},
    {"max", 1, 1, "the largest value", make_max},
    {"first", 1, 1, "the value with the earliest event time", make_first},
    {"last", 1, 1, "the value with the latest event time", make_last},
    {"min_by", 2, 2, "min_by(a, b): the value of a where b was smallest", make_min_by},
    {"max_by", 2, 2, "max_by(a, b): the value of a where b was largest", make_max_by},
};

}  // namespace

std::span<const AggregateDeclaration> aggregate_registry() {
  return kAggregates;
}

const AggregateDeclaration* find_aggregate(std::string_view name, std::size_t arguments) {
  for (const AggregateDeclaration& declaration : kAggregates)
    if (declaration.name == name && arguments >= declaration.min_arguments &&
        arguments <= declaration.max_arguments)
      return &declaration;
  return nullptr;
}

}  // namespace tidemark
