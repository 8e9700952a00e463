// SqliteVfs lets SQLite keep its databases in a Files, so that a test can take the power away under it.
//
//   SqliteVfs vfs(*disk);
//   auto opener = make_sqlite_opener(vfs.name());
//
// It does to the files what SQLite's own unix VFS does, in the same order: xDelete syncs the folder when
// asked to, and the first sync of a journal or WAL that was made syncs the folder too. Locks and the shared
// memory of WAL are kept in this object, so several connections of one process see each other. Lifetime:
// `files` must outlive this, and this every connection. Connections to a dead disk may still be closed.
// Threads: any.
#pragma once

#include <memory>
#include <string>

#include "platform/files.h"

namespace tidemark {

class SqliteVfs {
 public:
  explicit SqliteVfs(Files& files);
  ~SqliteVfs();
  SqliteVfs(const SqliteVfs&) = delete;
  SqliteVfs& operator=(const SqliteVfs&) = delete;

  // Unique for each object.
  const std::string& name() const;

 private:
  struct Registered;
  std::unique_ptr<Registered> registered_;
};

}  // namespace tidemark
