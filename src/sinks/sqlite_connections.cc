#include "sinks/sqlite_connections.h"

#include <algorithm>
#include <utility>

namespace tidemark {
namespace {

constexpr std::size_t kSlice = 1u << 20;

}  // namespace

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
  Result<std::unique_ptr<Sqlite>> opened = opener_.open(path, {});
  if (!opened) return pass_on(opened);
  if (Status durable = make_durable(path, **opened); !durable) return pass_on(durable);
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
Status SqliteConnections::make_durable(const std::string& path, Sqlite& connection) {
  Result<std::unique_ptr<File>> log = files_.open(path + "-wal", Files::Open::write);
  if (!log && log.error().kind != Error::Kind::not_found) return pass_on(log);
  if (log) {
    Result<FileStatus> status = (*log)->status();
    if (!status) return pass_on(status);
    if (status->size != 0)
      if (Status written = write_anew(**log, connection); !written) return written;
  }
  return files_.sync_directory(parent_path(path));
}

// Where its sync had failed, the kernel has forgotten to write what still reads back, and no later sync does.
// Nobody else writes into it meanwhile: the transaction holds the WAL as it is.
Status SqliteConnections::write_anew(File& log, Sqlite& connection) {
  if (Status begun = connection.execute("BEGIN IMMEDIATE"); !begun) return begun;
  Status done;
  for (std::uint64_t at = 0; done;) {
    Result<std::string> slice = log.read_at(at, kSlice);
    if (!slice) done = pass_on(slice);
    if (!slice || slice->empty()) break;
    done = log.write_at(at, *slice);
    at += slice->size();
  }
  if (done) done = log.sync();
  const Status ended = connection.execute("ROLLBACK");
  return done ? ended : done;
}

}  // namespace tidemark
