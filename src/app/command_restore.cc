// `tidemark restore`.
#include "app/commands.h"
#include "app/console.h"
#include "app/instance.h"
#include "base/format.h"
#include "base/json.h"
#include "pipeline/restore.h"
#include "platform/posix_files.h"
#include "platform/sqlite.h"
#include "platform/system_random.h"

namespace tidemark {
namespace {

std::string follow_text(const RestoreRequest& request) {
  RestoreOrder order;
  order.until_time = request.until_time;
  order.until_position = request.until_position;
  order.follow = request.follow;
  switch (request.follow) {
    case RestoreOrder::Follow::all:
      return "replays what was journaled after it";
    case RestoreOrder::Follow::nothing:
      return "leaves behind what was journaled after it, on a new timeline";
    case RestoreOrder::Follow::until_time:
    case RestoreOrder::Follow::until_position:
      break;
  }
  return format("replays what was journaled after it until {}, and leaves the rest behind, on a new timeline",
                until_text(order));
}

}  // namespace

ExitCode restore_command(const CommandLine& line, const RestoreCommand& command) {
  const std::unique_ptr<Files> files = make_posix_files();
  const auto settings = settings_for(*files, line);
  if (!settings) return settings.error();
  const std::unique_ptr<SqliteOpener> sqlite = make_sqlite_opener();
  SystemRandom random;
  const Result<RestoreNoted> noted = order_restore({*files, *sqlite}, random, *settings, command.request);
  if (!noted) return report(noted.error());
  if (line.json) {
    JsonWriter out;
    out.begin_object().key("id").text(to_text(noted->checkpoint));
    out.key("position").unsigned_integer(noted->position.value);
    out.key("sets_aside").boolean(noted->foreign);
    return print(out.end_object().take() + "\n");
  }
  std::string text =
      format("the next start resumes from {} (position {}, {}) and {}\n", command.reference,
             noted->position.value, to_rfc3339(to_ns(noted->time)),
             noted->foreign ? std::string("begins a history of its own") : follow_text(command.request));
  if (noted->foreign)
    text += format("{} was made by another history: what is in {} now is set aside under previous/\n",
                   command.reference, *settings->node.data_dir);
  if (noted->replaced) text += format("it takes the place of {}\n", *noted->replaced);
  return print(text);
}

}  // namespace tidemark
