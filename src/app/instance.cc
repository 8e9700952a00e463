#include "app/instance.h"

#include <utility>

#include "app/console.h"
#include "base/format.h"
#include "pipeline/appliance.h"

namespace tidemark {

std::expected<Settings, ExitCode> settings_for(Files& files, const CommandLine& line) {
  Result<Configuration> configuration = read_configuration(files, line.config);
  if (!configuration) return std::unexpected(report(configuration.error()));
  if (configuration->settings) return std::move(*configuration->settings);
  // The default is not taken: the mistake may be in what should have named another folder.
  if (auto& readable = configuration->readable; readable && readable->node.data_dir.given()) {
    const auto instance = find_instance(files, *readable->node.data_dir);
    if (instance && instance->has_value()) {
      print_error(
          format("tidemark: the configuration has mistakes (tidemark check -c {}); what runs on {} "
                 "goes on as it was configured before\n",
                 line.config, *readable->node.data_dir));
      return std::move(*readable);
    }
  }
  print_error(configuration->diagnostics.to_text());
  return std::unexpected(ExitCode::usage);
}

Result<std::optional<ControlClient>> find_instance(Files& files, const std::string& data_dir) {
  if (const auto there = files.status(data_dir); there && !there->is_directory)
    return fail(
        format("{} is a file, and the data directory must be a folder; name another one with data_dir in "
               "[node]",
               data_dir),
        Error::Kind::usage);
  const Result<std::string> socket = control_socket_of(files, data_dir);
  if (!socket && socket.error().kind == Error::Kind::not_found) return std::optional<ControlClient>();
  if (!socket) return std::unexpected(socket.error());
  if (socket->empty()) return std::optional<ControlClient>();
  auto instance = ControlClient::connect(*socket);
  if (instance && instance->has_value())
    (*instance)->on_unanswered([](const std::string& what) { print_error("tidemark: " + what + "\n"); });
  return instance;
}

Result<ControlClient> require_instance(Files& files, const CommandLine& line, const std::string& data_dir) {
  Result<std::optional<ControlClient>> instance = find_instance(files, data_dir);
  if (!instance) return pass_on(instance);
  if (instance->has_value()) return std::move(**instance);
  return fail(
      format("no instance is running on {}; start one with: tidemark run -c {}", data_dir, line.config));
}

}  // namespace tidemark
