#include "app/configuration.h"

#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/format.h"
#include "config/loader.h"
#include "pipeline/appliance.h"
#include "pipeline/lookup_reader.h"
#include "pipeline/named_zones.h"
#include "platform/sqlite.h"

namespace tidemark {
namespace {

constexpr std::uint64_t kMaxFile = 16 << 20;
constexpr std::uint64_t kMaxSecret = 64 << 10;

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

// What conf.d beside the file holds; none when there is no such folder. Hidden files are an editor's.
Result<std::vector<std::string>> files_of_conf_d(Files& files, const std::string& path) {
  const std::string folder = join_path(parent_path(path), "conf.d");
  Result<std::vector<std::string>> names = files.list(folder);
  std::vector<std::string> paths;
  if (!names && names.error().kind == Error::Kind::not_found) return paths;
  if (!names) return pass_on(names);
  for (const std::string& name : *names)
    if (name.ends_with(".toml") && !name.starts_with('.')) paths.push_back(join_path(folder, name));
  return paths;
}

// Whatever TZDIR says: the rules must not depend on who starts the program.
constexpr std::string_view kZones = "/usr/share/zoneinfo";
constexpr std::uint64_t kMaxZone = 64 << 10;

bool is_zone_name(std::string_view name) {
  const auto belongs = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '+' || c == '/';
  };
  return !name.empty() && name.size() <= 64 && !name.starts_with('/') && std::ranges::all_of(name, belongs);
}

Result<std::string> zone_file(Files& files, const std::string& name) {
  if (!is_zone_name(name))
    return fail(
        format("'{}' is no name of a time zone; write one such as 'Europe/Berlin', or '+02:00'", name),
        Error::Kind::usage);
  Result<std::string> tzif = read_file(files, join_path(std::string(kZones), name), kMaxZone);
  if (tzif || tzif.error().kind != Error::Kind::not_found) return tzif;
  return fail(format("there is no time zone '{}' in {}, which Debian's package tzdata fills", name, kZones),
              Error::Kind::not_found);
}

}  // namespace

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

LoaderEnvironment variables_of_process() {
  LoaderEnvironment environment;
  environment.host_name = host_name();
  environment.variable = environment_variable;
  environment.secret_file = [](const std::string&) { return Result<std::string>(std::string()); };
  return environment;
}

Result<Configuration> read_configuration(Files& files, const std::string& path) {
  const auto unreadable = [](Error error) {
    error.message += "; name the configuration with --config FILE";
    error.kind = Error::Kind::usage;
    return std::unexpected(std::move(error));
  };
  std::vector<ConfigFile> texts;
  Result<std::string> main_text = read_file(files, path, kMaxFile);
  if (!main_text) return unreadable(main_text.error());
  texts.push_back({path, std::move(*main_text)});
  Result<std::vector<std::string>> more = files_of_conf_d(files, path);
  if (!more) return unreadable(more.error());
  for (const std::string& file : *more) {
    Result<std::string> text = read_file(files, file, kMaxFile);
    if (!text) return unreadable(text.error());
    texts.push_back({file, std::move(*text)});
  }

  LoaderEnvironment environment = variables_of_process();
  environment.secret_file = [&files](const std::string& secret) {
    return read_file(files, secret, kMaxSecret);
  };
  environment.named_zones = named_zones;
  const std::unique_ptr<SqliteOpener> sqlite = make_sqlite_opener();
  environment.lookup = [&](const LookupSettings& lookup) { return read_lookup(files, *sqlite, lookup); };
  environment.zone_file = [&files](const std::string& name) { return zone_file(files, name); };
  Configuration configuration;
  configuration.readable = read_settings(std::move(texts), environment, configuration.diagnostics);
  if (!configuration.diagnostics.has_errors()) configuration.settings = configuration.readable;
  return configuration;
}

void check_pipelines(Configuration& configuration) {
  if (configuration.readable) check_plan(*configuration.readable, configuration.diagnostics);
  if (configuration.diagnostics.has_errors()) configuration.settings.reset();
}

}  // namespace tidemark
