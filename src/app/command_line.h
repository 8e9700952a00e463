// parse_command_line: from argv to a plain CommandLine, or to what is printed instead of doing anything:
// help, or what is wrong with the line.
//
// The one door to CLI11. Nothing is opened or looked up here: a checkpoint that is named need not exist.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/times.h"
#include "pipeline/appliance.h"
#include "pipeline/restore.h"

namespace tidemark {

enum class ExitCode : int {
  done = 0,
  failed = 1,
  usage = 2,      // wrong use, or a configuration that does not hold
  not_found = 3,  // the thing named does not exist
};

constexpr const char* kDefaultConfigPath = "/etc/tidemark/tidemark.toml";

// A checkpoint as somebody names it: "chk-42", or "latest" (no id).
struct CheckpointName {
  std::optional<CheckpointId> id;
};

struct RunCommand {
  StartPoint from;
  bool abandon_replay = false;
  bool allow_non_restored_state = false;
};
struct CheckCommand {
  std::string input;   // a file of records to run through the pipelines in memory; empty: only check
  std::string source;  // which source they are of; empty: the only one
};
struct TestCommand {
  std::vector<std::string> names;  // tests whose names hold one of these; empty: all
};
struct StateDropCommand {
  std::string pipeline;
};
struct ReplayCommand {
  std::optional<CheckpointName> from;  // none: the oldest
  std::string until;                   // a time or a position; empty: to the end
  std::string configuration;           // another one; empty: this one
  bool drain = false;                  // close every open window at the end
  bool compare = false;                // run both, and print where their results differ
};
struct TopCommand {
  bool once = false;
  Duration interval = 2s;
};
struct TapCommand {
  std::string name;
  std::uint64_t limit = 0;  // 0: until interrupted
};
struct StatusCommand {};
struct CheckpointCreateCommand {};
struct CheckpointListCommand {};
struct CheckpointShowCommand {
  CheckpointName name;
};
struct CheckpointVerifyCommand {
  std::vector<CheckpointName> names;  // empty: all
};
struct PipelineResumeCommand {
  std::string name;
};
struct CheckpointExportCommand {
  CheckpointName name;
  std::string to;
  std::string pipeline;  // empty: all that keep state
  bool force = false;    // replaces the file
};
struct CheckpointDeleteCommand {
  CheckpointName name;
  bool force = false;  // also the last one that verifies
};
struct StateGetCommand {
  std::string pipeline;
  std::vector<std::pair<std::string, std::string>> keys;  // column and value
  std::optional<CheckpointName> from;  // none: the running instance, else the newest checkpoint
};
struct StopCommand {
  bool drain = false;  // close every open window first
};
struct SavepointCreateCommand {
  std::string file;
  bool stop = false;
};
struct RestoreCommand {
  RestoreRequest request;
  std::string reference;  // as it was written
};
struct VersionCommand {};

struct CommandLine {
  std::string config = kDefaultConfigPath;
  bool json = false;
  std::variant<RunCommand, CheckCommand, StatusCommand, CheckpointCreateCommand, CheckpointListCommand,
               CheckpointShowCommand, CheckpointVerifyCommand, CheckpointExportCommand,
               CheckpointDeleteCommand, StateGetCommand, StateDropCommand, TopCommand, ReplayCommand,
               TapCommand, PipelineResumeCommand, StopCommand, VersionCommand, SavepointCreateCommand,
               RestoreCommand, TestCommand>
      command;
};

// Instead of a command: `text` ends in a newline. Help (done) belongs on standard output, a mistake (usage)
// on standard error.
struct CommandLineReply {
  ExitCode exit = ExitCode::usage;
  std::string text;
};

// Without the program's name.
std::expected<CommandLine, CommandLineReply> parse_command_line(std::span<const std::string> arguments);

// Every command with its options as JSON, made of the grammar that parses them:
//
//   [{"name":"checkpoint
//   show","does":"...","options":[{"names":["--config","-c"],"value":"FILE","does":"..."}],
//     "arguments":[{"value":"REF","does":"..."}]}, ...]
//
// A group of commands is not one itself. Options and arguments that CLI11 gives a value have `value`.
std::string commands_reference();

}  // namespace tidemark
