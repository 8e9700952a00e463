// `tidemark stop`.
#include "app/commands.h"
#include "app/console.h"
#include "app/instance.h"
#include "base/format.h"
#include "platform/posix_files.h"

namespace tidemark {

ExitCode stop_command(const CommandLine& line, const StopCommand& command) {
  const std::unique_ptr<Files> files = make_posix_files();
  const auto settings = settings_for(*files, line);
  if (!settings) return settings.error();
  Result<ControlClient> instance = require_instance(*files, line, *settings->node.data_dir);
  if (!instance) return report(instance.error());
  // It delivers and takes a last checkpoint, which may take its time.
  Result<JsonValue> answer = instance->ask(
      command.drain ? R"({"command":"stop","drain":true})" : control_request("stop"), progress_on_terminal());
  if (!answer) return report(answer.error());
  return print(
      format("{}: {}\n", command.drain ? "drained and stopped" : "stopped", *settings->node.data_dir));
}

}  // namespace tidemark
