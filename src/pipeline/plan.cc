#include "pipeline/plan.h"

#include <algorithm>
#include <functional>
#include <set>
#include <span>

#include "base/format.h"
#include "base/nearest.h"
#include "expressions/compile.h"
#include "expressions/functions.h"
#include "expressions/parser.h"
#include "pipeline/binders.h"
#include "pipeline/topology.h"
#include "windows/aggregate_call.h"

namespace tidemark {
namespace {

bool is_aggregate(std::string_view name, std::size_t arguments) {
  return find_aggregate(name, arguments) != nullptr;
}

// A call of what is no function and no aggregate, anywhere inside: it may have been meant as an aggregate.
bool calls_unknown(const Expression& expression) {
  if (expression.kind == Expression::Kind::call && find_function(expression.name) == nullptr) return true;
  return std::ranges::any_of(expression.children, calls_unknown);
}

std::string key_text(const SelectItem& item) {
  return to_text(item.expression);
}

// Without a window, aggregates decide.
PipelinePlan::Kind kind_of(WindowSettings::Type type) {
  switch (type) {
    case WindowSettings::Type::none:
      break;
    case WindowSettings::Type::tumbling:
      return PipelinePlan::Kind::windowed;
    case WindowSettings::Type::hopping:
    case WindowSettings::Type::cumulating:
      return PipelinePlan::Kind::paned;
    case WindowSettings::Type::session:
      return PipelinePlan::Kind::session;
    case WindowSettings::Type::count:
      return PipelinePlan::Kind::count;
    case WindowSettings::Type::absence:
      return PipelinePlan::Kind::absence;
  }
  return PipelinePlan::Kind::stateless;
}

// Canonical: what state compatibility is judged by.
std::string window_text(const WindowSettings& window, bool processing_time) {
  std::string out;
  switch (window.type) {
    case WindowSettings::Type::none:
    case WindowSettings::Type::absence:
      return out;
    case WindowSettings::Type::tumbling:
      out = format("tumbling of {}", to_text(window.size));
      break;
    case WindowSettings::Type::hopping:
      out = format("hopping of {}, slide {}", to_text(window.size), to_text(window.slide));
      break;
    case WindowSettings::Type::cumulating:
      out = format("cumulating of {}, step {}", to_text(window.size), to_text(window.step));
      break;
    case WindowSettings::Type::session:
      out = format("session, gap {}", to_text(window.gap));
      if (window.max != Duration(0)) out += format(", max {}", to_text(window.max));
      break;
    case WindowSettings::Type::count:
      out = format("count of {}, slide {}", window.size_count, window.slide_count);
      break;
  }
  if (window.has_offset()) out += format(", offset {}", to_text(window.offset));
  if (!window.zone->empty()) out += ", zone " + *window.zone;
  return out + (processing_time ? ", processing time" : ", event time");
}

// Compiles one pipeline. A mistake is reported and compiling goes on where it can, so that `check` shows all
// of them.
class PipelineCompilation {
 public:
  PipelineCompilation(const Settings& settings, Plan& plan, std::size_t index, Diagnostics& diagnostics)
      : settings_(settings),
        diagnostics_(diagnostics),
        plan_(plan.pipelines[index]),
        row_(settings, plan, plan_) {}

  void run() {
    row_.refuse_changes(why_no_changes());
    compile_derive();
    compile_where();
    row_.refuse_changes(" cannot stand in key_by: the key tells which records it compares");
    compile_keys();
    row_.refuse_changes(why_no_changes());
    parse_select();
    decide_kind();
    compile_aggregates();
    compile_select();
    compile_having();
    plan_.gathered_names = row_.names();
    check_changes();
    finish_derive_slots();
    make_schemas();
    make_layout();
  }

 private:
  const PipelineSettings& pipeline() const { return *plan_.settings; }

  template <class Parsed>
  bool report(const Located<std::string>& text, const std::expected<Parsed, ParseError>& parsed) {
    if (parsed) return true;
    diagnostics_.error_inside(text, parsed.error().offset, std::max<std::size_t>(1, parsed.error().length),
                              parsed.error().message);
    return false;
  }

  void compile_derive() {
    for (const Located<std::string>& text : pipeline().derive) {
      auto item = parse_derive_item(*text, is_aggregate);
      if (!report(text, item)) continue;
      auto program = compile(item->expression, row_);
      if (!report(text, program)) continue;
      if (!row_.add_derived(*item->alias, *program)) {
        diagnostics_.error_inside(text, item->alias_offset, item->alias_length,
                                  format("\"{}\" is derived twice", *item->alias));
        continue;
      }
      derive_text_.push_back(to_text(item->expression));
      plan_.derive.push_back(std::move(*program));
    }
  }

