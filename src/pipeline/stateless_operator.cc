#include "pipeline/stateless_operator.h"

#include "pipeline/binders.h"

namespace tidemark {

StatelessOperator::StatelessOperator(const OperatorOptions& options)
    : plan_(options.plan), outlets_(options.outlets), rows_(options.plan, options.outlets, options.output) {
  for (const Program& column : plan_.select) numbers_.push_back(rows_.add(column));
}

void StatelessOperator::process(const InputRow& row, const PipelineInput& input) {
  if (!rows_.load(row, input)) return;
  const std::span<Value> working = rows_.working();
  const std::span<Value> selected = working.subspan(RowBinder::slots_with_selected());
  for (std::size_t i = 0; i < plan_.select.size(); ++i) {
    if (rows_.foreseen(numbers_[i], selected[i])) continue;
    const auto value = plan_.select[i].evaluate(working, rows_.arena());
    if (!value) return rows_.reject(row, "select: " + plan_.select[i].describe(value.error()));
    selected[i] = *value;
  }
  if (plan_.having) {
    const auto passes = plan_.having->evaluate_predicate(working, rows_.arena());
    if (!passes) return rows_.reject(row, "having: " + plan_.having->describe(passes.error()));
    if (!*passes) return;
  }
  ++rows_.counters().results;
  outlets_.main.emit(row.position, selected);
  if (outlets_.downstream) outlets_.downstream(selected, row.time, row.received, row.position);
}

}  // namespace tidemark
