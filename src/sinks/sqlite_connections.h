// SqliteConnections: one connection a database, shared by the sinks that write into it.
//
// A database that was replaced or removed under its name is opened anew; whoever holds the older connection
// sees it by comparing. Threads: the bulk lane only. Lifetime: opener and files outlive it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "platform/files.h"
#include "platform/sqlite.h"

namespace tidemark {

class SqliteConnections {
 public:
  SqliteConnections(SqliteOpener& opener, Files& files) : opener_(opener), files_(files) {}

  // Makes the folder and the database where they are absent.
  Result<std::shared_ptr<Sqlite>> get(const std::string& path);

 private:
  struct Open {
    FileIdentity identity;
    std::weak_ptr<Sqlite> connection;  // closed with the last sink on it
  };
  SqliteOpener& opener_;
  Files& files_;
  std::map<std::string, Open> open_;
};

}  // namespace tidemark