  void compile_where() {
    if (pipeline().where->empty()) return;
    auto parsed = parse_expression(*pipeline().where, is_aggregate);
    if (!report(pipeline().where, parsed)) return;
    auto program = compile_predicate(*parsed, row_);
    if (!report(pipeline().where, program)) return;
    where_text_ = to_text(*parsed);
    plan_.where = std::move(*program);
  }

  void compile_keys() {
    for (const Located<std::string>& text : pipeline().key_by) {
      auto item = parse_select_item(*text, is_aggregate);
      if (!report(text, item)) continue;
      auto program = compile(item->expression, row_);
      if (!report(text, program)) continue;
      keys_.push_back({item->name(), key_text(*item), program->types()});
      plan_.keys.push_back(std::move(*program));
    }
  }

  void parse_select() {
    for (const Located<std::string>& text : pipeline().select) {
      auto item = parse_select_item(*text, is_aggregate);
      if (!report(text, item)) {
        select_broken_ = true;
        continue;
      }
      collect_aggregates(item->expression, calls_);
      select_broken_ = select_broken_ || calls_unknown(item->expression);
      select_.push_back({&text, std::move(*item)});
    }
    if (!pipeline().having->empty()) {
      auto parsed = parse_expression(*pipeline().having, is_aggregate);
      if (report(pipeline().having, parsed)) {
        collect_aggregates(*parsed, calls_);
        having_ = std::move(*parsed);
      }
    }
  }

  void decide_kind() {
    plan_.kind = kind_of(pipeline().window.type);
    if (plan_.kind == PipelinePlan::Kind::stateless && (!calls_.empty() || has_changes()))
      plan_.kind = PipelinePlan::Kind::running;
    plan_.processing_time = pipeline().time == TimeDomain::processing;
    find_zone();

    if (plan_.kind == PipelinePlan::Kind::absence) return;  // its results say something in any case
    if (pipeline().select.empty())
      diagnostics_.error(pipeline().place, format("pipeline \"{}\" has no select", pipeline().name),
                         "name what its results carry, such as select = [\"count(*) AS n\"]");
    else if (plan_.has_window() && calls_.empty() && !select_broken_)
      diagnostics_.error(pipeline().window.place, "a window needs an aggregate in select",
                         "such as count(*), sum(x), avg(x)");
    if (plan_.kind == PipelinePlan::Kind::stateless && !pipeline().key_by.empty() && !select_.empty() &&
        !select_broken_) {
      select_broken_ = true;
      diagnostics_.error(pipeline().key_by.front().place,
                         "key_by needs an aggregate in select, or a change function",
                         "without one every record is a result of its own; leave key_by out");
    }
  }

  void find_zone() {
    const Located<std::string>& name = pipeline().window.zone;
    if (name->empty()) return;
    if (auto fixed = Zone::fixed(*name)) {
      plan_.zone = std::make_shared<const Zone>(std::move(*fixed));
    } else if (auto named = row_.zone(*name)) {
      plan_.zone = std::move(*named);
    } else {
      diagnostics_.error(name.place, std::move(named.error()));
    }
  }

  void compile_aggregates() {
    for (const AggregateCall& call : calls_) {
      AggregateColumn column;
      column.text = call.text;
      for (const auto& [owner, item] : select_)
        if (item.alias && item.expression.kind == Expression::Kind::aggregate &&
            aggregate_call(item.expression).text == call.text)
          column.name = item.name();
      const Located<std::string>& text = owner_of(call);
      const auto called = aggregate_of(call);
      if (!called) {
        diagnostics_.error_inside(text, called.error().offset, called.error().length, called.error().what);
        continue;
      }
      column.json = called->declaration->gives_json;
      column.aggregate = called->aggregate;
      bool good = true;
      for (const Expression& argument : std::span(call.arguments).first(called->values)) {
        auto program = compile(argument, row_);
        if ((good = report(text, program) && good)) column.arguments.push_back(std::move(*program));
      }
      if (call.filter) {
        auto program = compile_predicate(*call.filter, row_);
        if ((good = report(text, program) && good)) column.filter = std::move(*program);
      }
      if (good) plan_.aggregates.push_back(std::move(column));
    }
  }

