// CountedVfs: SQLite's own file access with every write counted. A VFS that passes each call on to the
// default one.
//
// Threads: any, as SQLite's. Lifetime: `count` outlives it, and it the connections that were opened by its
// name.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace tidemark {

class CountedVfs {
 public:
  explicit CountedVfs(std::atomic<std::uint64_t>& count);
  ~CountedVfs();
  CountedVfs(const CountedVfs&) = delete;
  CountedVfs& operator=(const CountedVfs&) = delete;

  const std::string& name() const;  // for sqlite3_open_v2

 private:
  struct Registered;
  std::unique_ptr<Registered> registered_;
};

}  // namespace tidemark
