// parse_command_line: from argv to a plain CommandLine, or to what is printed instead of doing anything:
// help, or what is wrong with the line.
//
// The one door to CLI11. Nothing is opened or looked up here: a checkpoint that is named need not exist.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
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
};
struct CheckCommand {};
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
struct StopCommand {};
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
               CheckpointShowCommand, CheckpointVerifyCommand, PipelineResumeCommand, StopCommand,
               VersionCommand, SavepointCreateCommand, RestoreCommand>
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
