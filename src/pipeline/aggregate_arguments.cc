#include "pipeline/aggregate_arguments.h"

#include <algorithm>

namespace tidemark {

AggregateArguments::AggregateArguments(const PipelinePlan& plan, RowEvaluation& rows) {
  std::vector<const Program*> places;
  for (std::size_t i = 0; i < plan.aggregates.size(); ++i) {
    const AggregateColumn& column = plan.aggregates[i];
    if (column.filter) {
      steps_.push_back(
          {&column, &*column.filter, rows.add(*column.filter), static_cast<std::uint32_t>(i), true});
      passed_over_.resize(plan.aggregates.size());
    }
    place(column, rows, places);
  }
  values_.resize(places.size());
}

// Where an earlier aggregate has the same arguments, beside each other, they are shared.
void AggregateArguments::place(const AggregateColumn& column, RowEvaluation& rows,
                               std::vector<const Program*>& places) {
  const auto same = [](const Program& a, const Program* b) { return a.text() == b->text(); };
  const auto found =
      std::search(places.begin(), places.end(), column.arguments.begin(), column.arguments.end(),
                  [&](const Program* b, const Program& a) { return same(a, b); });
  const bool shared = found != places.end() || column.arguments.empty();
  const auto first = shared ? static_cast<std::size_t>(found - places.begin()) : places.size();
  calls_.push_back({column.aggregate.get(), first, column.arguments.size()});
  if (shared) return;
  for (const Program& program : column.arguments) {
    const auto to = static_cast<std::uint32_t>(places.size());
    if (const auto slot = program.bare_slot())
      copies_.push_back({*slot, to});
    else
      steps_.push_back({&column, &program, rows.add(program), to, false});
    places.push_back(&program);
  }
}

bool AggregateArguments::evaluate_steps(RowEvaluation& rows, const InputRow& row) {
  for (const Step& step : steps_)
    if (!evaluate_step(step, rows, row)) return false;
  return true;
}

bool AggregateArguments::evaluate_step(const Step& step, RowEvaluation& rows, const InputRow& row) {
  if (step.is_filter) {
    if (Value known; rows.foreseen(step.number, known) && (known.is_boolean() || known.is_null())) {
      passed_over_[step.to] = known.is_boolean() && known.as_boolean() ? 0 : 1;
      return true;
    }
    const auto passes = step.program->evaluate_predicate(rows.working(), rows.arena());
    if (!passes) {
      rows.reject(row, "filter: " + step.program->describe(passes.error()));
      return false;
    }
    passed_over_[step.to] = *passes ? 0 : 1;
    return true;
  }
  if (rows.foreseen(step.number, values_[step.to])) return true;
  const auto value = step.program->evaluate(rows.working(), rows.arena());
  if (!value) {
    rows.reject(row, step.column->text + ": " + step.program->describe(value.error()));
    return false;
  }
  values_[step.to] = *value;
  return true;
}

}  // namespace tidemark
