// Files: the file system as Tidemark uses it, and the seam at which tests put one that forgets what was not
// synced.
//
// What survives a power cut: bytes of a file up to its last successful sync(); names (creation, rename,
// removal) up to the last successful sync_directory() of their folder. Nothing else. Errors: every message
// names the operation and the path. Kind::no_space for ENOSPC/EDQUOT, not_found for ENOENT, busy where a lock
// is held. After a failed sync() a file must not be written again: the kernel may have dropped the pages and
// will report success next time. Threads: any; one File object from one thread at a time. Calls block.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tidemark {

struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const FileIdentity&) const = default;
};

struct FileStatus {
  FileIdentity identity;
  std::uint64_t size = 0;
  std::uint64_t links = 0;  // 0: removed while open
  bool is_directory = false;
  std::int64_t modified_ns = 0;  // since 1970; where nobody knows, a number that grows with every change
};

class File {
 public:
  virtual ~File() = default;  // closes without syncing
  // Writes all of it, or fails; after a failure any part may have been written.
  virtual Status write_at(std::uint64_t offset, std::string_view bytes) = 0;
  // Up to `size` bytes; fewer only at the end of the file.
  virtual Result<std::string> read_at(std::uint64_t offset, std::size_t size) = 0;
  // fdatasync: bytes and length are durable when this succeeds.
  virtual Status sync() = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  virtual Result<FileStatus> status() = 0;
};

// Held as long as the object lives.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class Files {
 public:
  enum class Open {
    read,        // must exist
    write,       // must exist; reading and writing
    create,      // reading and writing; made when absent, kept when present
    create_new,  // reading and writing; must not exist
  };
  virtual ~Files() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Open how) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;            // a file
  virtual Status remove_directory(const std::string& path) = 0;  // an empty one
  // Makes the folder and its parents where absent and syncs every parent that gained a name.
  virtual Status make_directories(const std::string& path) = 0;
  virtual Status sync_directory(const std::string& path) = 0;
  // Names, not paths, in name order, without "." and "..".
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  // Of what the path leads to; Error::not_found when nothing is there.
  virtual Result<FileStatus> status(const std::string& path) = 0;
  // Bytes that an unprivileged writer may still use.
  virtual Result<std::uint64_t> free_space(const std::string& path) = 0;
  // Takes an exclusive advisory lock; Error::busy when another process holds it. `note` becomes the file's
  // content (its holder's pid and control socket), readable by others.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path, std::string_view note) = 0;
};

// Reads a whole file of at most `limit` bytes.
Result<std::string> read_file(Files& files, const std::string& path, std::uint64_t limit = 1u << 30);

// Replaces a file so that a power cut leaves the old content or the new, never a mixture: temporary file in
// the same folder, write, sync, rename, sync of the folder.
Status write_file_atomically(Files& files, const std::string& path, std::string_view content);

// "a" + "b" -> "a/b"; an absolute b stays b.
std::string join_path(std::string_view folder, std::string_view name);
// The folder part: "a/b" -> "a", "b" -> ".", "/b" -> "/".
std::string parent_path(std::string_view path);

}  // namespace tidemark
