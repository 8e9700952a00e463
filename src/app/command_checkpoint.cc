// `tidemark checkpoint create|list|show|verify`.
#include <algorithm>

#include "app/checkpoint_text.h"
#include "app/checkpoints.h"
#include "app/commands.h"
#include "app/console.h"
#include "app/instance.h"
#include "base/format.h"
#include "platform/posix_files.h"

namespace tidemark {
namespace {

struct Verified {
  CheckpointId id;
  Status status;
};

// Those that are named, or all. One that went by the retention while others were read is not counted.
Result<std::vector<Verified>> verify(Checkpoints& checkpoints, const std::vector<CheckpointName>& names) {
  std::vector<Verified> verified;
  for (const CheckpointName& name : names) {
    Result<CheckpointId> id = checkpoints.find(name);
    if (!id) return pass_on(id);
    verified.push_back({*id, checkpoints.verify(*id)});
  }
  if (!names.empty()) return verified;
  Result<std::vector<CheckpointRow>> rows = checkpoints.list();
  if (!rows) return pass_on(rows);
  for (const CheckpointRow& row : *rows) {
    Status status = checkpoints.verify(row.id);
    if (status || status.error().kind != Error::Kind::not_found)
      verified.push_back({row.id, std::move(status)});
  }
  return verified;
}

std::string verified_text(const std::vector<Verified>& verified) {
  std::string out = verified.empty() ? "there is no checkpoint\n" : "";
  for (const auto& [id, status] : verified)
    out += format("{}  {}\n", to_text(id), status ? "ok" : "damaged: " + status.error().message);
  return out;
}

std::string verified_json(const std::vector<Verified>& verified) {
  JsonWriter out;
  out.begin_array();
  for (const auto& [id, status] : verified) {
    out.begin_object().key("id").text(to_text(id)).key("ok").boolean(status.has_value());
    if (!status) out.key("error").text(status.error().message);
    out.end_object();
  }
  return out.end_array().take() + "\n";
}

}  // namespace

ExitCode create_checkpoint_command(const CommandLine& line) {
  const std::unique_ptr<Files> files = make_posix_files();
  const auto settings = settings_for(*files, line);
  if (!settings) return settings.error();
  Result<ControlClient> instance = require_instance(*files, line, *settings->node.data_dir);
  if (!instance) return report(instance.error());
  Result<JsonValue> answer = instance->ask(control_request("checkpoint-create"), progress_on_terminal());
  if (!answer) return report(answer.error());
  const std::string id(answer->text_of("id"));
  if (!line.json) return print(id + "\n");
  JsonWriter out;
  return print(out.begin_object().key("id").text(id).end_object().take() + "\n");
}

ExitCode list_checkpoints_command(const CommandLine& line) {
  auto checkpoints = checkpoints_for(line);
  if (!checkpoints) return checkpoints.error();
  Result<std::vector<CheckpointRow>> rows = checkpoints->list();
  if (!rows) return report(rows.error());
  if (!line.json) return print(checkpoint_list_text(*rows));
  JsonWriter out;
  out.begin_array();
  for (const CheckpointRow& row : *rows) write_checkpoint_row(out, row);
  return print(out.end_array().take() + "\n");
}

ExitCode show_checkpoint_command(const CommandLine& line, const CheckpointShowCommand& command) {
  auto checkpoints = checkpoints_for(line);
  if (!checkpoints) return checkpoints.error();
  Result<CheckpointId> id = checkpoints->find(command.name);
  if (!id) return report(id.error());
  Result<Manifest> manifest = checkpoints->show(*id);
  if (!manifest) return report(manifest.error());
  if (!line.json) return print(checkpoint_text(*manifest));
  JsonWriter out;
  write_manifest(out, *manifest);
  return print(out.take() + "\n");
}

ExitCode verify_checkpoints_command(const CommandLine& line, const CheckpointVerifyCommand& command) {
  auto checkpoints = checkpoints_for(line);
  if (!checkpoints) return checkpoints.error();
  Result<std::vector<Verified>> verified = verify(*checkpoints, command.names);
  if (!verified) return report(verified.error());
  const ExitCode printed = print(line.json ? verified_json(*verified) : verified_text(*verified));
  const bool all_good =
      std::ranges::all_of(*verified, [](const Verified& one) { return one.status.has_value(); });
  return all_good ? printed : ExitCode::failed;
}

}  // namespace tidemark
