// `tidemark checkpoint export` and `tidemark checkpoint delete`.
#include "app/checkpoints.h"
#include "app/commands.h"
#include "app/configuration.h"
#include "app/console.h"
#include "app/instance.h"
#include "app/readable.h"
#include "app/state_export.h"
#include "base/format.h"
#include "platform/posix_files.h"

namespace tidemark {
namespace {

Status export_all(StoredState& state, const std::vector<std::string>& pipelines, StateWriter& writer,
                  std::uint64_t& rows) {
  WorkProgress progress("exporting " + to_text(state.manifest().id));
  state.on_progress([&](std::uint64_t bytes) {
    progress.show([&] { return format("{} read, {} rows written", readable_size(bytes), rows); });
  });
  for (const std::string& pipeline : pipelines) {
    const Status read = state.read(
        pipeline, {},
        [&](const std::vector<StateColumn>& columns) { return writer.begin(pipeline, columns); },
        [&](std::span<const Value> row) {
          ++rows;
          progress.show([&] { return format("{} rows written", rows); });
          return writer.row(row);
        });
    if (!read) return read;
  }
  return writer.finish();
}

}  // namespace

ExitCode export_checkpoint_command(const CommandLine& line, const CheckpointExportCommand& command) {
  auto checkpoints = checkpoints_for(line);
  if (!checkpoints) return checkpoints.error();
  const Result<CheckpointId> id = checkpoints->find(command.name);
  if (!id) return report(id.error());
  auto reader = checkpoints->reader();
  if (!reader) return report(reader.error());
  Result<Manifest> manifest = (*reader)->manifest(*id);
  if (!manifest) return report(manifest.error());
  auto state =
      StoredState::open(**reader, std::move(*manifest), variables_of_process(), checkpoints->settings());
  if (!state) return report(state.error());
  std::vector<std::string> pipelines = (*state)->pipelines();
  if (!command.pipeline.empty()) pipelines = {command.pipeline};
  if (pipelines.empty())
    return report({format("{} holds no state: none of its pipelines has aggregates", to_text(*id)),
                   Error::Kind::not_found});
  auto writer = make_state_writer(command.to, command.force, pipelines.size());
  if (!writer) return report(writer.error());
  std::uint64_t rows = 0;
  if (Status exported = export_all(**state, pipelines, **writer, rows); !exported)
    return report(exported.error());
  return print(format(
      "{}: {} row{} of {} from {}\n", command.to, rows, rows == 1 ? "" : "s",
      pipelines.size() == 1 ? "pipeline " + pipelines.front() : format("{} pipelines", pipelines.size()),
      to_text(*id)));
}

ExitCode delete_checkpoint_command(const CommandLine& line, const CheckpointDeleteCommand& command) {
  auto checkpoints = checkpoints_for(line);
  if (!checkpoints) return checkpoints.error();
  const Result<CheckpointId> id = checkpoints->find(command.name);
  if (!id) return report(id.error());
  if (Status removed = checkpoints->remove(*id, command.force); !removed) return report(removed.error());
  return print(format("deleted {}\n", to_text(*id)));
}

}  // namespace tidemark
