#include "platform/simulated_files.h"

#include <algorithm>
#include <utility>

#include "base/format.h"

namespace tidemark {

// A file, or a folder, by itself.
struct SimulatedFiles::Content {
  std::uint64_t id = 0;
  bool directory = false;
  std::uint64_t links = 1;
  std::string now, durable;
  std::int64_t changes = 0;
  std::size_t unsynced = 0;  // the first byte from which the two may differ

  void write(std::uint64_t offset, std::string_view bytes) {
    const std::size_t at = static_cast<std::size_t>(offset);
    ++changes;
    unsynced = std::min({unsynced, at, now.size()});
    if (now.size() < at + bytes.size()) now.resize(at + bytes.size(), '\0');
    now.replace(at, bytes.size(), bytes);
  }
  void truncate(std::uint64_t size) {
    ++changes;
    unsynced = std::min({unsynced, static_cast<std::size_t>(size), now.size()});
    now.resize(static_cast<std::size_t>(size), '\0');
  }
  void sync() {
    durable.resize(std::min(unsynced, durable.size()));
    durable.append(now, durable.size());
    unsynced = now.size();
  }
  void lose() {
    now = durable;
    unsynced = now.size();
  }
};

namespace {

// "/a//b/." as "a/b"; the root is empty.
std::string normal(std::string_view path) {
  std::vector<std::string_view> steps;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view step = path.substr(0, slash);
    if (step == "..") {
      if (!steps.empty()) steps.pop_back();
    } else if (!step.empty() && step != ".") {
      steps.push_back(step);
    }
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  std::string out;
  for (const std::string_view step : steps) out.append(out.empty() ? "" : "/").append(step);
  return out;
}

std::string folder_of(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string::npos ? std::string() : name.substr(0, slash);
}

std::unexpected<Error> refused(std::string_view doing, const std::string& path, std::string_view why,
                               Error::Kind kind = Error::Kind::failed) {
  return fail(format("{} {}: {}", doing, path, why), kind);
}
std::unexpected<Error> missing(std::string_view doing, const std::string& path) {
  return refused(doing, path, "no such file or directory", Error::Kind::not_found);
}

}  // namespace

struct SimulatedFiles::State {
  using Names = std::map<std::string, std::shared_ptr<Content>>;

  Names now, durable;  // by full name, without the root
  std::set<std::string> locked;
  std::uint64_t next_id = 1;
  std::uint64_t user = 1;  // whoever came before has no power over it
  bool usable = true;

  std::shared_ptr<Content> find(const std::string& name) const {
    const auto at = now.find(name);
    return at == now.end() ? nullptr : at->second;
  }
  bool is_folder(const std::string& name) const {
    const auto content = find(name);
    return name.empty() || (content && content->directory);
  }
  std::shared_ptr<Content> make(const std::string& name, bool directory) {
    auto content = std::make_shared<Content>();
    content->id = next_id++;
    content->directory = directory;
    now[name] = content;
    return content;
  }
  // Names of `names` directly in the folder.
  static std::vector<std::string> inside(const Names& names, const std::string& folder) {
    std::vector<std::string> out;
    for (const auto& [name, content] : names)
      if (folder_of(name) == folder && !name.empty()) out.push_back(name);
    return out;
  }
  static FileStatus status(const Content& content) {
    return {{1, content.id}, content.now.size(), content.links, content.directory, content.changes};
  }
};

class SimulatedFiles::OpenFile final : public File {
 public:
  OpenFile(std::shared_ptr<State> state, std::shared_ptr<Content> content, std::string path, bool writes)
      : state_(std::move(state)),
        content_(std::move(content)),
        path_(std::move(path)),
        user_(state_->user),
        writes_(writes) {}

  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    if (gone()) return refused("write", path_, "the machine is off");
    if (!writes_) return refused("write", path_, "it was opened for reading");
    if (!bytes.empty()) content_->write(offset, bytes);
    return {};
  }
  Result<std::string> read_at(std::uint64_t offset, std::size_t size) override {
    if (gone()) return refused("read", path_, "the machine is off");
    if (content_->directory) return refused("read", path_, "is a directory");
    return offset < content_->now.size() ? content_->now.substr(static_cast<std::size_t>(offset), size)
                                         : std::string();
  }
  Status sync() override {
    if (gone()) return refused("sync", path_, "the machine is off");
    content_->sync();
    return {};
  }
  Status truncate(std::uint64_t size) override {
    if (gone()) return refused("truncate", path_, "the machine is off");
    if (!writes_) return refused("truncate", path_, "it was opened for reading");
    content_->truncate(size);
    return {};
  }
  Result<FileStatus> status() override { return State::status(*content_); }

