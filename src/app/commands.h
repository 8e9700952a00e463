// The commands of the command line, a file each. A command prints what it has to say and returns the exit
// code.
//
// Threads: the main one. Calls block; `run` until the instance has ended.
#pragma once

#include "app/command_line.h"

namespace tidemark {

ExitCode execute(const CommandLine& line);

ExitCode run_command(const CommandLine& line, const RunCommand& command);
ExitCode check_command(const CommandLine& line);
ExitCode status_command(const CommandLine& line);
ExitCode create_checkpoint_command(const CommandLine& line);
ExitCode list_checkpoints_command(const CommandLine& line);
ExitCode show_checkpoint_command(const CommandLine& line, const CheckpointShowCommand& command);
ExitCode verify_checkpoints_command(const CommandLine& line, const CheckpointVerifyCommand& command);
ExitCode resume_pipeline_command(const CommandLine& line, const PipelineResumeCommand& command);
ExitCode stop_command(const CommandLine& line);
ExitCode create_savepoint_command(const CommandLine& line, const SavepointCreateCommand& command);
ExitCode restore_command(const CommandLine& line, const RestoreCommand& command);
ExitCode version_command(const CommandLine& line);

}  // namespace tidemark
