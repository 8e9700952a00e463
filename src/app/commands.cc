#include "app/commands.h"

namespace tidemark {
namespace {

struct Execution {
  const CommandLine& line;

  ExitCode operator()(const RunCommand& command) const { return run_command(line, command); }
  ExitCode operator()(const CheckCommand& command) const { return check_command(line, command); }
  ExitCode operator()(const TestCommand& command) const { return test_command(line, command); }
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
  ExitCode operator()(const SavepointCreateCommand& command) const {
    return create_savepoint_command(line, command);
  }
  ExitCode operator()(const RestoreCommand& command) const { return restore_command(line, command); }
  ExitCode operator()(const CheckpointExportCommand& command) const {
    return export_checkpoint_command(line, command);
  }
  ExitCode operator()(const CheckpointDeleteCommand& command) const {
    return delete_checkpoint_command(line, command);
  }
  ExitCode operator()(const StateGetCommand& command) const { return get_state_command(line, command); }
  ExitCode operator()(const StateDropCommand& command) const { return drop_state_command(line, command); }
  ExitCode operator()(const ReplayCommand& command) const { return replay_command(line, command); }
  ExitCode operator()(const TopCommand& command) const { return top_command(line, command); }
  ExitCode operator()(const TapCommand& command) const { return tap_command(line, command); }
  ExitCode operator()(const StopCommand& command) const { return stop_command(line, command); }
  ExitCode operator()(const VersionCommand&) const { return version_command(line); }
};

}  // namespace

ExitCode execute(const CommandLine& line) {
  return std::visit(Execution{line}, line.command);
}

}  // namespace tidemark