 private:
  bool gone() const { return !state_->usable || state_->user != user_; }

  std::shared_ptr<State> state_;
  std::shared_ptr<Content> content_;
  std::string path_;
  std::uint64_t user_;
  bool writes_;
};

class SimulatedFiles::Held final : public FileLock {
 public:
  Held(std::shared_ptr<State> state, std::string name)
      : state_(std::move(state)), name_(std::move(name)), user_(state_->user) {}
  ~Held() override {
    if (state_->user == user_) state_->locked.erase(name_);
  }

 private:
  std::shared_ptr<State> state_;
  std::string name_;
  std::uint64_t user_;
};

SimulatedFiles::SimulatedFiles() : state_(std::make_shared<State>()) {}
SimulatedFiles::~SimulatedFiles() = default;

void SimulatedFiles::end() {
  state_->usable = false;
}

void SimulatedFiles::begin(Left left) {
  State& state = *state_;
  state.usable = true;
  ++state.user;
  state.locked.clear();
  if (left == Left::everything) return;
  // A name is reached only through folders whose names are durable; in the order of names they come first.
  State::Names kept;
  for (const auto& [name, content] : state.durable) {
    if (!folder_of(name).empty() && !kept.contains(folder_of(name))) continue;
    content->lose();
    content->links = 1;
    kept.emplace(name, content);
  }
  state.now = kept;
  state.durable = std::move(kept);
}

Result<std::unique_ptr<File>> SimulatedFiles::open(const std::string& path, Open how) {
  if (!state_->usable) return refused("open", path, "the machine is off");
  const std::string name = normal(path);
  std::shared_ptr<Content> content = state_->find(name);
  if (content && how == Open::create_new) return refused("open", path, "file exists");
  if (content && content->directory && how != Open::read) return refused("open", path, "is a directory");
  if (!content && (how == Open::read || how == Open::write)) return missing("open", path);
  if (!content) {
    if (!state_->is_folder(folder_of(name))) return missing("open", path);
    content = state_->make(name, false);
  }
  return std::unique_ptr<File>(
      std::make_unique<OpenFile>(state_, std::move(content), path, how != Open::read));
}

Status SimulatedFiles::rename(const std::string& from, const std::string& to) {
  if (!state_->usable) return refused("rename", from, "the machine is off");
  const std::string old_name = normal(from), new_name = normal(to);
  const auto content = state_->find(old_name);
  if (!content || !state_->is_folder(folder_of(new_name))) return missing("rename", from);
  if (old_name == new_name) return {};
  if (const auto replaced = state_->find(new_name)) {
    if (replaced->directory != content->directory)
      return refused("rename", from, replaced->directory ? "is a directory" : "not a directory");
    if (replaced->directory && !State::inside(state_->now, new_name).empty())
      return refused("rename", from, "directory not empty");
    replaced->links = 0;
  }
  // With everything below it.
  State::Names moved;
  std::erase_if(state_->now, [&](const auto& entry) {
    const std::string& name = entry.first;
    if (name != old_name && !name.starts_with(old_name + "/")) return false;
    moved.emplace(new_name + name.substr(old_name.size()), entry.second);
    return true;
  });
  for (auto& [name, its] : moved) state_->now[name] = std::move(its);
  return {};
}

