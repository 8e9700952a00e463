// `tidemark pipeline resume`.
#include "app/commands.h"
#include "app/console.h"
#include "app/instance.h"
#include "base/format.h"
#include "platform/posix_files.h"

namespace tidemark {

ExitCode resume_pipeline_command(const CommandLine& line, const PipelineResumeCommand& command) {
  const std::unique_ptr<Files> files = make_posix_files();
  const auto settings = settings_for(*files, line);
  if (!settings) return settings.error();
  Result<ControlClient> instance = require_instance(*files, line, *settings->node.data_dir);
  if (!instance) return report(instance.error());
  Result<JsonValue> answer =
      instance->ask(control_request("pipeline-resume", command.name), progress_on_terminal());
  if (!answer) return report(answer.error());
  return print(format("resumed: {}\n", command.name));
}

}  // namespace tidemark
