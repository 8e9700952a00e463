// SimulatedFiles: a disk in memory that can lose its power: then only what was synced is left of it.
//
// Read strictly, as platform/files.h says it: bytes and length of a file are durable by its sync(), names by
// sync_directory() of their folder. end() is the end of whoever used it: from then on everything fails, also
// for File objects that are still open; begin() makes it usable again, as the next process finds it.
// Paths: "/a/b" and "a/b" name the same file; there are no links. Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "platform/files.h"

namespace tidemark {

class SimulatedFiles final : public Files {
 public:
  enum class Left {
    everything,  // the process is gone: what it has written is there
    synced,      // the power is gone
  };

  SimulatedFiles();
  ~SimulatedFiles() override;

  void end();
  void begin(Left left);

  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_directory(const std::string& path) override;
  Status make_directories(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<FileStatus> status(const std::string& path) override;
  Result<std::uint64_t> free_space(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, std::string_view note) override;

 private:
  struct Content;
  struct State;
  class OpenFile;
  class Held;

  std::shared_ptr<State> state_;
};

}  // namespace tidemark
