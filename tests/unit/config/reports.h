// What the loader says about a configuration: the common ground of config's tests.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/loader.h"

namespace tidemark {

struct Mistake {
  const char* name;
  const char* toml;
  const char* report;
};

// A machine called "box" with one environment variable.
inline LoaderEnvironment test_environment(std::map<std::string, std::string> variables = {{"WORD", "word"}}) {
  LoaderEnvironment environment;
  environment.host_name = "box";
  environment.variable = [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  environment.secret_file = [](const std::string& path) -> Result<std::string> {
    if (path == "/run/secret") return std::string("from-file\n");
    return fail("read " + path + ": no such file", Error::Kind::not_found);
  };
  return environment;
}

inline std::string report(std::vector<ConfigFile> files,
                          const LoaderEnvironment& environment = test_environment()) {
  Diagnostics diagnostics;
  const std::optional<Settings> settings = load_settings(std::move(files), environment, diagnostics);
  return settings.has_value() == diagnostics.has_errors() ? "settings and errors" : diagnostics.to_text();
}

inline std::string report(std::string toml) {
  return report({{"t.toml", std::move(toml)}});
}

inline std::optional<Settings> load(std::string toml,
                                    const LoaderEnvironment& environment = test_environment()) {
  Diagnostics diagnostics;
  return load_settings({{"t.toml", std::move(toml)}}, environment, diagnostics);
}

}  // namespace tidemark
