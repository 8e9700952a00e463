// `tidemark status`.
#include "app/commands.h"
#include "app/console.h"
#include "app/instance.h"
#include "app/status_json.h"
#include "app/status_text.h"
#include "platform/posix_files.h"
#include "platform/system_clock.h"

namespace tidemark {

ExitCode status_command(const CommandLine& line) {
  const std::unique_ptr<Files> files = make_posix_files();
  const auto settings = settings_for(*files, line);
  if (!settings) return settings.error();
  Result<ControlClient> instance = require_instance(*files, line, *settings->node.data_dir);
  if (!instance) return report(instance.error());
  Result<JsonValue> answer = instance->ask(control_request("status"), progress_on_terminal());
  if (!answer) return report(answer.error());
  const StatusReport status = read_status(*answer);
  if (!line.json) return print(status_text(status, SystemClock().wall_ns()));
  JsonWriter out;
  write_status(out, status);
  return print(out.take() + "\n");
}

}  // namespace tidemark
