// FaultFiles: a file system in memory that keeps only what was synced, numbers every operation that changes
// something, and fails, fills up, lies or loses its power where a test says so.
//
// The model is POSIX read strictly. Bytes and length of a file are durable by sync() of the file; a name
// (made, renamed, removed) is durable by sync_directory() of its folder, and by nothing else.
//
//   auto disk = std::make_unique<FaultFiles>();
//   disk->crash_at(17);                       // operation 17 and all that follow fail and change nothing
//   ... run until disk->dead() ...
//   disk = disk->after_crash(Loss::random, seed);       // what is found when the power is back
//
// Loss::none is kill -9: the page cache survives and is still not durable, so that a later power cut may take
// it. Loss::random decides for each name, each 512-byte block and each length that was not synced whether it
// made it; blocks may be torn, and holes are filled with zeros. A rename is never lost at both ends.
//
// A failed sync forgets the pages it should have written: they still read back, later syncs succeed, and the
// bytes are not durable. A failed write leaves a part of its bytes behind.
// Paths: "/a/b" and "a/b" name the same file. Inode numbers are unique for ever, also over after_crash().
// Threads: any. File and FileLock objects may outlive the FaultFiles and stay harmless after a crash.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/times.h"
#include "platform/files.h"

namespace tidemark {

enum class Loss { all_unsynced, none, random };

class FaultFiles final : public Files {
 public:
  // Every kind but `read` changes something and is numbered. `open` counts when it makes a file; a lock
  // counts as making the file where it is absent, and writing it. make_directories() is one make_directory a
  // folder made, each followed by one sync_directory of its parent.
  enum class Operation {
    open,
    write,
    sync,
    truncate,
    rename,
    remove,
    remove_directory,
    make_directory,
    sync_directory,
    read,
    any,  // in a Fault: whichever numbered operation
  };
  struct Fault {
    Operation operation = Operation::any;
    std::string path_part = {};  // empty: any path
    std::uint64_t skip = 0;      // so many matching operations succeed first
    std::uint64_t times = 1;
    bool no_space = false;  // ENOSPC, else EIO
  };

  FaultFiles();
  ~FaultFiles() override;

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

  // Numbered operations attempted so far, of all kinds or of one; the first has number 1.
  std::uint64_t operations() const;
  std::uint64_t operations(Operation kind) const;
  std::uint64_t bytes_written() const;
  // With record(true), a line an operation: "17 write journal/1 @512+100".
  void record(bool on);
  std::vector<std::string> recorded() const;

  // The power goes when operation `number` is about to happen; 0: never.
  void crash_at(std::uint64_t number);
  void crash();
  bool dead() const;
  // The disk as it is found afterwards; this object stays as it is. Faults, quota and lies are not inherited.
  // Of a living one: what a crash now would leave (Loss::none: an exact copy).
  std::unique_ptr<FaultFiles> after_crash(Loss loss, std::uint64_t seed = 0) const;

  void fail(Fault fault);
  // The disk holds so many bytes of file content; nullopt: as many as you like.
  void quota(std::optional<std::uint64_t> bytes);
  // Takes back all faults and the quota.
  void heal();
  // Lies, for controls: the sync reports success and does nothing.
  void ignore_sync(bool on);
  void ignore_directory_sync(bool on);
  // Every sync of a file or folder takes so long. Nothing waits here: take_delay() says how much time has
  // gathered since it was last asked, for whoever plays the thread that would have waited.
  void slow_sync(Duration each);
  Duration take_delay();
  // Called before each numbered operation, without any lock held: a place to be slow or to look.
  void before_operation(std::function<void(Operation, const std::string& path)> hook);

  // Looking at the disk and damaging it, uncounted and also when dead. put(), erase() and move() are durable
  // at once; move() is a rename within a folder, by somebody else.
  std::vector<std::string> all_files() const;  // paths without a leading '/', in order
  bool exists(const std::string& path) const;
  std::string content(const std::string& path) const;
  void put(const std::string& path, std::string_view bytes);
  void erase(const std::string& path);
  void move(const std::string& from, const std::string& to);

 private:
  struct Disk;
  class OpenFile;
  class Held;
  explicit FaultFiles(std::shared_ptr<Disk> disk);

  std::shared_ptr<Disk> disk_;
};

std::string_view name_of(FaultFiles::Operation operation);

}  // namespace tidemark
