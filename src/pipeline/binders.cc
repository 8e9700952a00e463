#include "pipeline/binders.h"

#include <algorithm>
#include <limits>

#include "base/format.h"
#include "base/nearest.h"
#include "decode/decoder.h"

namespace tidemark {
namespace {

TypeSet types_of(FieldSetting::Type type) {
  switch (type) {
    case FieldSetting::Type::any:
      return TypeSet::any();
    case FieldSetting::Type::text:
      return TypeSet::text();
    case FieldSetting::Type::integer:
      return TypeSet::integer();
    case FieldSetting::Type::real:
      return TypeSet::real();
    case FieldSetting::Type::boolean:
      return TypeSet::boolean();
  }
  return TypeSet::any();
}

std::vector<std::string_view> names_of_aggregates() {
  std::vector<std::string_view> names;
  for (const ChangeDeclaration& declaration : change_registry()) names.push_back(declaration.name);
  for (const AggregateDeclaration& declaration : aggregate_registry()) names.push_back(declaration.name);
  return names;
}

// Of one name there may be several, told apart by how many values they take.
std::string values_of_aggregate(std::string_view name) {
  std::size_t least = std::numeric_limits<std::size_t>::max(), most = 0;
  for (const AggregateDeclaration& declaration : aggregate_registry()) {
    if (declaration.name != name) continue;
    least = std::min(least, declaration.min_arguments());
    most = std::max(most, declaration.max_arguments());
  }
  if (least > most) return {};
  if (least == most) return format("{} value{}", least, least == 1 ? "" : "s");
  return format("{} {} {} values", least, most == least + 1 ? "or" : "to", most);
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  if (const auto near = nearest(word, views)) return format("; did you mean \"{}\"?", *near);
  if (known.empty()) return {};
  std::string all;
  for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
  return format("; known: {}", all);
}

RecordPath record_path(const FieldPath& path) {
  RecordPath out;
  for (const Step& step : path.steps)
    out.push_back(step.is_index() ? RecordStep::element(static_cast<std::uint32_t>(step.index))
                                  : RecordStep::member(step.name));
  return out;
}

}  // namespace

std::vector<ResultColumn> dead_letter_columns() {
  return {{"received", ResultColumn::Kind::time}, {"source"}, {"position"}, {"error"}, {"payload"}};
}

std::expected<Binding, std::string> source_slot(SourcePlan& source, const FieldPath& path) {
  const bool plain = path.steps.size() == 1 && !path.steps[0].is_index();
  if (plain && source.topic_fields) {
    const std::span<const std::string> names = source.topic_fields->names();
    const auto at = std::ranges::find(names, path.steps[0].name);
    if (at != names.end())
      return Binding{kRowFirstColumn + static_cast<std::uint32_t>(at - names.begin()), TypeSet::text()};
  }
  TypeSet types = TypeSet::any();
  const std::vector<FieldSetting>& declared = source.settings->format.fields;
  const auto field = std::ranges::find(declared, path.text(), &FieldSetting::name);
  if (field != declared.end()) types = types_of(field->type);
  if (const auto refused = field_refused(source.settings->format, record_path(path)))
    return std::unexpected(format("source \"{}\": {}", source.settings->name, *refused));
  const auto slot = static_cast<std::uint32_t>(source.fields.add(record_path(path)));
  return Binding{kRowFirstColumn + source.topic_field_count + slot, types};
}

RowBinder::RowBinder(const Settings& settings, Plan& plan, PipelinePlan& pipeline)
    : settings_(settings), plan_(plan), pipeline_(pipeline) {}

std::expected<Binding, std::string> RowBinder::field(const FieldPath& path) {
  const std::string text = path.text();
  if (path.steps.size() == 1 && !path.steps[0].is_index())
    if (const auto derived = derived_.find(path.steps[0].name); derived != derived_.end())
      return derived->second;
  if (const auto known = known_.find(text); known != known_.end()) return known->second;
  std::vector<Binding> origins;
  std::string refusal;
  bool found = pipeline_.inputs.empty();  // what it reads is not known: any field may be there
  for (const PipelineInput& input : pipeline_.inputs) {
    auto origin = bind_input(input, path);
    if (origin)
      found = true;
    else
      refusal = origin.error();
    origins.push_back(origin.value_or(Binding{PipelineInput::kMissing, TypeSet()}));
  }
  // A field that one of several inputs has is NULL in records of the others.
  if (!found) return std::unexpected(refusal);
  const std::string name = path.steps.size() == 1 && !path.steps[0].is_index() ? path.steps[0].name : text;
  auto binding = gather(name, origins);
  if (binding) known_.emplace(text, *binding);
  return binding;
}

std::expected<Binding, std::string> RowBinder::bind_input(const PipelineInput& input, const FieldPath& path) {
  if (input.from_source) return source_slot(plan_.sources[input.index], path);
  const PipelinePlan& upstream = plan_.pipelines[input.index];
  std::vector<std::string> known;
  for (std::size_t i = 0; i < upstream.main.columns.size(); ++i) {
    known.push_back(upstream.main.columns[i].name);
    if (path.steps.size() == 1 && path.steps[0].name == known.back())
      return Binding{kRowFirstColumn + static_cast<std::uint32_t>(i), upstream.main_types[i],
                     upstream.main.columns[i].kind == ResultColumn::Kind::json};
  }
  return std::unexpected(format("pipeline \"{}\" has no result column \"{}\"{}", upstream.settings->name,
                                path.text(), did_you_mean(path.text(), known)));
}

std::expected<Binding, std::string> RowBinder::metadata(Metadata which) {
  const std::string text(to_text(which));
  if (const auto known = known_.find(text); known != known_.end()) return known->second;
  static constexpr std::uint32_t kSlots[] = {kRowTopic, kRowSource, kRowTime, kRowReceived};
  const bool is_text = which == Metadata::topic || which == Metadata::source;
  const Binding origin{kSlots[static_cast<std::size_t>(which)],
                       is_text ? TypeSet::text() : TypeSet::integer()};
  auto binding = gather(text, std::vector<Binding>(pipeline_.inputs.size(), origin));
  if (binding) known_.emplace(text, *binding);
  return binding;
}

std::expected<Binding, std::string> RowBinder::gather(const std::string& name,
                                                      const std::vector<Binding>& origins) {
  if (names_.size() == kDerivedSlots)
    return std::unexpected(format("a pipeline reads at most {} fields", kDerivedSlots));
  TypeSet types = origins.empty() ? TypeSet::any() : TypeSet();
  for (std::size_t i = 0; i < origins.size(); ++i) {
    pipeline_.inputs[i].gather.push_back(origins[i].slot);
    types = types | origins[i].types;
  }
  names_.push_back(name);
  // In records of those that do not have it, it is NULL.
  json_.push_back(!origins.empty() && std::ranges::all_of(origins, [](const Binding& origin) {
    return origin.json || origin.slot == PipelineInput::kMissing;
  }));
  return Binding{static_cast<std::uint32_t>(names_.size() - 1), types, json_.back()};
}

std::expected<std::shared_ptr<const Zone>, std::string> RowBinder::zone(std::string_view name) {
  const auto found = settings_.zones.find(name);
  if (found == settings_.zones.end()) return Binder::zone(name);
  if (!found->second.zone) return std::unexpected(found->second.problem);
  return found->second.zone;
}

std::expected<std::shared_ptr<const LookupTable>, std::string> RowBinder::lookup(std::string_view name) {
  std::vector<std::string> known;
  for (const LookupSettings& lookup : settings_.lookups) {
    if (lookup.name == name) return lookup.table;
    known.push_back(lookup.name);
  }
  return std::unexpected(format(
      "there is no lookup '{}'{}", name,
      known.empty() ? "; one is configured as [lookups.NAME]" : did_you_mean(std::string(name), known)));
}

// Change functions inside of its argument come before it.
std::optional<std::expected<Binding, ParseError>> RowBinder::call(const Expression& call) {
  if (find_change(call.name) == nullptr) return std::nullopt;
  const auto fault = [&](std::string message) {
    return std::unexpected(ParseError{std::move(message), call.offset, call.length});
  };
  if (!refused_changes_.empty()) return fault(call.name + refused_changes_);
  const std::string text = to_text(call);
  for (std::size_t i = 0; i < pipeline_.changes.size(); ++i)
    if (pipeline_.changes[i].text == text) return Binding{change_slot(i), pipeline_.changes[i].types};
  auto called = change_of(call);
  if (!called) return std::unexpected(std::move(called.error()));
  const ChangeDeclaration& declaration = *called->declaration;
  auto argument = declaration.takes == TypeSet::boolean() ? compile_predicate(*called->argument, *this)
                                                          : compile(*called->argument, *this);
  if (!argument) return std::unexpected(std::move(argument.error()));
  if (!argument->types().may_be(declaration.takes))
    return std::unexpected(
        ParseError{format("{} where {} is needed", to_text(argument->types()), to_text(declaration.takes)),
                   called->argument->offset, called->argument->length});
  if (pipeline_.changes.size() == kMaxChanges)
    return fault(format("a pipeline has at most {} change functions", kMaxChanges));
  const TypeSet types = declaration.gives.empty() ? argument->types() : declaration.gives;
  pipeline_.changes.push_back(
      {text, std::move(called->function), std::move(*argument), types, derived_.size()});
  return Binding{change_slot(pipeline_.changes.size() - 1), types};
}

std::string_view RowBinder::instead_of_aggregate(std::string_view name) const {
  return name == "delta" ? "diff(x) is x less its value before" : std::string_view();
}

bool RowBinder::add_derived(const std::string& name, const Program& program) {
  const Binding binding{derived_slot(derived_.size()), program.types(), program.gives_json()};
  return derived_.size() < kMaxDerived && derived_.emplace(name, binding).second;
}

std::expected<Binding, std::string> OutputBinder::field(const FieldPath& path) {
  const std::string text = path.text();
  const bool plain = path.steps.size() == 1 && !path.steps[0].is_index();
  for (std::size_t i = 0; i < keys_.size(); ++i)
    if (keys_[i].text == text || (plain && keys_[i].name == path.steps[0].name))
      return Binding{plan_.first_key() + static_cast<std::uint32_t>(i), keys_[i].types};
  if (plan_.has_window() && plain) {
    if (path.steps[0].name == "window_start") return Binding{0, TypeSet::integer()};
    if (path.steps[0].name == "window_end") return Binding{1, TypeSet::integer()};
  }
  if (plan_.kind == PipelinePlan::Kind::absence && plain) {
    if (path.steps[0].name == "absent") return Binding{PipelinePlan::kAbsent, TypeSet::boolean()};
    if (path.steps[0].name == "last_seen") return Binding{PipelinePlan::kLastSeen, TypeSet::integer()};
    if (path.steps[0].name == "since") return Binding{PipelinePlan::kSince, TypeSet::integer()};
  }
  std::vector<std::string> known;
  for (const NamedType& key : keys_) known.push_back(key.name);
  if (plan_.kind == PipelinePlan::Kind::absence) known.insert(known.end(), {"absent", "last_seen", "since"});
  return std::unexpected(
      format("\"{}\" is no key field and stands in no aggregate{}", text,
             known.empty() ? "; write last(" + text + ") for its newest value" : did_you_mean(text, known)));
}

std::expected<Binding, std::string> OutputBinder::metadata(Metadata which) {
  const bool absence = plan_.kind == PipelinePlan::Kind::absence;
  return std::unexpected(
      format("\"{}\" belongs to a record; a result has {}, and aggregates such as max({})", to_text(which),
             absence ? "last_seen and since" : "window_start and window_end", to_text(which)));
}

std::expected<Binding, std::string> OutputBinder::aggregate(const AggregateCall& call) {
  for (std::size_t i = 0; i < calls_.size(); ++i)
    if (calls_[i].text == call.text)
      return Binding{plan_.first_aggregate() + static_cast<std::uint32_t>(i), TypeSet::any(),
                     i < plan_.aggregates.size() && plan_.aggregates[i].json};
  return std::unexpected(format("\"{}\" was not collected", call.text));
}

std::optional<std::expected<Binding, ParseError>> OutputBinder::call(const Expression& call) {
  if (find_change(call.name) == nullptr) return std::nullopt;
  const std::string text = to_text(call);
  return std::unexpected(ParseError{
      plan_.kind == PipelinePlan::Kind::running
          ? format("{} is of a record, and a result is of aggregates; write last({}) for its newest value",
                   call.name, text)
          : call.name + std::string(kNoChangesInWindow),
      call.offset, call.length});
}

// A change function sees the record before anything is selected.
std::optional<std::expected<Binding, ParseError>> SelectedBinder::call(const Expression& call) {
  if (find_change(call.name) == nullptr) return std::nullopt;
  for (const FieldPath& path : references(call).fields)
    for (const NamedType& column : selected_)
      if (path.text() == quoted_name(column.name) && column.text != path.text())
        return std::unexpected(
            ParseError{format("{} is computed before the column \"{}\" is; derive that, or write it out here",
                              call.name, column.name),
                       call.offset, call.length});
  return below_.call(call);
}

std::expected<Binding, std::string> SelectedBinder::field(const FieldPath& path) {
  if (path.steps.size() == 1 && !path.steps[0].is_index())
    for (std::size_t i = 0; i < selected_.size(); ++i)
      if (selected_[i].name == path.steps[0].name)
        return Binding{first_slot_ + static_cast<std::uint32_t>(i), selected_[i].types, selected_[i].json};
  auto below = below_.field(path);
  if (below) return below;
  std::vector<std::string_view> names;
  for (const NamedType& column : selected_) names.push_back(column.name);
  const std::string text = path.text();
  if (const auto near = nearest(text, names))
    return std::unexpected(format("there is no column \"{}\"; did you mean \"{}\"?", text, *near));
  return below;
}

std::vector<std::string_view> RowBinder::aggregate_names() const {
  return names_of_aggregates();
}
std::vector<std::string_view> OutputBinder::aggregate_names() const {
  return names_of_aggregates();
}
std::string RowBinder::aggregate_takes(std::string_view name) const {
  return values_of_aggregate(name);
}
std::string OutputBinder::aggregate_takes(std::string_view name) const {
  return values_of_aggregate(name);
}

}  // namespace tidemark
