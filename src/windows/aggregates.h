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
std::unique_ptr<Aggregate> make_any_value();
std::unique_ptr<Aggregate> make_min_by();
std::unique_ptr<Aggregate> make_max_by();
std::unique_ptr<Aggregate> make_var_pop();
std::unique_ptr<Aggregate> make_var_samp();
std::unique_ptr<Aggregate> make_stddev_pop();
std::unique_ptr<Aggregate> make_stddev_samp();
std::unique_ptr<Aggregate> make_bool_and();
std::unique_ptr<Aggregate> make_bool_or();
std::unique_ptr<Aggregate> make_count_distinct();
std::unique_ptr<Aggregate> make_median();
std::unique_ptr<Aggregate> make_delta();
std::unique_ptr<Aggregate> make_increase();
std::unique_ptr<Aggregate> make_rate();
std::unique_ptr<Aggregate> make_time_avg();

using MadeAggregate = std::expected<std::unique_ptr<Aggregate>, std::string>;
MadeAggregate make_several_min_by(std::span<const Value> constants);
MadeAggregate make_several_max_by(std::span<const Value> constants);
MadeAggregate make_quantile(std::span<const Value> constants);
MadeAggregate make_histogram(std::span<const Value> constants);
MadeAggregate make_top(std::span<const Value> constants);
MadeAggregate make_collect(std::span<const Value> constants);

// `inner` over each different value once: count(DISTINCT x), sum(DISTINCT x).
std::unique_ptr<Aggregate> make_distinct(std::unique_ptr<Aggregate> inner);

}  // namespace tidemark
