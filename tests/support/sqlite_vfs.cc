#include "support/sqlite_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "base/invariant.h"

namespace tidemark {
namespace {

// What the connections to one database share: its locks, and the memory of its WAL index.
struct Database {
  int readers = 0;                 // connections that hold SHARED or more
  const void* reserved = nullptr;  // the one that holds RESERVED or more
  const void* pending = nullptr;   // ... PENDING: no new readers
  const void* exclusive = nullptr;

  std::vector<std::unique_ptr<char[]>> memory;
  int mapped = 0;
  int shared_locks[SQLITE_SHM_NLOCK] = {};
  const void* exclusive_locks[SQLITE_SHM_NLOCK] = {};
};

}  // namespace

struct SqliteVfs::Registered {
  sqlite3_vfs vfs{};
  std::string name;
  Files& files;
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<Database>> databases;
  std::uint64_t temporary = 0;

  explicit Registered(Files& its_files) : files(its_files) {}
};

namespace {

// An open file, behind the struct that SQLite allocates.
struct Open {
  Files* files = nullptr;
  std::mutex* mutex = nullptr;
  std::unique_ptr<File> file;
  std::string path;
  std::shared_ptr<Database> database;
  int lock = SQLITE_LOCK_NONE;
  bool delete_on_close = false;
  bool sync_folder = false;  // a new journal or WAL: its first sync makes its name durable
  bool mapped = false;
  unsigned shared_mask = 0;
  unsigned exclusive_mask = 0;
};

struct Handle {
  sqlite3_file base;
  Open* open;
};

Open& of(sqlite3_file* file) {
  return *reinterpret_cast<Handle*>(file)->open;
}

int code_of(const Error& error, int otherwise) {
  return error.kind == Error::Kind::no_space ? SQLITE_FULL : otherwise;
}

void unlock_to(Open& open, int level) {
  Database& database = *open.database;
  if (open.lock >= SQLITE_LOCK_EXCLUSIVE && level < SQLITE_LOCK_EXCLUSIVE) database.exclusive = nullptr;
  if (level < SQLITE_LOCK_RESERVED) {
    if (database.reserved == &open) database.reserved = nullptr;
    if (database.pending == &open) database.pending = nullptr;
  }
  if (open.lock >= SQLITE_LOCK_SHARED && level < SQLITE_LOCK_SHARED) --database.readers;
  if (level < open.lock) open.lock = level;
}

int close(sqlite3_file* file) {
  Handle* handle = reinterpret_cast<Handle*>(file);
  Open* open = handle->open;
  {
    const std::lock_guard lock(*open->mutex);
    if (open->database) unlock_to(*open, SQLITE_LOCK_NONE);
  }
  open->file.reset();
  if (open->delete_on_close) static_cast<void>(open->files->remove(open->path));
  delete open;
  handle->open = nullptr;
  return SQLITE_OK;
}

int read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  const auto wanted = static_cast<std::size_t>(size);
  const Result<std::string> bytes = of(file).file->read_at(static_cast<std::uint64_t>(offset), wanted);
  if (!bytes) return SQLITE_IOERR_READ;
  std::memcpy(out, bytes->data(), bytes->size());
  if (bytes->size() == wanted) return SQLITE_OK;
  std::memset(static_cast<char*>(out) + bytes->size(), 0, wanted - bytes->size());
  return SQLITE_IOERR_SHORT_READ;
}

int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  const std::string_view view(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
  const Status written = of(file).file->write_at(static_cast<std::uint64_t>(offset), view);
  return written ? SQLITE_OK : code_of(written.error(), SQLITE_IOERR_WRITE);
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
  const Status done = of(file).file->truncate(static_cast<std::uint64_t>(size));
  return done ? SQLITE_OK : code_of(done.error(), SQLITE_IOERR_TRUNCATE);
}

int sync(sqlite3_file* file, int) {
  Open& open = of(file);
  if (!open.file->sync()) return SQLITE_IOERR_FSYNC;
  if (open.sync_folder) {
    // The unix VFS does not look at the result either.
    static_cast<void>(open.files->sync_directory(parent_path(open.path)));
    open.sync_folder = false;
  }
  return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  const Result<FileStatus> status = of(file).file->status();
  if (!status) return SQLITE_IOERR_FSTAT;
  *size = static_cast<sqlite3_int64>(status->size);
  return SQLITE_OK;
}

int take_lock(sqlite3_file* file, int level) {
  Open& open = of(file);
  const std::lock_guard guard(*open.mutex);
  Database& database = *open.database;
  if (open.lock >= level) return SQLITE_OK;
  if (level == SQLITE_LOCK_SHARED) {
    if (database.pending != nullptr || database.exclusive != nullptr) return SQLITE_BUSY;
    ++database.readers;
    open.lock = level;
    return SQLITE_OK;
  }
  if (database.reserved != nullptr && database.reserved != &open) return SQLITE_BUSY;
  database.reserved = &open;
  if (open.lock < SQLITE_LOCK_RESERVED) open.lock = SQLITE_LOCK_RESERVED;
  if (level == SQLITE_LOCK_RESERVED) return SQLITE_OK;
  database.pending = &open;
  open.lock = SQLITE_LOCK_PENDING;
  if (level == SQLITE_LOCK_PENDING) return SQLITE_OK;
  if (database.readers > 1) return SQLITE_BUSY;
  database.exclusive = &open;
  open.lock = SQLITE_LOCK_EXCLUSIVE;
  return SQLITE_OK;
}

int drop_lock(sqlite3_file* file, int level) {
  Open& open = of(file);
  const std::lock_guard guard(*open.mutex);
  unlock_to(open, level);
  return SQLITE_OK;
}

int check_reserved(sqlite3_file* file, int* out) {
  Open& open = of(file);
  const std::lock_guard guard(*open.mutex);
  *out = open.database->reserved != nullptr;
  return SQLITE_OK;
}

int file_control(sqlite3_file*, int, void*) {
  return SQLITE_NOTFOUND;
}
int sector_size(sqlite3_file*) {
  return 4096;
}
int characteristics(sqlite3_file*) {
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  Open& open = of(file);
  const std::lock_guard guard(*open.mutex);
  Database& database = *open.database;
  if (!open.mapped) {
    open.mapped = true;
    ++database.mapped;
  }
  const auto wanted = static_cast<std::size_t>(region);
  while (extend && database.memory.size() <= wanted)
    database.memory.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
  *out = wanted < database.memory.size() ? database.memory[wanted].get() : nullptr;
  return SQLITE_OK;
}

int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  Open& open = of(file);
  const std::lock_guard guard(*open.mutex);
  Database& database = *open.database;
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  for (int pass = 0; pass < 2; ++pass) {
    for (int slot = offset; slot < offset + count; ++slot) {
      const unsigned bit = 1u << slot;
      int& shared = database.shared_locks[slot];
      const void*& owner = database.exclusive_locks[slot];
      if (flags & SQLITE_SHM_LOCK) {
        const bool mine = ((exclusive ? open.exclusive_mask : open.shared_mask) & bit) != 0;
        if (mine) continue;
        if (pass == 0) {
          if (owner != nullptr || (exclusive && shared > 0)) return SQLITE_BUSY;
        } else if (exclusive) {
          owner = &open;
          open.exclusive_mask |= bit;
        } else {
          ++shared;
          open.shared_mask |= bit;
        }
      } else if (pass == 1 && exclusive && (open.exclusive_mask & bit)) {
        owner = nullptr;
        open.exclusive_mask &= ~bit;
      } else if (pass == 1 && !exclusive && (open.shared_mask & bit)) {
        --shared;
        open.shared_mask &= ~bit;
      }
    }
  }
  return SQLITE_OK;
}

