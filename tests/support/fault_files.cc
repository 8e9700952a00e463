#include "support/fault_files.h"

#include <array>
#include <cstddef>
#include <mutex>
#include <set>
#include <utility>

#include "base/format.h"
#include "support/fault_files_disk.h"

namespace tidemark {

using fault::Content;
using fault::Inode;
using Operation = FaultFiles::Operation;

namespace {

constexpr std::size_t kOperations = static_cast<std::size_t>(Operation::any) + 1;
constexpr std::uint64_t kEndless = std::uint64_t{1} << 40;  // free space without a quota

using Steps = std::vector<std::string>;

Steps steps_of(std::string_view path) {
  Steps steps;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view step = path.substr(0, slash);
    if (step == "..") {
      if (!steps.empty()) steps.pop_back();
    } else if (!step.empty() && step != ".") {
      steps.emplace_back(step);
    }
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return steps;
}

std::string text_of(const Steps& steps) {
  std::string out;
  for (const std::string& step : steps) out.append(out.empty() ? "" : "/").append(step);
  return out.empty() ? "." : out;
}

std::uint64_t bytes_below(const Inode& folder) {
  std::uint64_t bytes = 0;
  for (const auto& [name, inode] : folder.names)
    bytes += inode->directory ? bytes_below(*inode) : inode->content.now().size();
  return bytes;
}

FileStatus status_of(const Inode& inode) {
  return {{1, inode.id}, inode.content.now().size(), inode.links, inode.directory, inode.put};
}

}  // namespace

std::string_view name_of(Operation operation) {
  static constexpr std::array<std::string_view, kOperations> kNames = {
      "open",           "write",          "sync", "truncate", "rename", "remove", "remove directory",
      "make directory", "sync directory", "read", "any"};
  return kNames[static_cast<std::size_t>(operation)];
}

struct FaultFiles::Disk {
  std::mutex mutex;
  std::shared_ptr<Inode> root;
  std::uint64_t next_inode = 2;
  std::set<std::uint64_t> locked;

  std::uint64_t operations = 0;
  std::array<std::uint64_t, kOperations> by_kind{};
  std::uint64_t written = 0;
  bool recording = false;
  std::vector<std::string> lines;

  std::uint64_t crash_at = 0;
  bool dead = false;
  std::vector<Fault> faults;
  std::optional<std::uint64_t> quota;
  bool ignore_sync = false;
  bool ignore_directory_sync = false;
  Duration sync_takes{}, delay{};
  std::function<void(Operation, const std::string&)> hook;

  // Before the lock is taken.
  void announce(Operation kind, const std::string& path) {
    std::function<void(Operation, const std::string&)> call;
    {
      const std::lock_guard lock(mutex);
      if (!dead) call = hook;
    }
    if (call) call(kind, path);
  }

  std::shared_ptr<Inode> find(const Steps& steps) const {
    std::shared_ptr<Inode> at = root;
    for (const std::string& step : steps) {
      if (!at->directory) return nullptr;
      const auto it = at->names.find(step);
      if (it == at->names.end()) return nullptr;
      at = it->second;
    }
    return at;
  }
  std::shared_ptr<Inode> folder_of(Steps steps) const {
    if (steps.empty()) return nullptr;
    steps.pop_back();
    auto folder = find(steps);
    return folder && folder->directory ? folder : nullptr;
  }
  std::shared_ptr<Inode> make(bool directory) {
    auto inode = std::make_shared<Inode>();
    inode->id = next_inode++;
    inode->directory = directory;
    inode->links = 1;
    return inode;
  }

  std::unexpected<Error> error(std::string_view doing, const std::string& path, std::string_view what,
                               Error::Kind kind = Error::Kind::failed) const {
    return tidemark::fail(format("{} {}: {}", doing, path, what), kind);
  }
  std::unexpected<Error> missing(std::string_view doing, const std::string& path) const {
    return error(doing, path, "no such file or directory", Error::Kind::not_found);
  }
  Status alive(std::string_view doing, const std::string& path) const {
    if (dead) return error(doing, path, "the power is off");
    return {};
  }

