// The commands of the command line, a file each. A command prints what it has to say and returns the exit
// code.
//
// Threads: the main one. Calls block; `run` until the instance has ended.
#pragma once

#include "app/command_line.h"

namespace tidemark {

ExitCode execute(const CommandLine& line);

ExitCode run_command(const CommandLine& line, const RunCommand& command);
ExitCode check_command(const CommandLine& line, const CheckCommand& command);
ExitCode test_command(const CommandLine& line, const TestCommand& command);
ExitCode status_command(const CommandLine& line);
ExitCode create_checkpoint_command(const CommandLine& line);
ExitCode list_checkpoints_command(const CommandLine& line);
ExitCode show_checkpoint_command(const CommandLine& line, const CheckpointShowCommand& command);
ExitCode verify_checkpoints_command(const CommandLine& line, const CheckpointVerifyCommand& command);
ExitCode resume_pipeline_command(const CommandLine& line, const PipelineResumeCommand& command);
ExitCode create_savepoint_command(const CommandLine& line, const SavepointCreateCommand& command);
ExitCode restore_command(const CommandLine& line, const RestoreCommand& command);
ExitCode export_checkpoint_command(const CommandLine& line, const CheckpointExportCommand& command);
ExitCode delete_checkpoint_command(const CommandLine& line, const CheckpointDeleteCommand& command);
ExitCode get_state_command(const CommandLine& line, const StateGetCommand& command);
ExitCode drop_state_command(const CommandLine& line, const StateDropCommand& command);
ExitCode replay_command(const CommandLine& line, const ReplayCommand& command);
ExitCode top_command(const CommandLine& line, const TopCommand& command);
ExitCode tap_command(const CommandLine& line, const TapCommand& command);
ExitCode stop_command(const CommandLine& line, const StopCommand& command);
ExitCode version_command(const CommandLine& line);

}  // namespace tidemark
