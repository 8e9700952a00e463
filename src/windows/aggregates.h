// What the files of aggregates offer to the registry.
//
// NaN: a value like any other to count, first and last; makes sum and avg NaN; min, max, min_by and max_by
// pass over it as over NULL, since it orders nowhere.
#pragma once

#include <memory>

#include "windows/aggregate.h"

namespace tidemark {

std::unique_ptr<Aggregate> make_count();
std::unique_ptr<Aggregate> make_sum();
std::unique_ptr<Aggregate> make_avg();
std::unique_ptr<Aggregate> make_min();
std::unique_ptr<Aggregate> make_max();
std::unique_ptr<Aggregate> make_first();
std::unique_ptr<Aggregate> make_last();
std::unique_ptr<Aggregate> make_min_by();
std::unique_ptr<Aggregate> make_max_by();

}  // namespace tidemark
