// LookupWatch looks now and then whether the files of lookups have changed, and reads those that have.
//
// Looking is a stat(); a file is read, on the bulk lane, when its size, its time or what its name leads to is
// another. The text "changed" is said of a table, not of a file: where the rows are the same, nothing is.
// Threads: loop only; callbacks on the loop.  Lifetime: the doors outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/lookup_table.h"
#include "config/settings.h"
#include "pipeline/status.h"
#include "platform/files.h"
#include "platform/lane.h"
#include "platform/loop.h"
#include "platform/sqlite.h"

namespace tidemark {

class LookupWatch {
 public:
  struct Doors {
    Loop& loop;
    Lane& lane;
    Files& files;
    SqliteOpener& sqlite;
  };
  struct Events {
    // Another table than the one in force. It is handed over again at each look until use() says that it is.
    std::function<void(const std::string& name, std::shared_ptr<const LookupTable> table)> changed;
    // It cannot be read; said once for each new reason or change of the file.
    std::function<void(const std::string& name, const Error& error)> failed;
  };
  LookupWatch(Doors doors, Events events);
  ~LookupWatch();

  // The lookups in force from here on.
  void use(const std::vector<LookupSettings>& lookups);

  // Of the one of this name, what was found cannot be taken: it is left until the file changes again.
  void refused(const std::string& name, const std::string& why);
  std::vector<LookupReport> reports() const;

 private:
  struct Watched;
  void schedule(Watched& watched);
  void look(const std::shared_ptr<Watched>& watched);
  void looked(Watched& watched, const std::string& mark, Result<std::shared_ptr<const LookupTable>> read);

  Doors doors_;
  Events events_;
  std::vector<std::shared_ptr<Watched>> watched_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tidemark
