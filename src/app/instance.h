// The instance that runs on the data directory of a configuration, as another process finds it: through the
// control socket that stands in the directory's LOCK file.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "app/command_line.h"
#include "app/configuration.h"
#include "app/control_client.h"
#include "base/result.h"
#include "platform/files.h"

namespace tidemark {

// The configuration of a command that is no check: what is wrong with it is printed, and the exit code
// returned. Where an instance runs on the data directory that it names, mistakes are no obstacle: whoever
// breaks a file while it runs wants to see and stop what runs.
std::expected<Settings, ExitCode> settings_for(Files& files, const CommandLine& line);

// Nothing when no instance runs there.
Result<std::optional<ControlClient>> find_instance(Files& files, const std::string& data_dir);
// The same for a command that can do nothing without one.
Result<ControlClient> require_instance(Files& files, const CommandLine& line, const std::string& data_dir);

}  // namespace tidemark
