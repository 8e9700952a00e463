// The command line's questions to a data directory that no instance runs on.

#include "base/format.h"
#include "checkpoint/stores.h"
#include "pipeline/wiring.h"

namespace tidemark {
namespace {

// The store, and the lock that keeps an instance from starting meanwhile.
struct OfflineStore {
  std::unique_ptr<FileLock> lock;
  std::unique_ptr<CheckpointStore> store;
};

Result<OfflineStore> open_offline(const OfflineDoors& doors, const Settings& settings) {
  const std::string& data_dir = *settings.node.data_dir;
  auto there = doors.files.status(data_dir);
  if (!there) return pass_on(there, "open " + data_dir);
  auto held = control_socket_of(doors.files, data_dir);
  auto lock = doors.files.lock(lock_path(data_dir), held.value_or(""));
  if (!lock) return pass_on(lock, "an instance runs on " + data_dir);
  auto store = open_store(settings.checkpoint.store, {doors.files, doors.sqlite}, data_dir, true);
  if (!store) return pass_on(store);
  return OfflineStore{std::move(*lock), std::move(*store)};
}

}  // namespace

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

Result<std::string> control_socket_of(Files& files, const std::string& data_dir) {
  auto note = read_file(files, lock_path(data_dir), 4096);
  if (!note) return pass_on(note);
  return note->substr(0, note->find('\n'));
}

}  // namespace tidemark