  // The setting in which the call was written first: offsets count from there.
  const Located<std::string>& owner_of(const AggregateCall& call) const {
    for (const auto& [text, item] : select_) {
      std::vector<AggregateCall> own;
      collect_aggregates(item.expression, own);
      for (const AggregateCall& one : own)
        if (one.text == call.text) return *text;
    }
    return pipeline().having;
  }

  void compile_select() {
    if (plan_.aggregates.size() != calls_.size()) return;  // what is missing was reported
    OutputBinder output(plan_, keys_, calls_, row_);
    Binder& binder = per_record() ? static_cast<Binder&>(row_) : output;
    for (const auto& [text, item] : select_) {
      auto program = compile(item.expression, binder, AggregateUse::allowed);
      if (!report(*text, program)) continue;
      selected_.push_back({item.name(), to_text(item.expression), program->types(), program->gives_json()});
      select_text_.push_back(to_text(item.expression));
      plan_.select.push_back(std::move(*program));
    }
    if (!select_broken_) reject_double_columns();
  }

  void reject_double_columns() {
    std::set<std::string> seen{"_id"};
    if (plan_.has_window()) seen.insert({"window_start", "window_end"});
    if (plan_.kind == PipelinePlan::Kind::absence) seen.insert({"absent", "last_seen", "since"});
    for (const NamedType& key : keys_)
      if (!seen.insert(key.name).second)
        diagnostics_.error(pipeline().key_by.front().place,
                           format("two result columns are called \"{}\"", key.name),
                           "give one another name with AS");
    for (std::size_t i = 0; i < selected_.size(); ++i)
      if (!seen.insert(selected_[i].name).second)
        diagnostics_.error(
            select_[i].first->place, format("two result columns are called \"{}\"", selected_[i].name),
            "give one another name with AS; key fields and times are carried by every result already");
  }

  void compile_having() {
    if (!having_ || plan_.aggregates.size() != calls_.size() || selected_.size() != select_.size()) return;
    OutputBinder output(plan_, keys_, calls_, row_);
    SelectedBinder with_selected(per_record() ? static_cast<Binder&>(row_) : output, selected_,
                                 per_record() ? row_.slots_with_selected() : plan_.first_selected());
    auto program = compile_predicate(*having_, with_selected, AggregateUse::allowed);
    if (report(pipeline().having, program)) plan_.having = std::move(*program);
  }

  // Empty where they can stand.
  std::string why_no_changes() const {
    if (pipeline().window.type != WindowSettings::Type::none) return std::string(kNoChangesInWindow);
    if (pipeline().key_by.empty())
      return " compares the records of one key, and this pipeline has no key_by: add one, such as key_by = "
             "[\"device\"]";
    return {};
  }

  // Those of select and having are known before they are compiled.
  bool has_changes() const {
    return !plan_.changes.empty() || (having_ && calls_change(*having_)) ||
           std::ranges::any_of(select_,
                               [](const auto& item) { return calls_change(item.second.expression); });
  }

  void check_changes() {
    if (plan_.changes.empty() || *pipeline().emit != EmitPolicy::every) return;
    diagnostics_.error(pipeline().emit.place,
                       format("with {} results leave with their records", plan_.changes[0].text),
                       "leave out `emit`; a pipeline that reads this one can wait for its beat");
  }

  // Slots that the programs need, directly or through derived columns.
  std::set<std::uint32_t> needed_by(const std::vector<const Program*>& programs) const {
    std::set<std::uint32_t> needed;
    const auto need = [&](const Program& program) {
      for (const std::uint32_t slot : program.slots()) needed.insert(slot);
    };
    for (const Program* program : programs) need(*program);
    for (std::size_t i = plan_.derive.size(); i-- > 0;)
      if (needed.contains(RowBinder::derived_slot(i))) need(plan_.derive[i]);
    return needed;
  }

  // With change functions the key comes first, then they, and what they and `where` need, in the order
  // written.
  void finish_observation(const std::set<std::uint32_t>& needed) {
    std::vector<const Program*> keys;
    for (const Program& key : plan_.keys) keys.push_back(&key);
    const std::set<std::uint32_t> for_key = needed_by(keys);
    if (const auto at = for_key.lower_bound(RowBinder::change_slot(0)); at != for_key.end())
      diagnostics_.error(pipeline().key_by.front().place,
                         format("key_by needs what {} gives, which needs the key",
                                plan_.changes[*at - RowBinder::change_slot(0)].text));
    std::size_t change = 0;
    for (std::size_t i = 0; i <= plan_.derive.size(); ++i) {
      for (; change < plan_.changes.size() && plan_.changes[change].derived_before <= i; ++change)
        plan_.observe.push_back({.is_change = true, .index = change});
      if (i == plan_.derive.size()) break;
      const std::uint32_t slot = RowBinder::derived_slot(i);
      if (for_key.contains(slot))
        plan_.derive_for_key.push_back(i);
      else if (needed.contains(slot))
        plan_.observe.push_back({.is_change = false, .index = i});
      else
        plan_.derive_after.push_back(i);
    }
  }

