#include "app/commands.h"

namespace tidemark {
namespace {

struct Execution {
  const CommandLine& line;

  ExitCode operator()(const RunCommand& command) const { return run_command(line, command); }
  ExitCode operator()(const CheckCommand&) const { return check_command(line); }
  ExitCode operator()(const StatusCommand&) const { return status_command(line); }
  ExitCode operator()(const CheckpointCreateCommand&) const { return create_checkpoint_command(line); }
  ExitCode operator()(const CheckpointListCommand&) const { return list_checkpoints_command(line); }
  ExitCode operator()(const CheckpointShowCommand& command) const {
    return show_checkpoint_command(line, command);
  }
  ExitCode operator()(const CheckpointVerifyCommand& command) const {
    return verify_checkpoints_command(line, command);
  }
  ExitCode operator()(const PipelineResumeCommand& command) const {
    return resume_pipeline_command(line, command);
  }
  ExitCode operator()(const StopCommand&) const { return stop_command(line); }
  ExitCode operator()(const SavepointCreateCommand& command) const {
    return create_savepoint_command(line, command);
  }
  ExitCode operator()(const RestoreCommand& command) const { return restore_command(line, command); }
  ExitCode operator()(const VersionCommand&) const { return version_command(line); }
};

}  // namespace

ExitCode execute(const CommandLine& line) {
  return std::visit(Execution{line}, line.command);
}

}  // namespace tidemark
