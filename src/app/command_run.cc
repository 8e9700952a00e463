// `tidemark run`: the real platform, a Service on it, and the loop until the service has ended.
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "app/commands.h"
#include "app/configuration.h"
#include "app/console.h"
#include "app/machine.h"
#include "app/service.h"
#include "app/version.h"
#include "base/format.h"
#include "platform/posix_files.h"

namespace tidemark {
namespace {

// What a write to a closed pipe or past a file-size limit says, it says through errno.
void ignore_signals_of_writing() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

SpdlogLog::Options log_options(const LogSettings& settings) {
  static constexpr std::array<std::pair<std::string_view, LogLevel>, 5> kLevels = {{
      {"trace", LogLevel::trace},
      {"debug", LogLevel::debug},
      {"info", LogLevel::info},
      {"warning", LogLevel::warning},
      {"error", LogLevel::error},
  }};
  SpdlogLog::Options options;
  options.json = settings.format == LogFormat::json;
  for (const auto& [name, level] : kLevels)
    if (name == settings.level) options.level = level;
  return options;
}

// A data directory by its full name: other commands look for the control socket from other folders.
std::string absolute(const std::string& data_dir) {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::absolute(data_dir, error);
  return error ? data_dir : path.lexically_normal().string();
}

std::string control_socket(const std::string& data_dir) {
  const ControlSocketPlaces places{.variable = environment_variable,
                                   .is_directory = [](const std::string& path) {
                                     std::error_code error;
                                     return std::filesystem::is_directory(path, error);
                                   }};
  return control_socket_path(places, absolute(data_dir));
}

// The configuration as the files have it now; an error is everything that is wrong with it.
Result<Settings> read_again(Files& files, const std::string& path) {
  Result<Configuration> configuration = read_configuration(files, path);
  if (!configuration) return pass_on(configuration);
  check_pipelines(*configuration);
  if (!configuration->settings) return fail(configuration->diagnostics.to_text(), Error::Kind::usage);
  return std::move(*configuration->settings);
}

}  // namespace

ExitCode run_command(const CommandLine& line, const RunCommand& command) {
  ignore_signals_of_writing();

  // --- The configuration. After this nothing is wrong that could have been known without starting.
  const std::unique_ptr<Files> files = make_posix_files();
  Result<Configuration> configuration = read_configuration(*files, line.config);
  if (!configuration) return report(configuration.error());
  check_pipelines(*configuration);
  print_error(configuration->diagnostics.to_text());
  if (!configuration->settings) return ExitCode::usage;
  const Settings& settings = *configuration->settings;

  // --- The machine, and the service on it.
  Machine machine(log_options(settings.log), *settings.node.data_dir);
  const std::unique_ptr<ServiceNotifier> notifier = make_service_notifier();
  ExitCode exit = ExitCode::failed;
  Service service(
      machine.platform(), *notifier,
      {.appliance = {.settings = settings,
                     .from = command.from,
                     .abandon_replay = command.abandon_replay,
                     .allow_non_restored_state = command.allow_non_restored_state,
                     .environment = variables_of_process(),
                     .control_socket = control_socket(*settings.node.data_dir),
                     .version = std::string(program_version())},
       .read_configuration = [&]() -> Result<Settings> { return read_again(*files, line.config); },
       .ended =
           [&](ExitCode code) {
             exit = code;
             machine.loop().stop();
           }});
  machine.loop().on_signals({SIGTERM, SIGINT, SIGHUP}, [&](int number) {
    if (number == SIGHUP) return service.reload();
    // The second one: as a crash, from which the next start recovers. Nothing is waited for.
    if (!service.signal(number)) ::_exit(static_cast<int>(ExitCode::failed));
  });

  // --- The run, until the service has ended.
  service.start();
  machine.loop().run();
  return exit;
}

}  // namespace tidemark
