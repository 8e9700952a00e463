// KeptLookups: the tables of lookups as a data directory keeps them, by their hashes, for as long as a replay
// may need them.
//
//   data_dir/lookups/HASH       a table, encoded (base/lookup_table.h)
//   data_dir/lookups/HISTORY    lines `POSITION NAME HASH`: the lookup has this table from there on; of the
//   name
//                               "." the configuration that has it, data_dir/config/HASH
//
// A line is durable before the entry of the journal that it is for, and its position is never behind that
// entry. What is older than every retained checkpoint is forgotten by trim(). Threads: one at a time; calls
// block.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/lookup_table.h"
#include "base/result.h"
#include "config/settings.h"
#include "platform/files.h"

namespace tidemark {

class KeptLookups {
 public:
  KeptLookups(Files& files, const std::string& data_dir);

  // The tables of these settings, in force from after `at` on; durable when it returns.
  Status keep(const Settings& settings, Position at);
  Result<std::shared_ptr<const LookupTable>> table(const std::string& hash) const;
  // Nothing is replayed from before this position any more. True while there are tables that others have
  // followed.
  Result<bool> trim(Position oldest);

 private:
  struct Line {
    Position position;
    std::string name, hash;
  };
  Result<std::vector<Line>> history() const;
  Status write_history(const std::vector<Line>& lines);
  std::string path(const std::string& name) const;

  Files& files_;
  std::string folder_, configurations_;
};

}  // namespace tidemark
