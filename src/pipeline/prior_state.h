// PriorState: what an engine has come to, apart from the plan that it ran: of a checkpoint, or of the plan in
// force before the next. Engine::take_over() goes on from it under whatever plan follows.
//
// A pipeline's entries stand in a table of their own, laid out as they were. Everything else is in the
// sections that Engine::save() writes (FORMAT.md). `retired`: what is remembered of sources and pipelines
// that are not in the plan, by the names of their sections: should they come back, their results are numbered
// on. Values; moved, never copied. Threads: loop only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "checkpoint/manifest.h"
#include "pipeline/keyed_payload.h"
#include "pipeline/state_layout.h"

namespace tidemark {

struct PriorPipeline {
  std::string uid, name;
  StateLayout layout;
  std::shared_ptr<const AggregateSet> aggregates;  // with a table
  std::unique_ptr<EntryTable> table;               // null: stateless
  std::string section;                             // "engine/pipeline/UID"
  std::uint64_t keys() const { return table ? table->size() : 0; }
};

// What the decoder of a source remembers (decode/memory.h).
struct PriorMemory {
  std::unique_ptr<EntryTable> table;
  std::string section;  // "memory/NAME"
};

struct PriorState {
  Position position;
  std::string engine;                           // section "engine"; empty: nothing came before
  std::map<std::string, std::string> sources;   // sections "engine/source/NAME", by name
  std::map<std::string, PriorMemory> memories;  // by source
  std::vector<PriorPipeline> pipelines;
  std::map<std::string, std::string> retired;

  // Those that rows of segments are restored into, with the owners of the segments.
  std::vector<std::pair<std::string, EntryTable*>> tables() const;
};

// What the sections of a manifest say; the tables are empty and await the rows of their segments. Corrupt
// when a section is missing or does not decode.
Result<PriorState> prior_state(const Manifest& manifest, std::uint64_t hash_seed);

constexpr std::string_view kFormatMemory = "memory/";
// In manifests, sections of what is retired have their name behind this.
constexpr std::string_view kRetired = "retired/";

}  // namespace tidemark