  // Which derived columns `where` needs is known only now: they are computed before it, the others only for
  // records that pass.
  void finish_derive_slots() {
    plan_.gathered = row_.gathered();
    std::vector<const Program*> before;
    if (plan_.where) before.push_back(&*plan_.where);
    for (const ChangeColumn& change : plan_.changes) before.push_back(&*change.argument);
    const std::set<std::uint32_t> needed = needed_by(before);
    if (!plan_.changes.empty()) return finish_observation(needed);
    for (std::size_t i = 0; i < plan_.derive.size(); ++i)
      (needed.contains(RowBinder::derived_slot(i)) ? plan_.derive_before : plan_.derive_after).push_back(i);
  }

  void make_schemas() {
    const auto schema = [&](ResultSchema& to, ChannelKind kind) {
      to.channel.uid = pipeline().uid;
      to.channel.kind = kind;
      to.pipeline = pipeline().name;
    };
    using Column = ResultColumn;
    schema(plan_.main, ChannelKind::main);
    for (const NamedType& key : keys_) plan_.main.columns.push_back({key.name});
    if (plan_.has_window()) {
      plan_.main.columns.push_back({"window_start", Column::Kind::time});
      plan_.main.columns.push_back({"window_end", Column::Kind::time});
    }
    plan_.main.identity = plan_.main.columns.size();
    if (plan_.kind == PipelinePlan::Kind::session) --plan_.main.identity;  // where it ends may change
    if (plan_.kind == PipelinePlan::Kind::absence) {
      plan_.main.columns.push_back({"absent"});
      plan_.main.columns.push_back({"last_seen", Column::Kind::time});
      plan_.main.columns.push_back({"since", Column::Kind::time});
    }
    const auto kind = [](bool json) { return json ? Column::Kind::json : Column::Kind::plain; };
    for (const NamedType& column : selected_) plan_.main.columns.push_back({column.name, kind(column.json)});
    plan_.main_types = {};
    for (const NamedType& key : keys_) plan_.main_types.push_back(key.types);
    if (plan_.has_window()) plan_.main_types.insert(plan_.main_types.end(), 2, TypeSet::integer());
    if (plan_.kind == PipelinePlan::Kind::absence)
      plan_.main_types.insert(plan_.main_types.end(),
                              {TypeSet::boolean(), TypeSet::integer(), TypeSet::integer()});
    for (const NamedType& column : selected_) plan_.main_types.push_back(column.types);

    schema(plan_.late, ChannelKind::late);
    plan_.late.columns.push_back({"event_time", Column::Kind::time});
    for (const NamedType& key : keys_) plan_.late.columns.push_back({key.name});
    for (std::size_t i = 0; i < plan_.gathered_names.size(); ++i) {
      const std::string& name = plan_.gathered_names[i];
      if (std::ranges::none_of(plan_.late.columns, [&](const Column& c) { return c.name == name; }))
        plan_.late.columns.push_back({name, kind(row_.gathers_json(i))});
    }

    schema(plan_.dead, ChannelKind::dead);
    plan_.dead.columns = dead_letter_columns();
  }

  void make_layout() {
    StateLayout& layout = plan_.layout;
    layout.kind = static_cast<StateLayout::Kind>(plan_.kind);
    for (const NamedType& key : keys_) layout.keys.push_back(key.text);
    if (plan_.has_window()) {
      layout.window = window_text(pipeline().window, plan_.processing_time);
      layout.allowed_lateness_ns = plan_.processing_time ? 0 : pipeline().allowed_lateness->count();
    }
    layout.pending_flag = !stateless() && *pipeline().emit == EmitPolicy::every;
    layout.last_use = !stateless() && *pipeline().ttl > 0s;
    layout.order = layout.last_use || (!stateless() && *pipeline().on_max_keys == OnMaxKeys::evict_oldest);
    if (plan_.kind == PipelinePlan::Kind::absence) {
      layout.window = format("absence, {} time", plan_.processing_time ? "processing" : "event");
      layout.pending_flag = layout.last_use = layout.order = true;
    }
    for (const AggregateColumn& column : plan_.aggregates) layout.aggregates.push_back(column.text);
    for (const ChangeColumn& column : plan_.changes) layout.aggregates.push_back(column.text);
    plan_.state_fingerprint = fingerprint_of(layout);
  }

