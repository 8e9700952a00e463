#include "support/fault_files_disk.h"

#include <algorithm>
#include <functional>
#include <set>

namespace tidemark::fault {
namespace {

std::size_t blocks_of(std::uint64_t size) {
  return static_cast<std::size_t>((size + Content::kBlock - 1) / Content::kBlock);
}

// Bytes [at, at + size) of `text`, zeros where it has none.
std::string piece(const std::string& text, std::size_t at, std::size_t size) {
  std::string out = at < text.size() ? text.substr(at, size) : std::string();
  out.resize(size, '\0');
  return out;
}

}  // namespace

Content::Content(std::string bytes)
    : now_(bytes), durable_(std::move(bytes)), blocks_(blocks_of(now_.size())) {}

void Content::mark(std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return;
  const std::size_t first = static_cast<std::size_t>(begin / kBlock);
  const std::size_t last = blocks_of(end);
  std::fill(blocks_.begin() + static_cast<std::ptrdiff_t>(first),
            blocks_.begin() + static_cast<std::ptrdiff_t>(last), Block::dirty);
  dirty_begin_ = std::min(dirty_begin_, first);
  dirty_end_ = std::max(dirty_end_, last);
}

void Content::extend(std::uint64_t size) {
  const std::uint64_t old = now_.size();
  if (size <= old) return;
  now_.resize(static_cast<std::size_t>(size), '\0');
  blocks_.resize(blocks_of(size));
  mark(old, size);
}

void Content::write(std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  extend(offset + bytes.size());
  std::copy(bytes.begin(), bytes.end(), now_.begin() + static_cast<std::ptrdiff_t>(offset));
  mark(offset, offset + bytes.size());
}

void Content::truncate(std::uint64_t size) {
  if (size >= now_.size()) {
    extend(size);
    return;
  }
  now_.resize(static_cast<std::size_t>(size));
  blocks_.resize(blocks_of(size));
  dirty_end_ = std::min(dirty_end_, blocks_.size());
}

void Content::sync() {
  durable_.resize(now_.size(), '\0');
  for (std::size_t b = dirty_begin_; b < dirty_end_; ++b) {
    if (blocks_[b] != Block::dirty) continue;
    const std::size_t at = b * kBlock;
    durable_.replace(at, kBlock, now_, at, kBlock);
    blocks_[b] = Block::clean;
  }
  dirty_begin_ = SIZE_MAX;
  dirty_end_ = 0;
}

void Content::forget() {
  for (std::size_t b = dirty_begin_; b < dirty_end_; ++b)
    if (blocks_[b] == Block::dirty) blocks_[b] = Block::forgotten;
  dirty_begin_ = SIZE_MAX;
  dirty_end_ = 0;
}

std::string Content::torn(FakeRandom& random) const {
  std::size_t length = durable_.size();
  if (now_.size() != durable_.size()) {
    const std::uint64_t toss = random.below(3);
    if (toss == 1) length = now_.size();
    if (toss == 2 && now_.size() > durable_.size()) length += random.below(now_.size() - durable_.size());
  }
  // Some cuts lose nearly everything and some nearly nothing; a fair coin for each block would do neither.
  static constexpr std::uint64_t kPercentNew[] = {0, 10, 50, 90, 100};
  const std::uint64_t percent = kPercentNew[random.below(5)];
  std::string out = piece(durable_, 0, length);
  for (std::size_t b = 0; b < blocks_.size() && b * kBlock < length; ++b) {
    if (blocks_[b] == Block::clean) continue;
    std::size_t arrived = random.below(100) < percent ? kBlock : 0;
    if (random.one_in(8)) arrived = random.below(kBlock);
    const std::size_t at = b * kBlock;
    const std::size_t size = std::min(arrived, length - at);
    out.replace(at, size, piece(now_, at, size));
  }
  return out;
}

namespace {

// Copies a tree; `content` and `names` say what a file and a folder have in the copy.
class TreeCopy {
 public:
  std::function<Content(const Inode&)> content;
  std::function<void(const Inode& from, Inode& to, TreeCopy& copy)> names;

  std::shared_ptr<Inode> copy(const std::shared_ptr<Inode>& from) {
    auto& to = made_[from.get()];
    if (to) return to;
    to = std::make_shared<Inode>();
    const auto made = to;  // the map may grow below
    made->id = from->id;
    made->put = from->put;
    made->directory = from->directory;
    if (from->directory)
      names(*from, *made, *this);
    else
      made->content = content(*from);
    return made;
  }

