#include "sinks/sqlite_connections.h"

#include <algorithm>
#include <utility>

namespace tidemark {

Result<std::shared_ptr<Sqlite>> SqliteConnections::get(const std::string& path, Holder& holder) {
  Open& open = open_[path];
  if (std::find(open.holders.begin(), open.holders.end(), &holder) == open.holders.end())
    open.holders.push_back(&holder);
  Result<FileStatus> found = files_.status(path);
  if (!found && found.error().kind != Error::Kind::not_found) return pass_on(found);
  if (found && found->identity == open.identity) {
    if (auto connection = open.connection.lock()) return connection;
  }
  for (Holder* other : open.holders) other->let_go();
  Status made = files_.make_directories(parent_path(path));
  if (!made) return pass_on(made);
  if (Status synced = make_durable(path); !synced) return pass_on(synced);
  Result<std::unique_ptr<Sqlite>> opened = opener_.open(path, {});
  if (!opened) return pass_on(opened);
  found = files_.status(path);
  if (!found) return pass_on(found);
  std::shared_ptr<Sqlite> connection = std::move(*opened);
  open.identity = found->identity;
  open.connection = connection;
  return connection;
}

void SqliteConnections::forget(Holder& holder) {
  for (auto& [path, open] : open_) std::erase(open.holders, &holder);
}

// A program that was killed within a commit left frames in the WAL that were never synced; SQLite reads them
// as committed, and the next power cut would take them back.
Status SqliteConnections::make_durable(const std::string& path) {
  Result<std::unique_ptr<File>> log = files_.open(path + "-wal", Files::Open::write);
  if (!log && log.error().kind != Error::Kind::not_found) return pass_on(log);
  if (log)
    if (Status synced = (*log)->sync(); !synced) return synced;
  return files_.sync_directory(parent_path(path));
}

}  // namespace tidemark