  bool stateless() const { return plan_.kind == PipelinePlan::Kind::stateless; }
  // What PipelinePlan::is_per_record() says when all is compiled.
  bool per_record() const {
    return stateless() || (plan_.kind == PipelinePlan::Kind::running && calls_.empty());
  }

  const Settings& settings_;
  Diagnostics& diagnostics_;
  PipelinePlan& plan_;
  RowBinder row_;
  std::vector<std::string> derive_text_, select_text_;
  std::string where_text_;
  std::vector<NamedType> keys_, selected_;
  std::vector<std::pair<const Located<std::string>*, SelectItem>> select_;
  std::vector<AggregateCall> calls_;
  std::optional<Expression> having_;
  bool select_broken_ = false;
};

void plan_sources(const Settings& settings, Plan& plan, Diagnostics& diagnostics) {
  for (const SourceSettings& source : settings.sources) {
    SourcePlan& to = plan.sources.emplace_back();
    to.settings = &source;
    if (!source.topic_fields.pattern->empty()) {
      auto pattern = TopicFields::parse(*source.topic_fields.pattern);
      if (!pattern) {
        diagnostics.error(source.topic_fields.pattern.place, pattern.error().message);
        continue;
      }
      to.topic_field_count = static_cast<std::uint32_t>(pattern->names().size());
      to.topic_fields = std::move(*pattern);
    }
    to.dead.channel.uid = source.name;
    to.dead.channel.kind = ChannelKind::dead;
    to.dead.pipeline = source.name;
    to.dead.columns = dead_letter_columns();
    if (source.timestamp) {
      auto parsed = parse_expression(*source.timestamp->field);
      if (!parsed || parsed->kind != Expression::Kind::field)
        diagnostics.error(source.timestamp->field.place,
                          "timestamp.field is the name of a field, such as \"ts\"");
      else if (auto slot = source_slot(to, parsed->path); !slot)
        diagnostics.error(source.timestamp->field.place, slot.error());
      else
        to.timestamp_slot = slot->slot;
    }
  }
}

std::optional<std::size_t> sink_index(const Settings& settings, const std::string& name) {
  for (std::size_t i = 0; i < settings.sinks.size(); ++i)
    if (settings.sinks[i].name == name) return i;
  return std::nullopt;
}

void connect_sinks(const Settings& settings, Plan& plan) {
  plan.sink_schemas.resize(settings.sinks.size());
  const auto send = [&](const Located<std::string>& to, const ResultSchema& schema) {
    const std::optional<std::size_t> index = to->empty() ? std::nullopt : sink_index(settings, *to);
    if (index) plan.sink_schemas[*index].push_back(&schema);
    return index;
  };
  for (SourcePlan& source : plan.sources)
    source.dead_letter_to = send(source.settings->dead_letter_to, source.dead);
  for (PipelinePlan& pipeline : plan.pipelines) {
    for (const Located<std::string>& to : pipeline.settings->to)
      if (const auto index = send(to, pipeline.main)) pipeline.sinks.push_back(*index);
    pipeline.late_to = send(pipeline.settings->late_to, pipeline.late);
    if (pipeline.settings->on_error != OnError::skip)
      pipeline.dead_letter_to = send(pipeline.settings->dead_letter_to, pipeline.dead);
  }
}

}  // namespace

std::unique_ptr<Plan> make_plan(const Settings& settings, Diagnostics& diagnostics) {
  auto plan = std::make_unique<Plan>();
  plan_sources(settings, *plan, diagnostics);
  plan->pipelines.resize(settings.pipelines.size());
  for (std::size_t i = 0; i < settings.pipelines.size(); ++i)
    plan->pipelines[i].settings = &settings.pipelines[i];
  // Settings with mistakes are compiled too, as far as they go: their expressions may have more of them.
  connect_inputs(settings, *plan);
  for (const std::size_t index : plan->order) PipelineCompilation(settings, *plan, index, diagnostics).run();
  for (std::size_t i = 0; i < plan->pipelines.size(); ++i) {
    if (std::ranges::find(plan->order, i) != plan->order.end()) continue;
    plan->pipelines[i].inputs.clear();  // what is wrong with them was reported
    PipelineCompilation(settings, *plan, i, diagnostics).run();
  }
  connect_sinks(settings, *plan);
  if (diagnostics.has_errors()) return nullptr;
  return plan;
}

}  // namespace tidemark
