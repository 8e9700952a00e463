#include "sinks/row_file.h"

#include <algorithm>
#include <utility>

#include "base/checksum.h"
#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::uint64_t kTail = 16u << 20;  // in which lines are looked for when the cursor is gone

}  // namespace

Status RowFile::open() {
  cursor_ = FileCursor{};
  std::optional<FileCursor> stored;
  if (options_.remembers) {
    Status made = files_.make_directories(parent_path(options_.cursor_path));
    if (!made) return made;
    Result<std::optional<FileCursor>> loaded = load_file_cursor(files_, options_.cursor_path);
    if (!loaded) return pass_on(loaded);
    stored = std::move(*loaded);
    // What is seen here may so far be in the page cache only: a program that was killed between the cursor's
    // rename and the sync of its folder left one that the next power cut would take back.
    Status synced = files_.sync_directory(parent_path(options_.cursor_path));
    if (!synced) return synced;
  }
  if (stored && stored->moving) {
    cursor_ = std::move(*stored);
    return move_away();
  }
  Status opened = open_file();
  if (!opened) return opened;
  Result<FileStatus> status = file_->status();
  if (!status) return pass_on(status);
  if (!stored) return begin_without_cursor(*status);
  cursor_ = std::move(*stored);
  if (is_ours(*file_, *status)) return adopt(*status);
  reports_.push_back(
      format("{} is not the file that rows were written to before: rows go on at its end", options_.path));
  return begin_anew(*status);
}

// The name of a file that was made here is durable before anything refers to it.
Status RowFile::open_file() {
  const std::string folder = parent_path(options_.path);
  Status made = files_.make_directories(folder);
  if (!made) return made;
  Result<std::unique_ptr<File>> file = files_.open(options_.path, Files::Open::create);
  if (!file) return pass_on(file);
  file_ = std::move(*file);
  return files_.sync_directory(folder);
}

// The number of a device may change over a reboot, and an inode be given to another file: where there are
// enough first bytes to compare, they decide.
bool RowFile::is_ours(File& file, const FileStatus& status) const {
  if (status.identity.inode != cursor_.identity.inode) return false;
  const bool same_device = status.identity.device == cursor_.identity.device;
  if (cursor_.head_length == 0 || status.size < cursor_.head_length) return same_device;
  const Result<std::string> head = file.read_at(0, cursor_.head_length);
  return head && checksum(*head) == cursor_.head;
}

Status RowFile::begin_without_cursor(const FileStatus& status) {
  if (options_.remembers && status.size > 0) {
    forgot_ = true;
    if (options_.recognise) {
      const std::uint64_t from = status.size - std::min(status.size, kTail);
      Result<std::string> tail = file_->read_at(from, status.size - from);
      if (!tail) return pass_on(tail);
      tail_ = std::move(*tail);
      learn_lines(tail_);
      reports_.push_back(format(
          "{} has rows and no cursor {}: rows are added at its end, except those that its end holds already, "
          "known by their _id",
          options_.path, options_.cursor_path));
    } else {
      reports_.push_back(format(
          "{} has rows and no cursor {}: rows are added at its end, and results that it already holds may "
          "stand twice (those since the last checkpoint; ids = true lets them be recognised)",
          options_.path, options_.cursor_path));
    }
  }
  return begin_anew(status);
}

// The file that the cursor is about: what lies behind the cursor was never reported as written.
Status RowFile::adopt(const FileStatus& status) {
  const bool moved = status.identity != cursor_.identity;
  cursor_.identity = status.identity;
  if (status.size > cursor_.offset) {
    Status cut = file_->truncate(cursor_.offset);
    if (!cut) return cut;
  } else if (status.size < cursor_.offset) {
    reports_.push_back(
        format("{} is shorter ({} bytes) than what was written to it ({} bytes): somebody cut it, rows "
               "are missing; going on at its end",
               options_.path, status.size, cursor_.offset));
    cursor_.offset = status.size;
    cursor_.head_length = 0;
  }
  if (moved || status.size < cursor_.offset || cursor_.head_length == 0) {
    Status learnt = learn_head();
    if (learnt) learnt = store();
    if (!learnt) return learnt;
  }
  return look_at_end();
}

