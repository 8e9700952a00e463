#include "pipeline/foreseen_values.h"

#include <algorithm>

#include "pipeline/binders.h"

namespace tidemark {

using Lane = BatchPrograms::Lane;

namespace {

static_assert(BatchPrograms::kRows == RowsAhead::kMost, "a batch is what is decoded ahead");

// A column as it is, is taken as fast in its turn.
bool may_pay(const Program& program) {
  return !program.bare_slot() && BatchPrograms::has_batch_form(program);
}

}  // namespace

ForeseenValues::ForeseenValues(const PipelinePlan& plan)
    : plan_(plan),
      foresees_((plan.where && may_pay(*plan.where)) || std::ranges::any_of(plan.derive, may_pay)),
      forms_(plan.inputs.size()) {}

std::size_t ForeseenValues::add(const Program& program) {
  foresees_ = foresees_ || may_pay(program);
  further_.push_back(&program);
  return further_.size() - 1;
}

// Where a program's values are found in the batch.
std::optional<Lane> ForeseenValues::add(Batch& batch, const Columns& columns, const Program& program) {
  return batch.programs.add(program, [&](std::uint32_t slot) -> std::optional<Lane> {
    if (slot >= RowBinder::kDerivedSlots)
      return derived_lane(batch, columns, slot - RowBinder::kDerivedSlots);
    const std::uint32_t from = columns.input.gather[slot];
    if (from == PipelineInput::kMissing || from < columns.first_decoded) return std::nullopt;
    return batch.programs.column(from);
  });
}

// Also of a column that is another one, for what reads it.
std::optional<Lane> ForeseenValues::derived_lane(Batch& batch, const Columns& columns, std::size_t column) {
  if (column >= plan_.derive.size()) return std::nullopt;  // what a change function says
  auto& known = batch.derived[column];
  if (!known) known = add(batch, columns, plan_.derive[column]);
  return known;
}

ForeseenValues::Form& ForeseenValues::form_of(const Columns& columns) {
  auto& form = forms_[index_of(columns.input)];
  if (form) return *form;
  form = std::make_unique<Form>();
  form->derived.resize(plan_.derive.size());
  const auto place = [](Batch& batch, const Program& program, std::optional<Lane> lane) {
    if (!lane || !may_pay(program)) return Place();
    batch.any = true;
    return Place{&batch, *lane};
  };
  for (Batch* const batch : {&form->before, &form->after}) {
    batch->derived.resize(plan_.derive.size());
    for (const std::size_t i : batch == &form->before ? plan_.derive_before : plan_.derive_after)
      form->derived[i] = place(*batch, plan_.derive[i], derived_lane(*batch, columns, i));
  }
  if (plan_.where) form->where = place(form->before, *plan_.where, add(form->before, columns, *plan_.where));
  for (const Program* const program : further_)
    form->further.push_back(place(form->after, *program, add(form->after, columns, *program)));
  foresees_ = std::ranges::any_of(plan_.inputs, [&](const PipelineInput& input) {
    const auto& its = forms_[index_of(input)];
    return input.from_source && (!its || its->before.any || its->after.any);
  });
  return *form;
}

void ForeseenValues::foresee(const Foresight& foresight, const PipelineInput& input) {
  foresight_ = 0;
  at_ = kNowhere;
  next_ = count_ = 0;
  if (!foresees_ || foresight.rows.size() < kFewest) return;
  Form& form = form_of({input, foresight.first_decoded});
  foresight_ = foresight.number;
  form_ = &form;
  for (const ForeseenRow& row : foresight.rows) rows_[count_++] = row.values;
  verdicts_.fill(Verdict::unknown);
  form.before.evaluate({rows_.data(), count_}, verdicts_);
  Value passes;
  for (at_ = 0; at_ < count_; ++at_)
    if (value(form.where, passes) && (passes.is_boolean() || passes.is_null()))
      verdicts_[at_] = passes.is_boolean() && passes.as_boolean() ? Verdict::passes : Verdict::left_out;
  at_ = kNowhere;
  form.after.evaluate({rows_.data(), count_}, verdicts_);
}

void ForeseenValues::Batch::evaluate(std::span<const Value* const> rows, const Verdicts& verdicts) {
  places.fill(kNowhere);
  if (!any) return;
  std::array<const Value*, RowsAhead::kMost> taken;
  std::size_t count = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (verdicts[i] == Verdict::left_out) continue;
    places[i] = count;
    taken[count++] = rows[i];
  }
  if (count < kFewest)
    places.fill(kNowhere);
  else
    programs.evaluate({taken.data(), count});
}

}  // namespace tidemark