  // Numbers an operation, and decides whether it comes to pass.
  Status begin(Operation kind, const std::string& path, const std::string& detail = {}) {
    const std::string_view doing = name_of(kind);
    if (dead) return alive(doing, path);
    if (kind != Operation::read) {
      ++operations;
      ++by_kind[static_cast<std::size_t>(kind)];
      if (recording) lines.push_back(format("{} {} {}{}", operations, doing, path, detail));
      if (crash_at != 0 && operations >= crash_at) dead = true;
      if (dead) return alive(doing, path);
    }
    for (Fault& fault : faults) {
      const bool same =
          fault.operation == kind || (fault.operation == Operation::any && kind != Operation::read);
      if (!same || fault.times == 0 || path.find(fault.path_part) == std::string::npos) continue;
      if (fault.skip > 0) {
        --fault.skip;
        continue;
      }
      --fault.times;
      if (fault.no_space) return error(doing, path, "no space left on device", Error::Kind::no_space);
      return error(doing, path, "input/output error");
    }
    return {};
  }

  // How many more bytes files may hold.
  std::uint64_t room() const {
    if (!quota) return kEndless;
    const std::uint64_t used = bytes_below(*root);
    return used < *quota ? *quota - used : 0;
  }

  Status write(Inode& inode, const std::string& path, std::uint64_t offset, std::string_view bytes) {
    if (const Status begun = begin(Operation::write, path, format(" @{}+{}", offset, bytes.size())); !begun) {
      if (!dead) inode.content.write(offset, bytes.substr(0, bytes.size() / 2));
      return begun;
    }
    const std::uint64_t size = inode.content.now().size();
    if (quota && offset + bytes.size() > size) {
      const std::uint64_t end = size + room();
      if (offset + bytes.size() > end) {
        inode.content.write(offset,
                            bytes.substr(0, end > offset ? static_cast<std::size_t>(end - offset) : 0));
        return error("write", path, "no space left on device", Error::Kind::no_space);
      }
    }
    inode.content.write(offset, bytes);
    written += bytes.size();
    return {};
  }

  Status sync(Inode& inode, const std::string& path) {
    delay += sync_takes;
    if (const Status begun = begin(Operation::sync, path); !begun) {
      if (!dead) inode.content.forget();
      return begun;
    }
    if (!ignore_sync) inode.content.sync();
    return {};
  }

  Status sync_folder(Inode& folder, const std::string& path) {
    delay += sync_takes;
    if (const Status begun = begin(Operation::sync_directory, path); !begun) return begun;
    if (ignore_directory_sync) return {};
    folder.durable_names = folder.names;
    folder.moves.clear();
    return {};
  }
};

class FaultFiles::OpenFile final : public File {
 public:
  OpenFile(std::shared_ptr<Disk> disk, std::shared_ptr<Inode> inode, std::string path, bool writable)
      : disk_(std::move(disk)), inode_(std::move(inode)), path_(std::move(path)), writable_(writable) {}

  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    disk_->announce(Operation::write, path_);
    const std::lock_guard lock(disk_->mutex);
    if (!writable_) return disk_->error("write", path_, "bad file descriptor");
    return disk_->write(*inode_, path_, offset, bytes);
  }

  Result<std::string> read_at(std::uint64_t offset, std::size_t size) override {
    const std::lock_guard lock(disk_->mutex);
    if (Status begun = disk_->begin(Operation::read, path_); !begun) return pass_on(begun);
    const std::string& now = inode_->content.now();
    if (offset >= now.size()) return std::string();
    return now.substr(static_cast<std::size_t>(offset), size);
  }

  Status sync() override {
    disk_->announce(Operation::sync, path_);
    const std::lock_guard lock(disk_->mutex);
    return disk_->sync(*inode_, path_);
  }

  Status truncate(std::uint64_t size) override {
    disk_->announce(Operation::truncate, path_);
    const std::lock_guard lock(disk_->mutex);
    if (!writable_) return disk_->error("truncate", path_, "bad file descriptor");
    if (Status begun = disk_->begin(Operation::truncate, path_, format(" to {}", size)); !begun) return begun;
    const std::uint64_t old = inode_->content.now().size();
    if (size > old && size - old > disk_->room())
      return disk_->error("truncate", path_, "no space left on device", Error::Kind::no_space);
    inode_->content.truncate(size);
    return {};
  }

  Result<FileStatus> status() override {
    const std::lock_guard lock(disk_->mutex);
    if (Status alive = disk_->alive("status", path_); !alive) return pass_on(alive);
    return status_of(*inode_);
  }

