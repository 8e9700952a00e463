#include "platform/sqlite_counted.h"

#include <sqlite3.h>

#include "base/format.h"
#include "base/invariant.h"

namespace tidemark {

namespace {

struct Counting {
  sqlite3_vfs* below;
  std::atomic<std::uint64_t>& count;
};

// What SQLite allocates for an open file: ours, and behind it that of the VFS below.
struct Open {
  sqlite3_file file;
  std::atomic<std::uint64_t>* count;
};

Open& of(sqlite3_file* file) {
  return *reinterpret_cast<Open*>(file);
}
sqlite3_file* below(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(&of(file) + 1);
}

// A method that does nothing but pass on: the one of that name below.
template <auto Method, class... Arguments>
auto pass(sqlite3_file* file, Arguments... arguments) {
  sqlite3_file* const inner = below(file);
  return (inner->pMethods->*Method)(inner, arguments...);
}

int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  of(file).count->fetch_add(static_cast<std::uint64_t>(size), std::memory_order_relaxed);
  return pass<&sqlite3_io_methods::xWrite>(file, bytes, size, offset);
}

// Of version 2: without memory-mapped reading (xFetch), so that no write passes beside it.
constexpr sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = pass<&sqlite3_io_methods::xClose>,
    .xRead = pass<&sqlite3_io_methods::xRead, void*, int, sqlite3_int64>,
    .xWrite = write,
    .xTruncate = pass<&sqlite3_io_methods::xTruncate, sqlite3_int64>,
    .xSync = pass<&sqlite3_io_methods::xSync, int>,
    .xFileSize = pass<&sqlite3_io_methods::xFileSize, sqlite3_int64*>,
    .xLock = pass<&sqlite3_io_methods::xLock, int>,
    .xUnlock = pass<&sqlite3_io_methods::xUnlock, int>,
    .xCheckReservedLock = pass<&sqlite3_io_methods::xCheckReservedLock, int*>,
    .xFileControl = pass<&sqlite3_io_methods::xFileControl, int, void*>,
    .xSectorSize = pass<&sqlite3_io_methods::xSectorSize>,
    .xDeviceCharacteristics = pass<&sqlite3_io_methods::xDeviceCharacteristics>,
    .xShmMap = pass<&sqlite3_io_methods::xShmMap, int, int, int, void volatile**>,
    .xShmLock = pass<&sqlite3_io_methods::xShmLock, int, int, int>,
    .xShmBarrier = pass<&sqlite3_io_methods::xShmBarrier>,
    .xShmUnmap = pass<&sqlite3_io_methods::xShmUnmap, int>,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out_flags) {
  const auto& counting = *static_cast<const Counting*>(vfs->pAppData);
  file->pMethods = below(file)->pMethods = nullptr;  // nothing to close unless it says so
  const int code = counting.below->xOpen(counting.below, name, below(file), flags, out_flags);
  if (below(file)->pMethods == nullptr) return code;
  of(file).count = &counting.count;
  file->pMethods = &kMethods;
  return code;
}

}  // namespace

struct CountedVfs::Registered {
  sqlite3_vfs vfs;
  Counting counting;
  std::string name;
};

CountedVfs::CountedVfs(std::atomic<std::uint64_t>& count) {
  sqlite3_vfs* const default_vfs = sqlite3_vfs_find(nullptr);
  invariant(default_vfs != nullptr, "SQLite has file access of its own");
  // All but opening passes as it is: those calls know nothing of open files.
  registered_ = std::make_unique<Registered>(*default_vfs, Counting{default_vfs, count});
  Registered& self = *registered_;
  self.name = format("tidemark-{:x}", reinterpret_cast<std::uintptr_t>(&self));
  self.vfs.pNext = nullptr;
  self.vfs.zName = self.name.c_str();
  self.vfs.szOsFile += static_cast<int>(sizeof(Open));
  self.vfs.pAppData = &self.counting;
  self.vfs.xOpen = open;
  invariant(sqlite3_vfs_register(&self.vfs, 0) == SQLITE_OK, "SQLite takes another VFS");
}

CountedVfs::~CountedVfs() {
  sqlite3_vfs_unregister(&registered_->vfs);
}

const std::string& CountedVfs::name() const {
  return registered_->name;
}

}  // namespace tidemark
