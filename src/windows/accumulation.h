// Accumulation applies a record to all aggregates of a pipeline, whole or not at all: check() on each, which
// may refuse, then update() on each, which cannot fail.
//
// Those that nearly every pipeline has (count, sum, avg, min, max) are applied without a virtual call; a new
// aggregate needs nothing here. Aggregates over the same arguments share them, so that avg(x), min(x), max(x)
// cost one evaluation of x. Lifetime: aggregates and layout outlive it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "windows/aggregate.h"
#include "windows/layout.h"

namespace tidemark {

class Accumulation {
 public:
  // An aggregate, and where its arguments begin in those of a record.
  struct Call {
    const Aggregate* aggregate = nullptr;
    std::size_t first_argument = 0, arguments = 0;
  };
  // What one record gives to all of them. `passed_over`: by aggregate; empty when no FILTER holds one back.
  struct Record {
    std::span<const Value> arguments;
    EventTime time;
    Position position;
    std::span<const std::uint8_t> passed_over = {};
  };

  Accumulation(const AggregateLayout& layout, std::span<const Call> calls);

  // Why the record cannot be applied; null when it can. The text is static.
  const char* check(const std::byte* block, const Record& record) const;
  void update(std::byte* block, const Record& record) const;
  // check(), and update() when nothing speaks against it.
  const char* apply(std::byte* block, const Record& record) const {
    if (is_plain_ && record.passed_over.empty() && apply_floats(block, record.arguments.data()))
      return nullptr;
    return apply_any(block, record);
  }

 private:
  enum class Kind : std::uint8_t { other, count_all, count, sum, smallest, largest };
  struct Step {
    const Aggregate* aggregate;
    std::uint32_t offset;  // in the block
    std::uint32_t first_argument;
    std::uint16_t arguments;
    Kind kind;
  };
  bool apply_floats(std::byte* block, const Value* arguments) const;
  const char* apply_any(std::byte* block, const Record& record) const;
  static const char* check(const Step& step, const std::byte* state, const Record& record);
  static void update(const Step& step, std::byte* state, const Record& record);
  static Aggregate::Input input(const Step& step, const Record& record) {
    return {.arguments = record.arguments.subspan(step.first_argument, step.arguments),
            .time = record.time,
            .position = record.position};
  }

  std::vector<Step> steps_;
  bool is_plain_ = true;                 // all are of those that need no virtual call
  std::vector<std::uint32_t> numbers_;   // arguments of sum, avg, min and max
  std::vector<std::uint32_t> extremes_;  // where the states of min and max are
};

}  // namespace tidemark
