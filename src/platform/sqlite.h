// Sqlite: a connection to one SQLite database; raw handles stay in here.
//
// Every error carries SQLite's own text, the database's path and the statement's first words. Kind::busy when
// somebody else holds a lock (there is no waiting: the busy timeout is 0, the caller tries again later),
// no_space when the disk is full, corrupt when the file is damaged, usage when a table rejects a value
// (constraint, trigger, type of a STRICT table, too long).
// Threads: one connection is used by one thread at a time; any thread. One connection a database in this
// process: SQLite of Debian 12 has a defect when several connections write one WAL.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/value.h"

namespace tidemark {

class SqliteStatement {
 public:
  virtual ~SqliteStatement() = default;
  // Parameters are numbered from 1. Text and blobs are copied.
  virtual void bind(int parameter, const Value& value) = 0;
  virtual void bind_blob(int parameter, std::string_view bytes) = 0;
  // True: a row is there to be read. False: done; the statement is reset and may be bound anew.
  virtual Result<bool> step() = 0;
  virtual void reset() = 0;
  // Of the current row, columns numbered from 0; text is valid until the next step() or reset().
  virtual Value column(int index) = 0;
  virtual std::string_view column_blob(int index) = 0;
  // What rows have, also before the first.
  virtual int columns() = 0;
  virtual std::string column_name(int index) = 0;
};

struct SqliteOptions {
  bool read_only = false;
  bool create = true;
  // WAL with heap memory instead of a -shm file: nobody else can open it meanwhile.
  bool exclusive = false;
};

class Sqlite {
 public:
  virtual ~Sqlite() = default;
  // Runs statements that return nothing; several may be separated by ';'.
  virtual Status execute(const std::string& sql) = 0;
  virtual Result<std::unique_ptr<SqliteStatement>> prepare(std::string_view sql) = 0;
  // Rows changed by the last INSERT, UPDATE or DELETE.
  virtual std::int64_t changes() = 0;
};

class SqliteOpener {
 public:
  virtual ~SqliteOpener() = default;
  // Opens with journal_mode=WAL and synchronous=FULL, reads both back, and refuses when they are not in
  // force.
  virtual Result<std::unique_ptr<Sqlite>> open(const std::string& path, const SqliteOptions& options) = 0;
};

// The kernel-file opener. `vfs` names another registered SQLite VFS (tests); empty: SQLite's own.
std::unique_ptr<SqliteOpener> make_sqlite_opener(std::string vfs = {});
// The same, and what it writes is counted.
class WrittenBytes;
std::unique_ptr<SqliteOpener> make_sqlite_opener(WrittenBytes& written);

}  // namespace tidemark
