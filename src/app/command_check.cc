// `tidemark check`: the loader that `run` uses, and nothing else.
#include <algorithm>

#include "app/commands.h"
#include "app/configuration.h"
#include "app/console.h"
#include "app/rehearse.h"
#include "base/format.h"
#include "base/json.h"
#include "platform/posix_files.h"

namespace tidemark {
namespace {

std::string counted(std::size_t count, std::string_view noun) {
  return format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

// One object: {"ok":…, "messages":[{"file":…,"line":…,"column":…,"error":true,"text":…,"hint":…}]}.
std::string messages_json(const Diagnostics& diagnostics) {
  JsonWriter out;
  out.begin_object().key("ok").boolean(!diagnostics.has_errors()).key("messages").begin_array();
  for (const Diagnostics::Message& message : diagnostics.messages()) {
    out.begin_object().key("error").boolean(message.is_error);
    if (message.place.known() && message.place.file < diagnostics.files().size()) {
      out.key("file").text(diagnostics.files()[message.place.file].path);
      out.key("line")
          .unsigned_integer(message.place.line)
          .key("column")
          .unsigned_integer(message.place.column);
    }
    out.key("text").text(message.text);
    if (!message.hint.empty()) out.key("hint").text(message.hint);
    out.end_object();
  }
  out.end_array().end_object();
  return out.take() + "\n";
}

}  // namespace

ExitCode check_command(const CommandLine& line, const CheckCommand& command) {
  const std::unique_ptr<Files> files = make_posix_files();
  Result<Configuration> configuration = read_configuration(*files, line.config);
  if (!configuration) return report(configuration.error());
  check_pipelines(*configuration);
  const Diagnostics& diagnostics = configuration->diagnostics;
  const ExitCode verdict = diagnostics.has_errors() ? ExitCode::usage : ExitCode::done;
  if (line.json) return std::max(verdict, print(messages_json(diagnostics)));
  print_error(diagnostics.to_text());
  if (verdict != ExitCode::done) return verdict;
  const Settings& settings = *configuration->settings;
  if (!command.input.empty()) return rehearse_file(settings, command.input, command.source);
  return print(format("{}: ok — {}, {}, {}\n", line.config, counted(settings.sources.size(), "source"),
                      counted(settings.pipelines.size(), "pipeline"),
                      counted(settings.sinks.size(), "sink")));
}

}  // namespace tidemark
