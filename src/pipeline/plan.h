// Plan: the configuration compiled: which fields each source decodes, which expressions each pipeline
// evaluates over which slots, in which order pipelines run, what their results look like.
//
// Rows are arrays of values. A row that comes in (of a source or of an upstream pipeline) has four places
// that every row has, then its own columns; a pipeline gathers what it reads from it into its working row,
// behind which the derived columns stand.
//
//   input row     _topic _source _time _received | topic fields | decoded fields     (source)
//                 NULL   name    _time _received | result columns                    (pipeline)
//   working row   gathered columns (up to kDerivedSlots) | derived columns | change functions |
//                 selected columns, where a result is a record
//   output row    window_start window_end   | keys | aggregate results | selected columns
//                 absent last_seen since    |                                            (absence)
//
// Pure: made once from Settings, never changed.  Lifetime: keeps references into the Settings it was made
// from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/diagnostics.h"
#include "config/settings.h"
#include "decode/fields.h"
#include "decode/topic_fields.h"
#include "expressions/program.h"
#include "pipeline/state_layout.h"
#include "sinks/results.h"
#include "windows/aggregate.h"
#include "windows/change.h"

namespace tidemark {

constexpr std::uint32_t kRowTopic = 0;
constexpr std::uint32_t kRowSource = 1;
constexpr std::uint32_t kRowTime = 2;      // integer, milliseconds since 1970
constexpr std::uint32_t kRowReceived = 3;  // likewise
constexpr std::uint32_t kRowFirstColumn = 4;

struct SourcePlan {
  const SourceSettings* settings = nullptr;
  std::optional<TopicFields> topic_fields;
  std::uint32_t topic_field_count = 0;
  FieldSet fields;                              // decoded from the payload
  std::optional<std::uint32_t> timestamp_slot;  // in the input row
  std::vector<std::size_t> readers;             // pipelines, in topological order
  ResultSchema dead;                            // its dead letters; channel without lineage and timeline
  std::optional<std::size_t> dead_letter_to;    // sink
  std::uint32_t row_size() const {
    return kRowFirstColumn + topic_field_count + static_cast<std::uint32_t>(fields.size());
  }
};

struct PipelineInput {
  bool from_source = true;
  std::size_t index = 0;  // of the source or pipeline
  std::vector<std::uint32_t>
      gather;  // working slot -> slot of the input row; kMissing where it has no such column
  static constexpr std::uint32_t kMissing = ~std::uint32_t{0};
};

struct AggregateColumn {
  std::string text;   // canonical; what state compatibility is judged by
  std::string name;   // of the column of select that is this aggregate alone; empty when there is none
  bool json = false;  // what it gives is JSON
  std::shared_ptr<const Aggregate> aggregate;
  std::vector<Program> arguments;
  std::optional<Program> filter;
};

// A change function, computed once for each record; its value stands in the working row.
struct ChangeColumn {
  std::string text;  // canonical; what state compatibility is judged by
  std::shared_ptr<const ChangeFunction> function;
  std::optional<Program> argument;  // over the working row; always there
  TypeSet types;                    // of its value
  std::size_t derived_before = 0;   // of the derived columns, so many may stand in its argument
};

struct PipelinePlan {
  const PipelineSettings* settings = nullptr;
  // As StateLayout's.
  enum class Kind { stateless, running, windowed, absence, paned, session, count } kind = Kind::stateless;
  bool has_window() const { return kind >= Kind::windowed && kind != Kind::absence; }
  bool closes_windows() const { return has_window() && kind != Kind::count; }  // when time has come
  std::shared_ptr<const Zone> zone;  // that its windows go by; null: UTC
  std::vector<PipelineInput> inputs;
  std::uint32_t gathered = 0;  // columns of the working row before the derived ones
  std::vector<std::string> gathered_names;
  std::vector<Program> derive;             // derive[i] -> working slot gathered + i
  std::vector<std::size_t> derive_before;  // indices that `where` needs, in order
  std::vector<std::size_t> derive_after;   // the others
  // With change functions: derived columns that the key needs come before all, then `observe`, which takes
  // the place of derive_before.
  struct Step {
    bool is_change = false;  // else a derived column
    std::size_t index = 0;
  };
  std::vector<ChangeColumn> changes;
  std::vector<std::size_t> derive_for_key;
  std::vector<Step> observe;
  std::optional<Program> where;  // over the working row
  std::vector<Program> keys;     // over the working row
  std::vector<AggregateColumn> aggregates;
  std::vector<Program> select;    // over the output row; per record: over the working row
  std::optional<Program> having;  // over the output row; per record: working row, then selected columns
  bool processing_time = false;
  // Its results stand at a time of the clock, for pipelines that read it; else each at that of a record.
  bool results_at_clock() const {
    const bool beats = kind == Kind::running && *settings->emit == EmitPolicy::every;
    return processing_time && (closes_windows() || kind == Kind::absence || beats);
  }

  ResultSchema main, late, dead;     // channels without lineage and timeline
  std::vector<TypeSet> main_types;   // of main's columns, for pipelines that read them
  std::vector<std::size_t> readers;  // pipelines that read this one
  std::vector<std::size_t> sinks;    // of the main channel
  std::optional<std::size_t> late_to, dead_letter_to;
  StateLayout layout;                   // what the state means
  std::uint64_t state_fingerprint = 0;  // of the layout

  // Each record that passes is a result.
  bool is_per_record() const { return kind == Kind::stateless || (!changes.empty() && aggregates.empty()); }
  static constexpr std::uint32_t kAbsent = 0, kLastSeen = 1, kSince = 2;  // in the output row
  std::uint32_t first_key() const { return kind == Kind::absence ? 3 : 2; }
  std::uint32_t first_aggregate() const { return first_key() + static_cast<std::uint32_t>(keys.size()); }
  std::uint32_t first_selected() const {
    return first_aggregate() + static_cast<std::uint32_t>(aggregates.size());
  }
  std::uint32_t output_size() const { return first_selected() + static_cast<std::uint32_t>(select.size()); }
};

struct Plan {
  std::vector<SourcePlan> sources;      // as in settings
  std::vector<PipelinePlan> pipelines;  // as in settings
  std::vector<std::size_t> order;       // of pipelines: what is read runs before what reads it
  // By sink: the schemas of everything it will receive.
  std::vector<std::vector<const ResultSchema*>> sink_schemas;
};

// Nothing when diagnostics has errors. `settings` must outlive the plan.
std::unique_ptr<Plan> make_plan(const Settings& settings, Diagnostics& diagnostics);

}  // namespace tidemark
