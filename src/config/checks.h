// The rules between settings: what one table says about another, and combinations that cannot be.
//
// Keys.read() has judged each key by itself. These run over everything that was read; a rule that would only
// repeat an earlier mistake in other words looks at `sound` first.
#pragma once

#include <list>

#include "config/diagnostics.h"
#include "config/keys.h"
#include "config/settings.h"

namespace tidemark {

// Settings of one table together with the keys that were read into them. Stays where it was made, because its
// keys refer to its settings.
template <class T>
struct Loaded {
  explicit Loaded(Keys (*declare)(T&)) : keys(declare(settings)) {}
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;

  T settings;
  Keys keys;
  bool sound = true;  // nothing was wrong with the table by itself
};

struct LoadedTables {
  Loaded<NodeSettings> node;
  Loaded<CheckpointSettings> checkpoint;
  Loaded<JournalSettings> journal;
  Loaded<LimitSettings> limits;
  Loaded<LogSettings> log;
  Loaded<RestartSettings> restart;
  std::list<Loaded<SourceSettings>> sources;  // in name order, as the next two
  std::list<Loaded<PipelineSettings>> pipelines;
  std::list<Loaded<SinkSettings>> sinks;
  std::list<Loaded<LookupSettings>> lookups;
  std::vector<TestSettings> tests;  // those with nothing wrong by themselves
};

// Names lead somewhere, and not in a circle; uids are one pipeline's each.
void check_references(const LoadedTables& tables, Diagnostics& diagnostics);
// What a pipeline's keys demand of each other, and of the sinks and pipelines it is tied to.
void check_pipelines(const LoadedTables& tables, Diagnostics& diagnostics);
// What a source's keys demand of each other.
void check_sources(const LoadedTables& tables, Diagnostics& diagnostics);
// Addresses, paths, sessions and limits that collide.
void check_resources(const LoadedTables& tables, Diagnostics& diagnostics);
// What tests name, and the order of their steps.
void check_tests(const LoadedTables& tables, Diagnostics& diagnostics);

// Where a sink's file is: the path as it stands, or below data_dir; without dots and doubled slashes. Links
// are not followed: the loader touches no files.
std::string path_below(const std::string& data_dir, const std::string& path);

}  // namespace tidemark
