// What names mean in the expressions of a pipeline: where and derive read the working row, select and having
// the output row.
//
// The working row's size is known only when every expression has been compiled, so derived columns are given
// slots in a range of their own while compiling; see kDerivedSlots.
#pragma once

#include <expected>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "expressions/compile.h"
#include "pipeline/plan.h"

namespace tidemark {

// Behind the name of a change function.
constexpr std::string_view kNoChangesInWindow =
    " compares the records of a key, one after another, and a window puts them together; use it in a "
    "pipeline "
    "without a window, which this one reads";

struct NamedType {
  std::string name;
  std::string text;  // canonical, of its expression
  TypeSet types;
  bool json = false;  // where it is a text, that is JSON
};

// The slot of a source's input row that holds `path`, decoding it from now on.
std::expected<Binding, std::string> source_slot(SourcePlan& source, const FieldPath& path);

std::vector<ResultColumn> dead_letter_columns();

// The working row: gathered fields first, at most kDerivedSlots of them, then derived columns, then what
// change functions say.
class RowBinder final : public Binder {
 public:
  static constexpr std::uint32_t kDerivedSlots = 256;
  static constexpr std::uint32_t kMaxDerived = 256;
  static std::uint32_t derived_slot(std::size_t i) { return kDerivedSlots + static_cast<std::uint32_t>(i); }
  static constexpr std::uint32_t kMaxChanges = 64;
  static std::uint32_t change_slot(std::size_t i) {
    return kDerivedSlots + kMaxDerived + static_cast<std::uint32_t>(i);
  }
  static std::uint32_t slots_with_selected() { return change_slot(kMaxChanges); }

  RowBinder(const Settings& settings, Plan& plan, PipelinePlan& pipeline);

  std::expected<Binding, std::string> field(const FieldPath& path) override;
  std::expected<Binding, std::string> metadata(Metadata which) override;
  std::vector<std::string_view> aggregate_names() const override;
  std::string aggregate_takes(std::string_view name) const override;
  std::expected<std::shared_ptr<const Zone>, std::string> zone(std::string_view name) override;
  std::expected<std::shared_ptr<const LookupTable>, std::string> lookup(std::string_view name) override;

  // A change function: computed once, however often it is written.
  std::optional<std::expected<Binding, ParseError>> call(const Expression& call) override;
  std::string_view instead_of_aggregate(std::string_view name) const override;
  // Why change functions cannot stand in what is compiled next; empty: they can.
  void refuse_changes(std::string why) { refused_changes_ = std::move(why); }

  // False when the name is taken by another derived column.
  bool add_derived(const std::string& name, const Program& program);
  std::uint32_t gathered() const { return static_cast<std::uint32_t>(names_.size()); }
  const std::vector<std::string>& names() const { return names_; }
  // Of the i-th gathered field: where it is a text, that is JSON.
  bool gathers_json(std::size_t i) const { return json_[i]; }

 private:
  std::expected<Binding, std::string> bind_input(const PipelineInput& input, const FieldPath& path);
  std::expected<Binding, std::string> gather(const std::string& name, const std::vector<Binding>& origins);

  const Settings& settings_;
  Plan& plan_;
  PipelinePlan& pipeline_;
  std::vector<std::string> names_;
  std::vector<bool> json_;
  std::map<std::string, Binding> known_;  // what was gathered before, by its text
  std::map<std::string, Binding> derived_;
  std::string refused_changes_;
};

// The output row of a pipeline with aggregates.
class OutputBinder final : public Binder {
 public:
  OutputBinder(const PipelinePlan& plan, const std::vector<NamedType>& keys,
               const std::vector<AggregateCall>& calls, Zones& zones)
      : plan_(plan), keys_(keys), calls_(calls), zones_(zones) {}
  std::expected<Binding, std::string> field(const FieldPath& path) override;
  std::expected<Binding, std::string> metadata(Metadata which) override;
  std::expected<Binding, std::string> aggregate(const AggregateCall& call) override;
  std::optional<std::expected<Binding, ParseError>> call(const Expression& call) override;
  std::vector<std::string_view> aggregate_names() const override;
  std::string aggregate_takes(std::string_view name) const override;
  std::expected<std::shared_ptr<const Zone>, std::string> zone(std::string_view name) override {
    return zones_.zone(name);
  }
  std::expected<std::shared_ptr<const LookupTable>, std::string> lookup(std::string_view name) override {
    return zones_.lookup(name);
  }

 private:
  const PipelinePlan& plan_;
  const std::vector<NamedType>& keys_;
  const std::vector<AggregateCall>& calls_;
  Zones& zones_;
};

// having: the selected columns by their names, else what `below` knows.
class SelectedBinder final : public Binder {
 public:
  SelectedBinder(Binder& below, const std::vector<NamedType>& selected, std::uint32_t first_slot)
      : below_(below), selected_(selected), first_slot_(first_slot) {}
  std::expected<Binding, std::string> field(const FieldPath& path) override;
  std::expected<Binding, std::string> metadata(Metadata which) override { return below_.metadata(which); }
  std::expected<Binding, std::string> aggregate(const AggregateCall& call) override {
    return below_.aggregate(call);
  }
  std::optional<std::expected<Binding, ParseError>> call(const Expression& call) override;
  std::vector<std::string_view> aggregate_names() const override { return below_.aggregate_names(); }
  std::string aggregate_takes(std::string_view name) const override { return below_.aggregate_takes(name); }
  std::expected<std::shared_ptr<const Zone>, std::string> zone(std::string_view name) override {
    return below_.zone(name);
  }
  std::expected<std::shared_ptr<const LookupTable>, std::string> lookup(std::string_view name) override {
    return below_.lookup(name);
  }

 private:
  Binder& below_;
  const std::vector<NamedType>& selected_;
  std::uint32_t first_slot_;
};

}  // namespace tidemark
