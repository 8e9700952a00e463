// SqliteConnections: one connection a database, shared by the sinks that write into it.
//
// A database that was replaced or removed under its name is opened anew. Before that, everybody lets go of
// the older connection: SQLite removes a log by its name when it closes, and that name would by then be the
// new database's. What a database holds is made durable before it is read. Threads: the bulk lane only.
// Lifetime: opener and files outlive it, it outlives its holders.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "platform/files.h"
#include "platform/sqlite.h"

namespace tidemark {

class SqliteConnections {
 public:
  // Who uses connections; let_go() gives up every statement and connection that it has.
  class Holder {
   public:
    virtual ~Holder() = default;
    virtual void let_go() = 0;
  };

  SqliteConnections(SqliteOpener& opener, Files& files) : opener_(opener), files_(files) {}

  // Makes the folder and the database where they are absent. `holder` is remembered until forget().
  Result<std::shared_ptr<Sqlite>> get(const std::string& path, Holder& holder);
  void forget(Holder& holder);

 private:
  Status make_durable(const std::string& path, Sqlite& connection);
  static Status write_anew(File& log, Sqlite& connection);

  struct Open {
    FileIdentity identity;
    std::weak_ptr<Sqlite> connection;  // closed with the last holder
    std::vector<Holder*> holders;
  };
  SqliteOpener& opener_;
  Files& files_;
  std::map<std::string, Open> open_;
};

}  // namespace tidemark
