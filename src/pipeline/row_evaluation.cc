#include "pipeline/row_evaluation.h"

#include <algorithm>

#include "pipeline/binders.h"

namespace tidemark {
namespace {

bool computes(const PipelinePlan& plan) {
  const auto is_column = [](const Program& program) { return program.bare_slot().has_value(); };
  return plan.where || plan.having || !plan.derive.empty() || !plan.changes.empty() ||
         !std::ranges::all_of(plan.keys, is_column) || !std::ranges::all_of(plan.select, is_column) ||
         !std::ranges::all_of(plan.aggregates, [&](const AggregateColumn& column) {
           return !column.filter && std::ranges::all_of(column.arguments, is_column);
         });
}

}  // namespace

RowEvaluation::RowEvaluation(const PipelinePlan& plan, Outlets& outlets, EngineOutput& output)
    : plan_(plan),
      outlets_(outlets),
      output_(output),
      subject_("pipelines." + plan.settings->name),
      plain_(!plan.where && plan.derive.empty()),
      computes_(computes(plan)),
      ahead_(plan) {
  working_.resize(RowBinder::slots_with_selected() + plan.select.size());
}

bool RowEvaluation::derive_and_filter(const InputRow& row) {
  return derive(plan_.derive_before, row) && filter(row) == Verdict::passes &&
         derive(plan_.derive_after, row);
}

RowEvaluation::Verdict RowEvaluation::filter(const InputRow& row) {
  if (!plan_.where) return Verdict::passes;
  if (const auto known = ahead_.verdict(); known != ForeseenValues::Verdict::unknown)
    return known == ForeseenValues::Verdict::passes ? Verdict::passes : Verdict::left_out;
  const auto passes = plan_.where->evaluate_predicate(working_, arena_);
  if (!passes) {
    reject(row, "where: " + plan_.where->describe(passes.error()));
    return Verdict::rejected;
  }
  return *passes ? Verdict::passes : Verdict::left_out;
}

bool RowEvaluation::derive(std::span<const std::size_t> which, const InputRow& row) {
  for (const std::size_t i : which) {
    Value& to = working_[RowBinder::derived_slot(i)];
    if (ahead_.derived(i, to)) continue;
    const auto value = plan_.derive[i].evaluate(working_, arena_);
    if (!value) {
      reject(row, "derive: " + plan_.derive[i].describe(value.error()));
      return false;
    }
    to = *value;
  }
  return true;
}

void RowEvaluation::reject(const InputRow& row, const std::string& why) {
  if (outlets_.refuses) {
    --counters_.records;  // it counts when it is applied
    outlets_.refusal = why;
    return;
  }
  ++counters_.errors;
  output_.noticed(subject_, "record", why);
  bury(row, why);
}

void RowEvaluation::refuse(const InputRow& row, const std::string& why) {
  ++counters_.refused;
  output_.noticed(subject_, "refused", why);
  bury(row, why);
}

void RowEvaluation::bury(const InputRow& row, const std::string& why) {
  if (!outlets_.dead.connected()) return;
  const std::string text = row.decoder != nullptr ? row.decoder->text(row.payload) : std::string();
  letter_.assign({Value::integer(to_ns(row.received)), Value::text(row.source),
                  Value::integer(static_cast<std::int64_t>(row.position.value)), Value::text(why),
                  row.decoder != nullptr ? Value::text(text) : Value::null()});
  outlets_.dead.emit(row.position, letter_);
}

void RowEvaluation::late(const InputRow& row, std::span<const Value> keys) {
  ++counters_.late;
  if (!outlets_.late.connected()) return;
  const std::vector<ResultColumn>& columns = plan_.late.columns;
  letter_.assign(1, Value::integer(to_ns(row.time)));
  letter_.insert(letter_.end(), keys.begin(), keys.end());
  // The gathered fields that are no key follow, in the order in which the schema names them.
  for (std::size_t i = 0; i < plan_.gathered_names.size() && letter_.size() < columns.size(); ++i)
    if (columns[letter_.size()].name == plan_.gathered_names[i]) letter_.push_back(working_[i]);
  letter_.resize(columns.size());
  outlets_.late.emit(row.position, letter_);
}

void RowEvaluation::result_failed(const std::string& why) {
  ++counters_.errors;
  output_.noticed(subject_, "result", why);
}

void RowEvaluation::save(Encoder& out) const {
  out.varint(counters_.records);
  out.varint(counters_.results);
  out.varint(counters_.late);
  out.varint(counters_.errors);
  out.varint(counters_.refused);
  out.varint(counters_.evicted);
  out.varint(counters_.expired);
  outlets_.main.save(out);
  outlets_.late.save(out);
  outlets_.dead.save(out);
}

bool RowEvaluation::load(Decoder& in) {
  counters_.records = in.varint();
  counters_.results = in.varint();
  counters_.late = in.varint();
  counters_.errors = in.varint();
  counters_.refused = in.varint();
  counters_.evicted = in.varint();
  counters_.expired = in.varint();
  return outlets_.main.load(in) && outlets_.late.load(in) && outlets_.dead.load(in) && !in.failed();
}

}  // namespace tidemark
