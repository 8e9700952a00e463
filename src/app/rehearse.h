// `check --input FILE`: the records of a file, run through the pipelines in memory, and what they emit
// printed.
//
// A line is a record of the source named, or of the only one; for an mqtt source it may begin with its topic,
// as `mosquitto_sub -v` prints it. They arrive now. At the end every open window is closed.
#pragma once

#include <string>

#include "app/command_line.h"
#include "config/settings.h"

namespace tidemark {

ExitCode rehearse_file(const Settings& settings, const std::string& path, const std::string& source_name);

}  // namespace tidemark
