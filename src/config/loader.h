// load_settings: from the text of configuration files to Settings, or to a list of everything that is wrong.
//
// `check` and `run` both call this and nothing else. It touches neither the network nor any file but the
// secret files that *_file keys name. Mistakes of meaning are all reported at once; a mistake of TOML's
// grammar is reported alone, because nothing after it can be trusted.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/diagnostics.h"
#include "config/settings.h"

namespace tidemark {

// What the loader takes from the machine, passed in so that tests and replays decide it.
struct LoaderEnvironment {
  std::string host_name;
  std::function<std::optional<std::string>(const std::string& name)> variable;  // environment variables
  std::function<Result<std::string>(const std::string& path)> secret_file;
};

// The first file is the main one, the others are conf.d's in name order. Nothing is returned when diagnostics
// has errors.
//
// A stored configuration (Settings::canonical_text) is read back the same way, as the only file. It names the
// variables and secret files that it was written with; a replay, which opens no connection, may give it a
// secret_file that returns nothing. Where a variable has changed since, the fingerprint is another one.
std::optional<Settings> load_settings(std::vector<ConfigFile> files, const LoaderEnvironment& environment,
                                      Diagnostics& diagnostics);

// The same, as far as the files can be read, also when diagnostics has errors: good for nothing but finding
// more mistakes in the same go (check_plan in pipeline/appliance.h). Nothing when they are no TOML.
std::optional<Settings> read_settings(std::vector<ConfigFile> files, const LoaderEnvironment& environment,
                                      Diagnostics& diagnostics);

}  // namespace tidemark