 private:
  std::shared_ptr<Disk> disk_;
  std::shared_ptr<Inode> inode_;
  std::string path_;
  bool writable_;
};

class FaultFiles::Held final : public FileLock {
 public:
  Held(std::shared_ptr<Disk> disk, std::uint64_t inode) : disk_(std::move(disk)), inode_(inode) {}
  ~Held() override {
    const std::lock_guard lock(disk_->mutex);
    disk_->locked.erase(inode_);
  }

 private:
  std::shared_ptr<Disk> disk_;
  std::uint64_t inode_;
};

FaultFiles::FaultFiles() : FaultFiles(std::make_shared<Disk>()) {
  disk_->root = std::make_shared<Inode>();
  disk_->root->id = 1;
  disk_->root->directory = true;
  disk_->root->links = 1;
}

FaultFiles::FaultFiles(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}

FaultFiles::~FaultFiles() = default;

Result<std::unique_ptr<File>> FaultFiles::open(const std::string& path, Open how) {
  const Steps steps = steps_of(path);
  const bool may_make = how == Open::create || how == Open::create_new;
  {
    std::unique_lock lock(disk_->mutex);
    const bool makes = may_make && !disk_->find(steps);
    lock.unlock();
    if (makes) disk_->announce(Operation::open, path);
  }
  const std::lock_guard lock(disk_->mutex);
  if (Status alive = disk_->alive("open", path); !alive) return pass_on(alive);
  std::shared_ptr<Inode> inode = disk_->find(steps);
  if (inode && inode->directory) return disk_->error("open", path, "is a directory");
  if (inode && how == Open::create_new) return disk_->error("open", path, "file exists");
  if (!inode) {
    const auto folder = disk_->folder_of(steps);
    if (!may_make || !folder) return disk_->missing("open", path);
    if (Status begun = disk_->begin(Operation::open, path); !begun) return pass_on(begun);
    inode = disk_->make(false);
    folder->names[steps.back()] = inode;
  }
  return std::make_unique<OpenFile>(disk_, std::move(inode), path, how != Open::read);
}

Status FaultFiles::rename(const std::string& from, const std::string& to) {
  disk_->announce(Operation::rename, from);
  const std::lock_guard lock(disk_->mutex);
  if (Status begun = disk_->begin(Operation::rename, from, " to " + to); !begun) return begun;
  const Steps source = steps_of(from);
  const Steps target = steps_of(to);
  const auto moved = disk_->find(source);
  const auto from_folder = disk_->folder_of(source);
  const auto to_folder = disk_->folder_of(target);
  const std::string what = from + " to " + to;
  if (!moved || !from_folder || !to_folder) return disk_->missing("rename", what);
  if (const auto replaced = disk_->find(target); replaced == moved) {
    return {};
  } else if (replaced) {
    if (moved->directory && !replaced->directory) return disk_->error("rename", what, "not a directory");
    if (replaced->directory && !moved->directory) return disk_->error("rename", what, "is a directory");
    if (replaced->directory && !replaced->names.empty())
      return disk_->error("rename", what, "directory not empty");
    --replaced->links;
  }
  from_folder->names.erase(source.back());
  to_folder->names[target.back()] = moved;
  from_folder->moves[source.back()] = {to_folder, target.back()};
  return {};
}

Status FaultFiles::remove(const std::string& path) {
  disk_->announce(Operation::remove, path);
  const std::lock_guard lock(disk_->mutex);
  if (Status begun = disk_->begin(Operation::remove, path); !begun) return begun;
  const Steps steps = steps_of(path);
  const auto inode = disk_->find(steps);
  if (!inode) return disk_->missing("remove", path);
  if (inode->directory) return disk_->error("remove", path, "is a directory");
  disk_->folder_of(steps)->names.erase(steps.back());
  --inode->links;
  return {};
}

Status FaultFiles::remove_directory(const std::string& path) {
  disk_->announce(Operation::remove_directory, path);
  const std::lock_guard lock(disk_->mutex);
  if (Status begun = disk_->begin(Operation::remove_directory, path); !begun) return begun;
  const Steps steps = steps_of(path);
  const auto inode = disk_->find(steps);
  if (!inode) return disk_->missing("remove directory", path);
  if (!inode->directory || steps.empty()) return disk_->error("remove directory", path, "not a directory");
  if (!inode->names.empty()) return disk_->error("remove directory", path, "directory not empty");
  disk_->folder_of(steps)->names.erase(steps.back());
  inode->links = 0;
  return {};
}