Status RowFile::begin_anew(const FileStatus& status) {
  FileCursor before = cursor_;
  ++cursor_.generation;
  cursor_.identity = status.identity;
  cursor_.offset = status.size;
  cursor_.begun_ns = 0;
  cursor_.head_length = 0;
  Status stored = learn_head();
  if (stored) stored = store();
  if (!stored) {
    cursor_ = std::move(before);
    return stored;
  }
  return look_at_end();
}

Status RowFile::learn_head() {
  const auto length = static_cast<std::uint32_t>(std::min<std::uint64_t>(cursor_.offset, FileCursor::kHead));
  if (length == cursor_.head_length) return {};
  Result<std::string> head = file_->read_at(0, length);
  if (!head) return pass_on(head);
  cursor_.head_length = static_cast<std::uint32_t>(head->size());
  cursor_.head = checksum(*head);
  return {};
}

Status RowFile::look_at_end() {
  needs_newline_ = false;
  if (cursor_.offset == 0) return {};
  Result<std::string> last = file_->read_at(cursor_.offset - 1, 1);
  if (!last) return pass_on(last);
  needs_newline_ = *last != "\n";
  return {};
}

Status RowFile::still_ours() {
  if (file_) {
    Result<FileStatus> held = file_->status();
    if (!held) return pass_on(held);
    Result<FileStatus> named = files_.status(options_.path);
    if (!named && named.error().kind != Error::Kind::not_found) return pass_on(named);
    if (named && held->links > 0 && named->identity == held->identity) return {};
  }
  if (cursor_.moving) return move_away();
  Status opened = open_file();
  if (!opened) return opened;
  Result<FileStatus> status = file_->status();
  if (!status) return pass_on(status);
  if (status->identity == cursor_.identity) return look_at_end();  // closed after a failure
  reports_.push_back(format("{} was moved or removed: rows go on in a new file", options_.path));
  return begin_anew(*status);
}

Status RowFile::append(std::string_view lines, std::span<const std::size_t> ends, const Holdings& marks,
                       std::int64_t wall_ns) {
  lines = without_known(lines, ends);
  if (!synced_to_) {
    Status ready = still_ours();
    if (ready && !lines.empty() && rotation_due(lines.size(), wall_ns)) ready = rotate();
    if (ready) ready = write_batch(lines, wall_ns);
    if (!ready) {
      file_.reset();  // after a failed sync the kernel forgets what it could not write; a fresh handle writes
                      // it again
      return ready;
    }
  }
  FileCursor next = cursor_;
  next.offset = *synced_to_;
  for (const auto& [channel, mark] : marks) next.holdings[channel] = mark;
  std::swap(cursor_, next);
  Status stored = learn_head();
  if (stored) stored = store();
  if (!stored) {
    std::swap(cursor_, next);
    return stored;
  }
  synced_to_.reset();
  needs_newline_ = false;
  if (!known_.empty() && !lines.empty()) {  // of what comes from now on the file holds nothing
    known_.clear();
    tail_ = std::string();
  }
  return {};
}

Status RowFile::write_batch(std::string_view lines, std::int64_t wall_ns) {
  std::string bytes;
  if (!lines.empty()) {
    if (needs_newline_) bytes.push_back('\n');
    if (cursor_.offset == 0) bytes.append(options_.header);
    bytes.append(lines);
    if (cursor_.begun_ns == 0) cursor_.begun_ns = wall_ns;
    Status written = file_->write_at(cursor_.offset, bytes);
    if (!written) return written;
  }
  if (options_.fsync) {
    Status synced = file_->sync();
    if (!synced) return synced;
  }
  synced_to_ = cursor_.offset + bytes.size();
  return {};
}

Status RowFile::store() {
  if (!options_.remembers) return {};
  return store_file_cursor(files_, options_.cursor_path, cursor_, options_.fsync);
}

}  // namespace tidemark
