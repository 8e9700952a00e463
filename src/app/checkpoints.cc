#include "app/checkpoints.h"

#include <algorithm>
#include <utility>

#include "app/console.h"
#include "app/instance.h"
#include "base/format.h"
#include "platform/posix_files.h"

namespace tidemark {

Checkpoints::Checkpoints(Settings settings, std::unique_ptr<Files> files)
    : settings_(std::move(settings)), files_(std::move(files)), sqlite_(make_sqlite_opener()) {}

Result<Checkpoints> Checkpoints::open(Settings settings) {
  Checkpoints checkpoints(std::move(settings), make_posix_files());
  const std::string& data_dir = *checkpoints.settings_.node.data_dir;
  const Result<FileStatus> folder = checkpoints.files_->status(data_dir);
  if (!folder && folder.error().kind == Error::Kind::not_found)
    return fail(format("there is no data directory {}: nothing has run on it yet", data_dir),
                Error::Kind::not_found);
  auto instance = find_instance(*checkpoints.files_, data_dir);
  if (!instance) return pass_on(instance);
  if (instance->has_value()) checkpoints.instance_.emplace(std::move(**instance));
  return checkpoints;
}

Result<std::vector<CheckpointRow>> Checkpoints::list() {
  std::vector<CheckpointRow> rows;
  if (instance_) {
    Result<JsonValue> answer = instance_->ask(control_request("checkpoint-list"), progress_on_terminal());
    if (!answer) return pass_on(answer);
    for (const JsonValue& row : answer->items) rows.push_back(read_checkpoint_row(row));
    return rows;
  }
  auto listed = list_checkpoints_offline({*files_, *sqlite_}, settings_);
  if (!listed) return pass_on(listed);
  for (const Appliance::Listed& one : *listed) rows.push_back(row_of(one));
  return rows;
}

Result<Manifest> Checkpoints::show(CheckpointId id) {
  if (!instance_) return read_checkpoint_offline({*files_, *sqlite_}, settings_, id);
  Result<JsonValue> answer =
      instance_->ask(control_request("checkpoint-show", to_text(id)), progress_on_terminal());
  if (!answer) return pass_on(answer);
  return read_manifest(*answer);
}

Status Checkpoints::verify(CheckpointId id) {
  if (!instance_) return verify_checkpoint_offline({*files_, *sqlite_}, settings_, id);
  Result<JsonValue> answer =
      instance_->ask(control_request("checkpoint-verify", to_text(id)), progress_on_terminal());
  if (!answer) return pass_on(answer);
  return {};
}

Result<CheckpointId> Checkpoints::find(const CheckpointName& name) {
  Result<std::vector<CheckpointRow>> rows = list();
  if (!rows) return pass_on(rows);
  if (!name.id && rows->empty())
    return fail(format("there is no checkpoint in {}", *settings_.node.data_dir), Error::Kind::not_found);
  if (!name.id) return rows->back().id;
  if (std::ranges::find(*rows, *name.id, &CheckpointRow::id) == rows->end())
    return fail(format("there is no checkpoint {} in {}; `tidemark checkpoint list` shows what there is",
                       to_text(*name.id), *settings_.node.data_dir),
                Error::Kind::not_found);
  return *name.id;
}

}  // namespace tidemark