// As the unix VFS: taking a mutex orders memory.
void shm_barrier(sqlite3_file* file) {
  const std::lock_guard guard(*of(file).mutex);
}

int shm_unmap(sqlite3_file* file, int) {
  Open& open = of(file);
  const std::lock_guard guard(*open.mutex);
  if (!open.mapped) return SQLITE_OK;
  open.mapped = false;
  if (--open.database->mapped == 0) open.database->memory.clear();
  return SQLITE_OK;
}

const sqlite3_io_methods kMethods = {
    2,         close,          read,         write,       truncate,        sync,    file_size, take_lock,
    drop_lock, check_reserved, file_control, sector_size, characteristics, shm_map, shm_lock,  shm_barrier,
    shm_unmap, nullptr,        nullptr};

}  // namespace

SqliteVfs::SqliteVfs(Files& files) : registered_(std::make_unique<Registered>(files)) {
  static std::atomic<unsigned> made{0};
  registered_->name = "tidemark-test-" + std::to_string(++made);
  sqlite3_vfs& vfs = registered_->vfs;
  vfs = *sqlite3_vfs_find(nullptr);  // time, randomness and sleep stay SQLite's own
  vfs.iVersion = 2;
  vfs.szOsFile = sizeof(Handle);
  vfs.mxPathname = 1024;
  vfs.pNext = nullptr;
  vfs.zName = registered_->name.c_str();
  vfs.pAppData = registered_.get();

  vfs.xOpen = [](sqlite3_vfs* self, const char* name, sqlite3_file* file, int flags, int* flags_out) {
    auto& state = *static_cast<SqliteVfs::Registered*>(self->pAppData);
    Handle* handle = reinterpret_cast<Handle*>(file);
    handle->base.pMethods = nullptr;
    handle->open = nullptr;
    auto open = std::make_unique<Open>();
    open->files = &state.files;
    open->mutex = &state.mutex;
    open->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    const bool create = (flags & SQLITE_OPEN_CREATE) != 0;
    const int journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    open->sync_folder = create && (flags & journals) != 0;
    const std::lock_guard lock(state.mutex);
    open->path = name ? name : "/sqlite-temporary-" + std::to_string(++state.temporary);
    const Files::Open how = create                                 ? Files::Open::create
                            : (flags & SQLITE_OPEN_READWRITE) != 0 ? Files::Open::write
                                                                   : Files::Open::read;
    Result<std::unique_ptr<File>> opened = state.files.open(open->path, how);
    if (!opened) return code_of(opened.error(), SQLITE_CANTOPEN);
    open->file = std::move(*opened);
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
      auto& database = state.databases[open->path];
      if (!database) database = std::make_shared<Database>();
      open->database = database;
    } else {
      open->database = std::make_shared<Database>();
    }
    if (flags_out) *flags_out = flags;
    handle->open = open.release();
    handle->base.pMethods = &kMethods;
    return SQLITE_OK;
  };
  vfs.xDelete = [](sqlite3_vfs* self, const char* name, int sync_directory) {
    Files& its = static_cast<SqliteVfs::Registered*>(self->pAppData)->files;
    const Status removed = its.remove(name);
    if (!removed)
      return removed.error().kind == Error::Kind::not_found ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE;
    if (sync_directory && !its.sync_directory(parent_path(name))) return SQLITE_IOERR_DIR_FSYNC;
    return SQLITE_OK;
  };
  vfs.xAccess = [](sqlite3_vfs* self, const char* name, int flags, int* out) {
    Files& its = static_cast<SqliteVfs::Registered*>(self->pAppData)->files;
    const Result<FileStatus> status = its.status(name);
    // As the unix VFS: an empty file does not "exist".
    *out = status && (flags != SQLITE_ACCESS_EXISTS || status->size > 0);
    return SQLITE_OK;
  };
  vfs.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
    sqlite3_snprintf(size, out, "%s%s", name[0] == '/' ? "" : "/", name);
    return SQLITE_OK;
  };
  vfs.xGetLastError = [](sqlite3_vfs*, int, char*) { return 0; };
  vfs.xDlOpen = nullptr;
  vfs.xDlError = nullptr;
  vfs.xDlSym = nullptr;
  vfs.xDlClose = nullptr;
  invariant(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK, "the VFS is registered");
}

SqliteVfs::~SqliteVfs() {
  sqlite3_vfs_unregister(&registered_->vfs);
}

const std::string& SqliteVfs::name() const {
  return registered_->name;
}

}  // namespace tidemark
