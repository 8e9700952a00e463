// The command line's questions to a data directory that no instance runs on.

#include <algorithm>

#include "base/format.h"
#include "checkpoint/stores.h"
#include "pipeline/offline_store.h"
#include "pipeline/wiring.h"

namespace tidemark {
Result<OfflineStore> open_offline(const OfflineDoors& doors, const Settings& settings,
                                  const OfflineOpening& how) {
  const std::string& data_dir = *settings.node.data_dir;
  auto there = doors.files.status(data_dir);
  if (!there) return pass_on(there, "open " + data_dir);
  OfflineStore open;
  if (how.lock) {
    auto held = control_socket_of(doors.files, data_dir);
    auto lock = doors.files.lock(lock_path(data_dir), held.value_or(""));
    if (!lock && lock.error().kind == Error::Kind::busy)
      return fail(
          format("an instance runs on {} and cannot be asked; stop it first with `tidemark stop`", data_dir),
          Error::Kind::busy);
    if (!lock) return pass_on(lock);
    open.lock = std::move(*lock);
  }
  auto store = open_store(settings.checkpoint.store, {doors.files, doors.sqlite}, data_dir, how.read_only);
  if (!store) return pass_on(store);
  open.store = std::move(*store);
  return open;
}

Result<std::vector<Appliance::Listed>> list_checkpoints_offline(const OfflineDoors& doors,
                                                                const Settings& settings) {
  auto open = open_offline(doors, settings);
  if (!open) return pass_on(open);
  auto ids = open->store->list();
  if (!ids) return pass_on(ids);
  std::vector<Appliance::Listed> out;
  for (const CheckpointId id : *ids) out.push_back({id, open->store->read_manifest(id)});
  return out;
}

Status verify_checkpoint_offline(const OfflineDoors& doors, const Settings& settings, CheckpointId id) {
  auto open = open_offline(doors, settings);
  if (!open) return pass_on(open);
  return verify_checkpoint(*open->store, id);
}

Result<Manifest> read_checkpoint_offline(const OfflineDoors& doors, const Settings& settings,
                                         CheckpointId id) {
  auto open = open_offline(doors, settings);
  if (!open) return pass_on(open);
  auto ids = open->store->list();
  if (!ids) return pass_on(ids);
  for (const CheckpointId known : *ids)
    if (known == id) return open->store->read_manifest(id);
  return fail(format("there is no {}", to_text(id)), Error::Kind::not_found);
}

Status delete_checkpoint_offline(const OfflineDoors& doors, const Settings& settings, CheckpointId id,
                                 bool force) {
  auto open = open_offline(doors, settings, {.read_only = false});
  if (!open) return pass_on(open);
  auto ids = open->store->list();
  if (!ids) return pass_on(ids);
  if (std::ranges::find(*ids, id) == ids->end())
    return fail(format("there is no checkpoint {}", to_text(id)), Error::Kind::not_found);
  const auto identity = read_identity(doors.files, *settings.node.data_dir);
  if (identity && identity->restore && identity->restore->checkpoint == id)
    return fail(
        format("the next start resumes from {}: {} is pending. Start once, or order another restore, before "
               "deleting it",
               to_text(id), to_text(*identity->restore)),
        Error::Kind::usage);
  const bool another = std::ranges::any_of(
      *ids, [&](CheckpointId other) { return other != id && verify_checkpoint(*open->store, other); });
  if (!another && !force)
    return fail(
        format("{} is the last checkpoint that verifies: without it the counts are lost. --force deletes it "
               "all the same",
               to_text(id)),
        Error::Kind::usage);
  return open->store->remove(id);
}

Result<std::string> control_socket_of(Files& files, const std::string& data_dir) {
  auto note = read_file(files, lock_path(data_dir), 4096);
  if (!note) return pass_on(note);
  return note->substr(0, note->find('\n'));
}

}  // namespace tidemark
