#include "windows/accumulation.h"

#include <algorithm>

#include "windows/count.h"
#include "windows/extremes.h"
#include "windows/sum_avg.h"

namespace tidemark {

Accumulation::Accumulation(const AggregateLayout& layout, std::span<const Call> calls) {
  const auto kind_of = [](const Call& call) {
    if (dynamic_cast<const Count*>(call.aggregate) != nullptr)
      return call.arguments == 0 ? Kind::count_all : Kind::count;
    if (dynamic_cast<const Summing*>(call.aggregate) != nullptr) return Kind::sum;
    if (const auto* extreme = dynamic_cast<const Extreme*>(call.aggregate))
      return extreme->side() == Side::smallest ? Kind::smallest : Kind::largest;
    return Kind::other;
  };
  for (std::size_t i = 0; i < calls.size(); ++i)
    steps_.push_back({.aggregate = calls[i].aggregate,
                      .offset = static_cast<std::uint32_t>(layout.offset(i)),
                      .first_argument = static_cast<std::uint32_t>(calls[i].first_argument),
                      .arguments = static_cast<std::uint16_t>(calls[i].arguments),
                      .kind = kind_of(calls[i])});
  for (const Step& step : steps_) {
    is_plain_ = is_plain_ && step.kind != Kind::other;
    const bool extreme = step.kind == Kind::smallest || step.kind == Kind::largest;
    if (extreme) extremes_.push_back(step.offset);
    if ((extreme || step.kind == Kind::sum) &&
        std::ranges::find(numbers_, step.first_argument) == numbers_.end())
      numbers_.push_back(step.first_argument);
  }
}

// What nearly every record is: floats for aggregates of floats, which cannot be refused.
bool Accumulation::apply_floats(std::byte* block, const Value* arguments) const {
  for (const std::uint32_t number : numbers_)
    if (!arguments[number].is_real()) return false;
  for (const std::uint32_t extreme : extremes_)
    if (const Value& held = Extreme::of(block + extreme).view(); !held.is_real() && !held.is_null())
      return false;
  for (const Step& step : steps_) {
    std::byte* state = block + step.offset;
    switch (step.kind) {
      case Kind::count_all:
        ++Count::of(state).n;
        break;
      case Kind::sum:
        Summing::of(state).add(arguments[step.first_argument]);
        break;
      case Kind::smallest:
        take_extreme(Extreme::of(state), arguments[step.first_argument], Side::smallest);
        break;
      case Kind::largest:
        take_extreme(Extreme::of(state), arguments[step.first_argument], Side::largest);
        break;
      case Kind::count:
        if (!arguments[step.first_argument].is_null()) ++Count::of(state).n;
        break;
      case Kind::other:
        break;
    }
  }
  return true;
}

const char* Accumulation::apply_any(std::byte* block, const Record& record) const {
  if (const char* refusal = check(block, record)) return refusal;
  update(block, record);
  return nullptr;
}

inline const char* Accumulation::check(const Step& step, const std::byte* state, const Record& record) {
  switch (step.kind) {
    case Kind::count_all:
    case Kind::count:
      return nullptr;
    case Kind::sum:
      return Summing::of(state).check(record.arguments.data()[step.first_argument]);
    case Kind::smallest:
    case Kind::largest:
      return check_extreme(Extreme::of(state), record.arguments.data()[step.first_argument]);
    case Kind::other:
      break;
  }
  return step.aggregate->check(state, input(step, record));
}

inline void Accumulation::update(const Step& step, std::byte* state, const Record& record) {
  switch (step.kind) {
    case Kind::count_all:
      ++Count::of(state).n;
      return;
    case Kind::count:
      if (!record.arguments.data()[step.first_argument].is_null()) ++Count::of(state).n;
      return;
    case Kind::sum:
      Summing::of(state).add(record.arguments.data()[step.first_argument]);
      return;
    case Kind::smallest:
      take_extreme(Extreme::of(state), record.arguments.data()[step.first_argument], Side::smallest);
      return;
    case Kind::largest:
      take_extreme(Extreme::of(state), record.arguments.data()[step.first_argument], Side::largest);
      return;
    case Kind::other:
      break;
  }
  step.aggregate->update(state, input(step, record));
}

const char* Accumulation::check(const std::byte* block, const Record& record) const {
  const std::uint8_t* passed_over = record.passed_over.empty() ? nullptr : record.passed_over.data();
  for (const Step& step : steps_) {
    if (passed_over != nullptr && *passed_over++ != 0) continue;
    if (const char* refusal = check(step, block + step.offset, record)) return refusal;
  }
  return nullptr;
}

void Accumulation::update(std::byte* block, const Record& record) const {
  const std::uint8_t* passed_over = record.passed_over.empty() ? nullptr : record.passed_over.data();
  for (const Step& step : steps_) {
    if (passed_over != nullptr && *passed_over++ != 0) continue;
    update(step, block + step.offset, record);
  }
}

}  // namespace tidemark
