// `tidemark top`: the status, live.
#include <chrono>
#include <thread>

#include "app/commands.h"
#include "app/console.h"
#include "app/instance.h"
#include "app/status_json.h"
#include "app/top_text.h"
#include "platform/posix_files.h"
#include "platform/system_clock.h"

namespace tidemark {
namespace {

struct Look {
  StatusReport report;
  std::chrono::steady_clock::time_point at;
};

Result<Look> look(ControlClient& instance) {
  Result<JsonValue> answer = instance.ask(control_request("status"));
  if (!answer) return pass_on(answer);
  return Look{read_status(*answer), std::chrono::steady_clock::now()};
}

}  // namespace

ExitCode top_command(const CommandLine& line, const TopCommand& command) {
  const std::unique_ptr<Files> files = make_posix_files();
  const auto settings = settings_for(*files, line);
  if (!settings) return settings.error();
  Result<ControlClient> instance = require_instance(*files, line, *settings->node.data_dir);
  if (!instance) return report(instance.error());
  Result<Look> before = look(*instance);
  if (!before) return report(before.error());
  const bool once = command.once || line.json;
  const bool redraw = !once && output_is_terminal();
  while (true) {
    std::this_thread::sleep_for(once ? std::min<Duration>(command.interval, 1s) : command.interval);
    Result<Look> now = look(*instance);
    if (!now) return report(now.error());
    const Looks looks{.before = before->report,
                      .now = now->report,
                      .apart = now->at - before->at,
                      .wall_ns = SystemClock().wall_ns()};
    // Cleared to the end of the screen behind it, so that nothing of a longer one stays, and nothing
    // flickers.
    std::string text = line.json ? top_json(looks) : top_text(looks);
    if (redraw) text = "\x1b[H\x1b[2J" + text;
    if (!redraw && !once) text += "\n";
    if (const ExitCode printed = print(text); printed != ExitCode::done || once) return printed;
    before = std::move(now);
  }
}

}  // namespace tidemark
