#include "platform/posix_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/format.h"
#include "platform/written_bytes.h"

namespace tidemark {
namespace {

std::unexpected<Error> system_error(std::string_view doing, const std::string& path, int number) {
  Error::Kind kind = Error::Kind::failed;
  std::string_view advice;
  switch (number) {
    case ENOSPC:
    case EDQUOT:
      kind = Error::Kind::no_space;
      advice = "; free space on that disk";
      break;
    case ENOENT:
      kind = Error::Kind::not_found;
      break;
    case EACCES:
    case EPERM:
      advice = "; check the owner and the mode of it and of its folders";
      break;
    case EROFS:
      advice = "; the file system is mounted read-only";
      break;
    case EMFILE:
    case ENFILE:
      advice = "; raise the limit of open files";
      break;
    default:
      break;
  }
  return fail(format("{} {}: {}{}", doing, path, std::strerror(number), advice), kind);
}

// Calls until it is not interrupted.
template <class Call>
auto repeat(Call call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

FileStatus status_of(const struct stat& s) {
  return {{static_cast<std::uint64_t>(s.st_dev), static_cast<std::uint64_t>(s.st_ino)},
          static_cast<std::uint64_t>(s.st_size),
          static_cast<std::uint64_t>(s.st_nlink),
          S_ISDIR(s.st_mode),
          static_cast<std::int64_t>(s.st_mtim.tv_sec) * 1'000'000'000 + s.st_mtim.tv_nsec};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status write_all(int fd, const std::string& path, std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written =
        repeat([&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (written < 0) return system_error("write", path, errno);
    if (written == 0) return fail(format("write {}: the system wrote nothing and gave no reason", path));
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

// What root creates in a folder of somebody else's is that one's: after `tidemark restore` as root the
// service can still read its own state. Only for what was created just now, never for what a link led to.
void give_to_owner_of_folder(int fd, const std::string& path) {
  struct stat folder;
  if (::geteuid() != 0 || ::stat(parent_path(path).c_str(), &folder) < 0 || folder.st_uid == 0) return;
  // On a file system without owners there is nothing to give.
  if (::fchown(fd, folder.st_uid, folder.st_gid) < 0) return;
}

// Opens it, and creates it if it is not there.
Descriptor open_or_create(const std::string& path, int flags) {
  Descriptor created(repeat([&] { return ::open(path.c_str(), flags | O_CREAT | O_EXCL, 0644); }));
  if (created.get() >= 0) give_to_owner_of_folder(created.get(), path);
  if (created.get() >= 0 || errno != EEXIST || (flags & O_EXCL) != 0) return created;
  return Descriptor(repeat([&] { return ::open(path.c_str(), flags | O_CREAT, 0644); }));
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor fd, std::string path, std::atomic<std::uint64_t>* written)
      : fd_(std::move(fd)), path_(std::move(path)), written_(written) {}

  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    if (written_ != nullptr) written_->fetch_add(bytes.size(), std::memory_order_relaxed);
    return write_all(fd_.get(), path_, offset, bytes);
  }

  Result<std::string> read_at(std::uint64_t offset, std::size_t size) override {
    std::string out;
    int error = 0;
    out.resize_and_overwrite(size, [&](char* to, std::size_t) {
      std::size_t have = 0;
      while (have < size) {
        const auto got = repeat(
            [&] { return ::pread(fd_.get(), to + have, size - have, static_cast<off_t>(offset + have)); });
        if (got < 0) error = errno;
        if (got <= 0) break;
        have += static_cast<std::size_t>(got);
      }
      return have;
    });
    if (error != 0) return system_error("read", path_, error);
    return out;
  }

  Status sync() override {
    if (repeat([&] { return ::fdatasync(fd_.get()); }) < 0) return system_error("sync", path_, errno);
    return {};
  }

  Status truncate(std::uint64_t size) override {
    if (repeat([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); }) < 0)
      return system_error("truncate", path_, errno);
    return {};
  }

  Result<FileStatus> status() override {
    struct stat s;
    if (::fstat(fd_.get(), &s) < 0) return system_error("status", path_, errno);
    return status_of(s);
  }

 private:
  Descriptor fd_;
  std::string path_;
  std::atomic<std::uint64_t>* written_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;  // closing it gives the lock back
};

class PosixFiles final : public Files {
 public:
  explicit PosixFiles(WrittenBytes* written) : written_(written) {}

  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    int flags = O_CLOEXEC;
    switch (how) {
      case Open::read:
        flags |= O_RDONLY;
        break;
      case Open::write:
        flags |= O_RDWR;
        break;
      case Open::create:
        flags |= O_RDWR;
        break;
      case Open::create_new:
        flags |= O_RDWR | O_EXCL;
        break;
    }
    const bool creates = how == Open::create || how == Open::create_new;
    Descriptor fd = creates ? open_or_create(path, flags)
                            : Descriptor(repeat([&] { return ::open(path.c_str(), flags); }));
    if (fd.get() < 0) return system_error("open", path, errno);
    return std::make_unique<PosixFile>(std::move(fd), path,
                                       written_ ? &written_->counter(written_->purpose(path)) : nullptr);
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) < 0) return system_error("rename", from + " to " + to, errno);
    return {};
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) < 0) return system_error("remove", path, errno);
    return {};
  }

  Status remove_directory(const std::string& path) override {
    if (::rmdir(path.c_str()) < 0) return system_error("remove directory", path, errno);
    return {};
  }

  Status make_directories(const std::string& path) override {
    for (std::size_t end = 0; end != std::string::npos;) {
      end = path.find('/', end + 1);
      const std::string folder = path.substr(0, end);
      if (folder.ends_with('/')) continue;
      // Asked first: on a read-only file system mkdir refuses also what is there.
      struct stat s;
      if (::stat(folder.c_str(), &s) == 0) {
        if (!S_ISDIR(s.st_mode)) return system_error("make directory", folder, ENOTDIR);
        continue;
      }
      if (::mkdir(folder.c_str(), 0755) < 0 && errno != EEXIST)
        return system_error("make directory", folder, errno);
      const Descriptor made(
          repeat([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
      if (made.get() >= 0 && ::fstat(made.get(), &s) == 0 && s.st_uid == 0)
        give_to_owner_of_folder(made.get(), folder);
      if (Status synced = sync_directory(parent_path(folder)); !synced) return synced;
    }
    return {};
  }

  Status sync_directory(const std::string& path) override {
    const Descriptor fd(repeat([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    if (fd.get() < 0) return system_error("sync directory", path, errno);
    if (repeat([&] { return ::fsync(fd.get()); }) < 0) return system_error("sync directory", path, errno);
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), &::closedir);
    if (!folder) return system_error("list", path, errno);
    std::vector<std::string> names;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(folder.get());
      if (!entry) break;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (errno != 0) return system_error("list", path, errno);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<FileStatus> status(const std::string& path) override {
    struct stat s;
    if (::stat(path.c_str(), &s) < 0) return system_error("status", path, errno);
    return status_of(s);
  }

  Result<std::uint64_t> free_space(const std::string& path) override {
    struct statvfs s;
    if (repeat([&] { return ::statvfs(path.c_str(), &s); }) < 0)
      return system_error("free space of", path, errno);
    return static_cast<std::uint64_t>(s.f_bavail) * s.f_frsize;
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path, std::string_view note) override {
    Descriptor fd = open_or_create(path, O_RDWR | O_CLOEXEC);
    if (fd.get() < 0) return system_error("lock", path, errno);
    if (repeat([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) < 0) {
      if (errno != EWOULDBLOCK) return system_error("lock", path, errno);
      return fail(format("lock {}: held by another process ({})", path, holder_of(path)), Error::Kind::busy);
    }
    if (repeat([&] { return ::ftruncate(fd.get(), 0); }) < 0) return system_error("lock", path, errno);
    if (Status written = write_all(fd.get(), path, 0, note); !written) return pass_on(written);
    return std::make_unique<PosixLock>(std::move(fd));
  }

 private:
  // The note in one line.
  std::string holder_of(const std::string& path) {
    std::string note = read_file(*this, path, 4096).value_or("it left no note");
    while (note.ends_with('\n')) note.pop_back();
    std::replace(note.begin(), note.end(), '\n', ' ');
    return note;
  }

  WrittenBytes* written_;
};

}  // namespace

std::unique_ptr<Files> make_posix_files(WrittenBytes* written) {
  return std::make_unique<PosixFiles>(written);
}

}  // namespace tidemark