Status SimulatedFiles::remove(const std::string& path) {
  if (!state_->usable) return refused("remove", path, "the machine is off");
  const auto content = state_->find(normal(path));
  if (!content) return missing("remove", path);
  if (content->directory) return refused("remove", path, "is a directory");
  content->links = 0;
  state_->now.erase(normal(path));
  return {};
}

Status SimulatedFiles::remove_directory(const std::string& path) {
  if (!state_->usable) return refused("remove directory", path, "the machine is off");
  const std::string name = normal(path);
  if (!state_->find(name)) return missing("remove directory", path);
  if (!state_->is_folder(name)) return refused("remove directory", path, "not a directory");
  if (!State::inside(state_->now, name).empty())
    return refused("remove directory", path, "directory not empty");
  state_->now.erase(name);
  return {};
}

Status SimulatedFiles::make_directories(const std::string& path) {
  if (!state_->usable) return refused("make directory", path, "the machine is off");
  const std::string name = normal(path);
  for (std::size_t slash = 0; slash < name.size();) {
    slash = std::min(name.find('/', slash + 1), name.size());
    const std::string part = name.substr(0, slash);
    if (state_->is_folder(part)) continue;
    if (state_->find(part)) return refused("make directory", path, "not a directory");
    state_->make(part, true);
    if (Status synced = sync_directory(folder_of(part)); !synced) return synced;
  }
  return {};
}

Status SimulatedFiles::sync_directory(const std::string& path) {
  if (!state_->usable) return refused("sync directory", path, "the machine is off");
  const std::string folder = normal(path);
  if (!state_->is_folder(folder)) return missing("sync directory", path);
  for (const std::string& name : State::inside(state_->durable, folder)) state_->durable.erase(name);
  for (const std::string& name : State::inside(state_->now, folder))
    state_->durable[name] = state_->now[name];
  return {};
}

Result<std::vector<std::string>> SimulatedFiles::list(const std::string& path) {
  if (!state_->usable) return refused("list", path, "the machine is off");
  const std::string folder = normal(path);
  if (!state_->find(folder) && !folder.empty()) return missing("list", path);
  if (!state_->is_folder(folder)) return refused("list", path, "not a directory");
  std::vector<std::string> names = State::inside(state_->now, folder);
  if (!folder.empty())
    for (std::string& name : names) name.erase(0, folder.size() + 1);
  return names;
}

Result<FileStatus> SimulatedFiles::status(const std::string& path) {
  if (!state_->usable) return refused("status", path, "the machine is off");
  const std::string name = normal(path);
  if (name.empty()) return FileStatus{.identity = {1, 0}, .size = 0, .links = 1, .is_directory = true};
  const auto content = state_->find(name);
  if (!content) return missing("status", path);
  return State::status(*content);
}

Result<std::uint64_t> SimulatedFiles::free_space(const std::string& path) {
  if (auto there = status(path); !there) return pass_on(there);
  constexpr std::uint64_t kEndless = std::uint64_t{1} << 40;
  return kEndless;
}

Result<std::unique_ptr<FileLock>> SimulatedFiles::lock(const std::string& path, std::string_view note) {
  const std::string name = normal(path);
  if (state_->locked.contains(name))
    return refused("lock", path, format("held by {}", state_->find(name)->now), Error::Kind::busy);
  auto file = open(path, Open::create);
  if (!file) return pass_on(file);
  state_->locked.insert(name);
  if (Status emptied = (*file)->truncate(0); !emptied) return std::unexpected(emptied.error());
  if (Status written = (*file)->write_at(0, note); !written) return std::unexpected(written.error());
  return std::unique_ptr<FileLock>(std::make_unique<Held>(state_, name));
}

}  // namespace tidemark
