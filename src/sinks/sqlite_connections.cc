#include "sinks/sqlite_connections.h"

#include <utility>

namespace tidemark {

Result<std::shared_ptr<Sqlite>> SqliteConnections::get(const std::string& path) {
  Result<FileStatus> found = files_.status(path);
  if (!found && found.error().kind != Error::Kind::not_found) return pass_on(found);
  const auto known = open_.find(path);
  if (known != open_.end() && found && found->identity == known->second.identity) {
    if (auto connection = known->second.connection.lock()) return connection;
  }
  Status made = files_.make_directories(parent_path(path));
  if (!made) return pass_on(made);
  Result<std::unique_ptr<Sqlite>> opened = opener_.open(path, {});
  if (!opened) return pass_on(opened);
  found = files_.status(path);
  if (!found) return pass_on(found);
  std::shared_ptr<Sqlite> connection = std::move(*opened);
  open_[path] = Open{found->identity, connection};
  return connection;
}

}  // namespace tidemark
