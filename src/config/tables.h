// The tables of the configuration and their keys: the place where a key is added.
//
// Each function declares the keys of one table over the settings that they fill; see keys.h. The manual page
// tidemark.toml(5) is made from the same declarations.
#pragma once

#include "config/keys.h"
#include "config/settings.h"

namespace tidemark {

Keys node_keys(NodeSettings& node);
Keys checkpoint_keys(CheckpointSettings& checkpoint);
Keys journal_keys(JournalSettings& journal);
Keys limit_keys(LimitSettings& limits);
Keys log_keys(LogSettings& log);
Keys restart_keys(RestartSettings& restart);
// Gives the source an empty `timestamp` for the keys to fill; whoever reads takes it away if it is not given.
Keys source_keys(SourceSettings& source);
Keys pipeline_keys(PipelineSettings& pipeline);
Keys sink_keys(SinkSettings& sink);
Keys lookup_keys(LookupSettings& lookup);

// Of a key whose texts are fields: "word:string", "n:int". The first is false after a report.
bool read_fields(const std::vector<Located<std::string>>& texts, std::vector<FieldSetting>& fields,
                 Diagnostics& diagnostics);
std::vector<std::string> print_fields(const std::vector<FieldSetting>& fields);

// How far the clock of a test may be moved by one step.
constexpr Duration kLongestTest = std::chrono::hours(24 * 366);
// The steps are read by read_test(); here they are only named.
Keys test_keys(TestSettings& test);
Keys test_step_keys(TestStep& step);
// One of [[tests]]; false after everything that is wrong with it by itself was reported.
bool read_test(const Node& table, TestSettings& test, Reading& reading);

}  // namespace tidemark
