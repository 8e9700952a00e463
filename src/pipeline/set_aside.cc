#include "pipeline/set_aside.h"

namespace tidemark {
namespace {

// The journal first: a checkpoint without a journal is a state to start from, a trimmed journal without its
// checkpoint is not.
constexpr const char* kState[] = {"journal", "checkpoints", "checkpoints.db", "checkpoints.db-wal",
                                  "checkpoints.db-shm"};

Status remove_tree(Files& files, const std::string& path) {
  auto status = files.status(path);
  if (!status) return status.error().kind == Error::Kind::not_found ? Status() : pass_on(status);
  if (!status->is_directory) return files.remove(path);
  auto names = files.list(path);
  if (!names) return pass_on(names);
  for (const std::string& name : *names)
    if (Status removed = remove_tree(files, join_path(path, name)); !removed) return removed;
  return files.remove_directory(path);
}

}  // namespace

Status set_aside_state(Files& files, const std::string& data_dir) {
  const std::string previous = join_path(data_dir, "previous");
  if (Status made = files.make_directories(previous); !made) return made;
  for (const char* name : kState) {
    const std::string from = join_path(data_dir, name), to = join_path(previous, name);
    auto there = files.status(from);
    if (!there && there.error().kind == Error::Kind::not_found) continue;
    if (!there) return pass_on(there);
    if (Status removed = remove_tree(files, to); !removed) return removed;
    if (Status moved = files.rename(from, to); !moved) return moved;
  }
  if (Status synced = files.sync_directory(previous); !synced) return synced;
  return files.sync_directory(data_dir);
}

Status delete_state(Files& files, const std::string& data_dir) {
  for (const char* name : kState) {
    if (Status removed = remove_tree(files, join_path(data_dir, name)); !removed) return removed;
    if (Status synced = files.sync_directory(data_dir); !synced) return synced;
  }
  return {};
}

}  // namespace tidemark