  // Copies `from` as all the names that the folder `to` has, durably.
  void settle(const Names& from, Inode& to) {
    for (const auto& [name, inode] : from) to.names[name] = copy(inode);
    to.durable_names = to.names;
  }

 private:
  std::map<const Inode*, std::shared_ptr<Inode>> made_;
};

void count_links(Inode& folder) {
  for (auto& [name, inode] : folder.names) {
    if (inode->directory) count_links(*inode);
    ++inode->links;
  }
}

// Decides which of the unsynced names of every folder made it to the disk.
class NameLottery {
 public:
  NameLottery(const std::shared_ptr<Inode>& root, FakeRandom& random) : random_(random) {
    visit(root);
    for (const Inode* folder : folders_) repair(*folder);
  }
  const Names& of(const Inode& folder) { return outcome_[&folder]; }

 private:
  static const std::shared_ptr<Inode>* find(const Names& names, const std::string& name) {
    const auto it = names.find(name);
    return it == names.end() ? nullptr : &it->second;
  }

  void visit(const std::shared_ptr<Inode>& folder) {
    if (!folder->directory || outcome_.contains(folder.get())) return;
    folders_.push_back(folder.get());
    Names& outcome = outcome_[folder.get()];
    outcome = folder->durable_names;
    std::set<std::string> all;
    for (const auto& [name, inode] : folder->durable_names) all.insert(name);
    for (const auto& [name, inode] : folder->names) all.insert(name);
    for (const std::string& name : all) {
      const auto* before = find(folder->durable_names, name);
      const auto* after = find(folder->names, name);
      if (before && after && *before == *after) continue;
      if (random_.one_in(2)) continue;
      if (after)
        outcome[name] = *after;
      else
        outcome.erase(name);
    }
    const Names durable = folder->durable_names;
    for (const auto& [name, inode] : durable) visit(inode);
    for (const auto& [name, inode] : folder->names) visit(inode);
  }

  // A rename makes the new name before it takes the old one away.
  void repair(const Inode& folder) {
    Names& outcome = outcome_[&folder];
    for (const auto& [name, move] : folder.moves) {
      const auto* before = find(folder.durable_names, name);
      const auto to = move.folder.lock();
      if (!before || !to || !outcome_.contains(to.get())) continue;
      const auto* wanted = find(to->names, move.name);
      if (!wanted || *wanted != *before) continue;  // removed or replaced since
      const auto* arrived = find(outcome_[to.get()], move.name);
      const bool there = arrived && *arrived == *before;
      const auto* kept = find(outcome, name);
      const bool here = kept && *kept == *before;
      if (!there && !here) outcome[name] = *before;
      if (there && here && (*before)->directory) outcome.erase(name);  // a folder has one name
    }
  }

  FakeRandom& random_;
  std::vector<const Inode*> folders_;
  std::map<const Inode*, Names> outcome_;
};

}  // namespace

std::shared_ptr<Inode> exact_copy(const std::shared_ptr<Inode>& root) {
  TreeCopy tree;
  tree.content = [](const Inode& file) { return file.content; };
  tree.names = [&](const Inode& from, Inode& to, TreeCopy& copy) {
    for (const auto& [name, inode] : from.names) to.names[name] = copy.copy(inode);
    for (const auto& [name, inode] : from.durable_names) to.durable_names[name] = copy.copy(inode);
    for (const auto& [name, move] : from.moves)
      if (const auto folder = move.folder.lock()) to.moves[name] = {copy.copy(folder), move.name};
  };
  auto made = tree.copy(root);
  count_links(*made);
  made->links = 1;
  return made;
}

std::shared_ptr<Inode> durable_copy(const std::shared_ptr<Inode>& root) {
  TreeCopy tree;
  tree.content = [](const Inode& file) { return Content(file.content.durable()); };
  tree.names = [](const Inode& from, Inode& to, TreeCopy& copy) { copy.settle(from.durable_names, to); };
  auto made = tree.copy(root);
  count_links(*made);
  made->links = 1;
  return made;
}

std::shared_ptr<Inode> random_copy(const std::shared_ptr<Inode>& root, FakeRandom& random) {
  NameLottery lottery(root, random);
  TreeCopy tree;
  tree.content = [&](const Inode& file) { return Content(file.content.torn(random)); };
  tree.names = [&](const Inode& from, Inode& to, TreeCopy& copy) { copy.settle(lottery.of(from), to); };
  auto made = tree.copy(root);
  count_links(*made);
  made->links = 1;
  return made;
}

}  // namespace tidemark::fault
