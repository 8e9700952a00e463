#include "app/checkpoints.h"

#include <algorithm>
#include <utility>

#include "app/console.h"
#include "app/instance.h"
#include "base/format.h"
#include "base/hex.h"
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

Result<std::vector<CheckpointId>> Checkpoints::readable() {
  Result<std::vector<CheckpointRow>> rows = list();
  if (!rows) return pass_on(rows);
  std::vector<CheckpointId> ids;
  for (const CheckpointRow& row : *rows)
    if (row.damage.empty()) ids.push_back(row.id);
  return ids;
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

Status Checkpoints::remove(CheckpointId id, bool force) {
  if (!instance_) return delete_checkpoint_offline({*files_, *sqlite_}, settings_, id, force);
  JsonWriter request;
  request.begin_object().key("command").text("checkpoint-delete").key("id").text(to_text(id));
  request.key("force").boolean(force).end_object();
  Result<JsonValue> answer = instance_->ask(request.take(), progress_on_terminal());
  if (!answer) return pass_on(answer);
  return {};
}

namespace {

// Asks the instance for pieces.
class AskedReader final : public CheckpointReader {
 public:
  explicit AskedReader(ControlClient& instance) : instance_(instance) {}

  Result<Manifest> manifest(CheckpointId id) override {
    Result<std::pair<std::string, bool>> piece = ask(control_request("checkpoint-read", to_text(id)));
    if (!piece) return pass_on(piece);
    return decode_manifest(piece->first, "manifest of " + to_text(id));
  }

  Status rows(const Manifest& manifest, const SegmentReference& segment,
              const std::function<Status(std::string_view rows)>& block) override {
    for (std::uint64_t from = 0;;) {
      JsonWriter request;
      request.begin_object().key("command").text("checkpoint-read").key("id").text(to_text(manifest.id));
      request.key("segment").text(segment.name).key("from").unsigned_integer(from).end_object();
      Result<std::pair<std::string, bool>> piece = ask(request.take());
      if (!piece) return pass_on(piece);
      if (Status taken = block(piece->first); !taken) return taken;
      from += piece->first.size();
      if (piece->second) return {};
    }
  }

 private:
  Result<std::pair<std::string, bool>> ask(const std::string& request) {
    Result<JsonValue> answer = instance_.ask(request, progress_on_terminal());
    if (!answer) return pass_on(answer);
    std::optional<std::string> bytes = from_hex(answer->text_of("bytes"));
    if (!bytes) return fail("the instance answers what is no bytes");
    return std::pair(std::move(*bytes), answer->boolean_of("last"));
  }

  ControlClient& instance_;
};

}  // namespace

Result<std::unique_ptr<CheckpointReader>> Checkpoints::reader() {
  if (instance_ && settings_.checkpoint.store != StoreType::files)
    return std::make_unique<AskedReader>(*instance_);
  return read_checkpoints_offline({*files_, *sqlite_}, settings_, instance_.has_value());
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

std::expected<Checkpoints, ExitCode> checkpoints_for(const CommandLine& line) {
  const std::unique_ptr<Files> files = make_posix_files();
  auto settings = settings_for(*files, line);
  if (!settings) return std::unexpected(settings.error());
  Result<Checkpoints> checkpoints = Checkpoints::open(std::move(*settings));
  if (!checkpoints) return std::unexpected(report(checkpoints.error()));
  return std::move(*checkpoints);
}

}  // namespace tidemark
