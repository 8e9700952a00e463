// `tidemark tap`: what passes a source or comes out of a pipeline, live, until it is interrupted.
#include <unistd.h>

#include <csignal>

#include "app/commands.h"
#include "app/console.h"
#include "app/instance.h"
#include "base/format.h"
#include "platform/posix_files.h"

namespace tidemark {
namespace {

// Whole lines are printed, one write each: there is nothing to tidy up. The instance notices the hang-up.
extern "C" void end_at_once(int) {
  ::_exit(static_cast<int>(ExitCode::done));
}

void write_json(JsonWriter& out, const JsonValue& value) {
  switch (value.type) {
    case JsonValue::Type::null:
      out.null();
      return;
    case JsonValue::Type::boolean:
      out.boolean(value.boolean);
      return;
    case JsonValue::Type::integer:
      out.integer(value.integer);
      return;
    case JsonValue::Type::real:
      out.real(value.real);
      return;
    case JsonValue::Type::text:
      out.text(value.text);
      return;
    case JsonValue::Type::array:
      out.begin_array();
      for (const JsonValue& item : value.items) write_json(out, item);
      out.end_array();
      return;
    case JsonValue::Type::object:
      out.begin_object();
      for (const auto& [name, member] : value.members) {
        out.key(name);
        write_json(out, member);
      }
      out.end_object();
      return;
  }
}

}  // namespace

ExitCode tap_command(const CommandLine& line, const TapCommand& command) {
  const std::unique_ptr<Files> files = make_posix_files();
  const auto settings = settings_for(*files, line);
  if (!settings) return settings.error();
  Result<ControlClient> instance = require_instance(*files, line, *settings->node.data_dir);
  if (!instance) return report(instance.error());
  std::signal(SIGINT, end_at_once);
  std::signal(SIGTERM, end_at_once);
  JsonWriter request;
  request.begin_object().key("command").text("tap").key("name").text(command.name).end_object();
  std::uint64_t shown = 0;
  ExitCode exit = ExitCode::done;
  Result<JsonValue> answer = instance->ask(request.take(), {}, [&](const JsonValue& item) {
    if (item.members.size() == 1 && item.members[0].first == "missed") {
      print_error(
          format("tidemark: {} passed unseen: this end was too slow\n", item.members[0].second.integer));
      return true;
    }
    JsonWriter out;
    write_json(out, item);
    exit = print(out.take() + "\n");
    return exit == ExitCode::done && ++shown != command.limit;
  });
  if (!answer) return report(answer.error());
  return exit;
}

}  // namespace tidemark