Status FaultFiles::make_directories(const std::string& path) {
  Steps so_far;
  for (const std::string& step : steps_of(path)) {
    const std::string parent = text_of(so_far);
    so_far.push_back(step);
    const std::string made = text_of(so_far);
    {
      const std::lock_guard lock(disk_->mutex);
      if (Status alive = disk_->alive("make directory", made); !alive) return alive;
      if (const auto inode = disk_->find(so_far)) {
        if (!inode->directory) return disk_->error("make directory", made, "file exists");
        continue;
      }
    }
    disk_->announce(Operation::make_directory, made);
    {
      const std::lock_guard lock(disk_->mutex);
      if (Status begun = disk_->begin(Operation::make_directory, made); !begun) return begun;
      disk_->folder_of(so_far)->names.emplace(step, disk_->make(true));
    }
    if (Status synced = sync_directory(parent); !synced) return synced;
  }
  return {};
}

Status FaultFiles::sync_directory(const std::string& path) {
  disk_->announce(Operation::sync_directory, path);
  const std::lock_guard lock(disk_->mutex);
  const auto folder = disk_->find(steps_of(path));
  if (disk_->dead) return disk_->alive("sync directory", path);
  if (!folder) return disk_->missing("sync directory", path);
  if (!folder->directory) return disk_->error("sync directory", path, "not a directory");
  return disk_->sync_folder(*folder, path);
}

Result<std::vector<std::string>> FaultFiles::list(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  if (Status begun = disk_->begin(Operation::read, path); !begun) return pass_on(begun);
  const auto folder = disk_->find(steps_of(path));
  if (!folder) return disk_->missing("list", path);
  if (!folder->directory) return disk_->error("list", path, "not a directory");
  std::vector<std::string> names;
  for (const auto& [name, inode] : folder->names) names.push_back(name);
  return names;
}

Result<FileStatus> FaultFiles::status(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  if (Status alive = disk_->alive("status", path); !alive) return pass_on(alive);
  const auto inode = disk_->find(steps_of(path));
  if (!inode) return disk_->missing("status", path);
  return status_of(*inode);
}

Result<std::uint64_t> FaultFiles::free_space(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  if (Status alive = disk_->alive("free space of", path); !alive) return pass_on(alive);
  if (!disk_->find(steps_of(path))) return disk_->missing("free space of", path);
  return disk_->room();
}

Result<std::unique_ptr<FileLock>> FaultFiles::lock(const std::string& path, std::string_view note) {
  Result<std::unique_ptr<File>> file = open(path, Open::create);
  if (!file) return pass_on(file);
  disk_->announce(Operation::write, path);
  const std::lock_guard guard(disk_->mutex);
  if (Status alive = disk_->alive("lock", path); !alive) return pass_on(alive);
  const auto inode = disk_->find(steps_of(path));
  if (!inode) return disk_->missing("lock", path);
  if (disk_->locked.contains(inode->id))
    return disk_->error("lock", path, "held by " + inode->content.now(), Error::Kind::busy);
  inode->content.truncate(0);
  if (Status written = disk_->write(*inode, path, 0, note); !written) return pass_on(written);
  disk_->locked.insert(inode->id);
  return std::make_unique<Held>(disk_, inode->id);
}

std::uint64_t FaultFiles::operations() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->operations;
}

std::uint64_t FaultFiles::operations(Operation kind) const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->by_kind[static_cast<std::size_t>(kind)];
}

std::uint64_t FaultFiles::bytes_written() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->written;
}

void FaultFiles::record(bool on) {
  const std::lock_guard lock(disk_->mutex);
  disk_->recording = on;
}

std::vector<std::string> FaultFiles::recorded() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->lines;
}

void FaultFiles::crash_at(std::uint64_t number) {
  const std::lock_guard lock(disk_->mutex);
  disk_->crash_at = number;
}

void FaultFiles::crash() {
  const std::lock_guard lock(disk_->mutex);
  disk_->dead = true;
}

