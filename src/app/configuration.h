// read_configuration: from the path given with --config to Settings, as `run` and every other command takes
// them.
//
// Reads the file, and after it the *.toml files of the folder conf.d beside it in name order. Takes the host
// name, environment variables and secret files from this machine. The pipelines are compiled too, so that
// every command refuses the same configurations.
#pragma once

#include <optional>
#include <string>

#include "config/diagnostics.h"
#include "config/loader.h"
#include "config/settings.h"
#include "platform/files.h"

namespace tidemark {

struct Configuration {
  Diagnostics diagnostics;
  std::optional<Settings> settings;  // nothing when diagnostics has errors
  std::optional<Settings> readable;  // with its mistakes, for finding more of them
};

// An error (of kind usage) when a file cannot be read; mistakes in them stand in the diagnostics. What needs
// the expression language is not looked at: a command that only has to find the instance does not care.
Result<Configuration> read_configuration(Files& files, const std::string& path);

// Compiles the pipelines, as far as they could be read: the rest of what `check` and `run` refuse.
void check_pipelines(Configuration& configuration);

// What reading a stored configuration back takes from this process: its variables, and no secret.
LoaderEnvironment variables_of_process();

// $NAME of this process.
std::optional<std::string> environment_variable(const std::string& name);

}  // namespace tidemark
