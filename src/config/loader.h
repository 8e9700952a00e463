// load_settings: from the text of configuration files to Settings, or to a list of everything that is wrong.
//
// `check` and `run` both call this and nothing else. It touches neither the network nor any file but the
// secret files that *_file keys name and the files of time zones. Mistakes of meaning are all reported at
// once; a mistake of TOML's grammar is reported alone, because nothing after it can be trusted.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/diagnostics.h"
#include "config/lookups.h"
#include "config/settings.h"

namespace tidemark {

// What the loader takes from the machine, passed in so that tests and replays decide it.
struct LoaderEnvironment {
  std::string host_name;
  std::function<std::optional<std::string>(const std::string& name)> variable;  // environment variables
  std::function<Result<std::string>(const std::string& path)> secret_file;
  // The time zones that expressions name, and their files. Without them no zone is named.
  std::function<std::vector<std::string>(const Settings&)> named_zones = {};
  ZoneFiles zone_file = {};
  // What lookups have now; without it their tables are not there.
  LookupReader lookup = {};
  // For a stored configuration.
  KeptLookupTables kept_lookup = {};
};

// The first file is the main one, the others are conf.d's in name order. Nothing is returned when diagnostics
// has errors.
std::optional<Settings> load_settings(std::vector<ConfigFile> files, const LoaderEnvironment& environment,
                                      Diagnostics& diagnostics);

// The same, as far as the files can be read, also when diagnostics has errors: good for nothing but finding
// more mistakes in the same go (check_plan in pipeline/appliance.h). Nothing when they are no TOML.
std::optional<Settings> read_settings(std::vector<ConfigFile> files, const LoaderEnvironment& environment,
                                      Diagnostics& diagnostics);

// A stored configuration (Settings::canonical_text), for its plan: fields, expressions, keys, windows,
// limits.
//
// It names the variables and secret files that it was written with. What only sources and sinks use, which
// nobody opens, keeps its default where it was written with a ${NAME}; no secret is read, and zones have the
// rules that it was stored with. So that a plan can
// be had again when the broker has moved and the password was changed. With `as_they_were` it is an error
// where a variable that decides results stands for something else than when it was stored.
enum class StoredValues { as_they_were, as_they_are };
std::optional<Settings> load_stored_settings(ConfigFile stored, const LoaderEnvironment& environment,
                                             Diagnostics& diagnostics, StoredValues values);
// False: of a version that did not store what `as_they_were` compares; the fingerprint is another one where a
// variable has changed.
bool says_what_was_resolved(const std::string& stored);

}  // namespace tidemark