bool FaultFiles::dead() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->dead;
}

std::unique_ptr<FaultFiles> FaultFiles::after_crash(Loss loss, std::uint64_t seed) const {
  const std::lock_guard lock(disk_->mutex);
  auto found = std::make_shared<Disk>();
  found->next_inode = disk_->next_inode;
  FakeRandom random(seed);
  switch (loss) {
    case Loss::none:
      found->root = fault::exact_copy(disk_->root);
      break;
    case Loss::all_unsynced:
      found->root = fault::durable_copy(disk_->root);
      break;
    case Loss::random:
      found->root = fault::random_copy(disk_->root, random);
      break;
  }
  return std::unique_ptr<FaultFiles>(new FaultFiles(std::move(found)));
}

void FaultFiles::fail(Fault fault) {
  const std::lock_guard lock(disk_->mutex);
  disk_->faults.push_back(std::move(fault));
}

void FaultFiles::quota(std::optional<std::uint64_t> bytes) {
  const std::lock_guard lock(disk_->mutex);
  disk_->quota = bytes;
}

void FaultFiles::heal() {
  const std::lock_guard lock(disk_->mutex);
  disk_->faults.clear();
  disk_->quota.reset();
}

void FaultFiles::ignore_sync(bool on) {
  const std::lock_guard lock(disk_->mutex);
  disk_->ignore_sync = on;
}

void FaultFiles::ignore_directory_sync(bool on) {
  const std::lock_guard lock(disk_->mutex);
  disk_->ignore_directory_sync = on;
}

void FaultFiles::slow_sync(Duration each) {
  const std::lock_guard lock(disk_->mutex);
  disk_->sync_takes = each;
}

Duration FaultFiles::take_delay() {
  const std::lock_guard lock(disk_->mutex);
  return std::exchange(disk_->delay, Duration{});
}

void FaultFiles::before_operation(std::function<void(Operation, const std::string& path)> hook) {
  const std::lock_guard lock(disk_->mutex);
  disk_->hook = std::move(hook);
}

std::vector<std::string> FaultFiles::all_files() const {
  const std::lock_guard lock(disk_->mutex);
  std::vector<std::string> paths;
  const std::function<void(const Inode&, const std::string&)> walk = [&](const Inode& folder,
                                                                         const std::string& before) {
    for (const auto& [name, inode] : folder.names) {
      if (inode->directory)
        walk(*inode, before + name + "/");
      else
        paths.push_back(before + name);
    }
  };
  walk(*disk_->root, "");
  return paths;
}

bool FaultFiles::exists(const std::string& path) const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->find(steps_of(path)) != nullptr;
}

std::string FaultFiles::content(const std::string& path) const {
  const std::lock_guard lock(disk_->mutex);
  const auto inode = disk_->find(steps_of(path));
  return inode ? inode->content.now() : std::string();
}

void FaultFiles::put(const std::string& path, std::string_view bytes) {
  const std::lock_guard lock(disk_->mutex);
  std::shared_ptr<Inode> at = disk_->root;
  Steps steps = steps_of(path);
  const std::string name = steps.back();
  steps.pop_back();
  for (const std::string& step : steps) {
    auto& next = at->names[step];
    if (!next) next = disk_->make(true);
    at->durable_names[step] = next;
    at = next;
  }
  auto& inode = at->names[name];
  if (!inode) inode = disk_->make(false);
  ++inode->put;
  at->durable_names[name] = inode;
  inode->content = Content(std::string(bytes));
}

void FaultFiles::erase(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  const Steps steps = steps_of(path);
  const auto inode = disk_->find(steps);
  if (!inode) return;
  const auto folder = disk_->folder_of(steps);
  folder->names.erase(steps.back());
  folder->durable_names.erase(steps.back());
  if (inode->links > 0) --inode->links;
}

void FaultFiles::move(const std::string& from, const std::string& to) {
  const std::lock_guard lock(disk_->mutex);
  const Steps steps = steps_of(from);
  const auto inode = disk_->find(steps);
  if (!inode) return;
  const auto folder = disk_->folder_of(steps);
  for (fault::Names* names : {&folder->names, &folder->durable_names}) {
    names->erase(steps.back());
    (*names)[steps_of(to).back()] = inode;
  }
}

}  // namespace tidemark
