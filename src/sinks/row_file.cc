#include "sinks/row_file.h"

#include <utility>

#include "base/format.h"

namespace tidemark {

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
  Status opened = open_file();
  if (!opened) return opened;
  Result<FileStatus> status = file_->status();
  if (!status) return pass_on(status);
  if (!stored) {
    if (options_.remembers && status->size > 0)
      reports_.push_back(
          format("{} has rows and no cursor {}: rows are added at its end, and results that it already "
                 "holds may stand twice",
                 options_.path, options_.cursor_path));
    return begin_anew(*status);
  }
  cursor_ = std::move(*stored);
  if (status->identity == cursor_.identity) return adopt(*status);
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

// The file that the cursor is about: what lies behind the cursor was never reported as written.
Status RowFile::adopt(const FileStatus& status) {
  if (status.size > cursor_.offset) {
    Status cut = file_->truncate(cursor_.offset);
    if (!cut) return cut;
  } else if (status.size < cursor_.offset) {
    reports_.push_back(
        format("{} is shorter ({} bytes) than what was written to it ({} bytes): somebody cut it, rows "
               "are missing; going on at its end",
               options_.path, status.size, cursor_.offset));
    cursor_.offset = status.size;
    Status stored = store();
    if (!stored) return stored;
  }
  return look_at_end();
}

Status RowFile::begin_anew(const FileStatus& status) {
  FileCursor before = cursor_;
  ++cursor_.generation;
  cursor_.identity = status.identity;
  cursor_.offset = status.size;
  Status stored = store();
  if (!stored) {
    cursor_ = std::move(before);
    return stored;
  }
  return look_at_end();
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
  Status opened = open_file();
  if (!opened) return opened;
  Result<FileStatus> status = file_->status();
  if (!status) return pass_on(status);
  if (status->identity == cursor_.identity) return look_at_end();  // closed after a failure
  reports_.push_back(format("{} was moved or removed: rows go on in a new file", options_.path));
  return begin_anew(*status);
}

Status RowFile::append(std::string_view lines, const Holdings& marks) {
  if (!synced_to_) {
    Status ours = still_ours();
    if (ours) ours = write_batch(lines);
    if (!ours) {
      file_.reset();  // after a failed sync the kernel forgets what it could not write; a fresh handle writes
                      // it again
      return ours;
    }
  }
  FileCursor next = cursor_;
  next.offset = *synced_to_;
  for (const auto& [channel, mark] : marks) next.holdings[channel] = mark;
  std::swap(cursor_, next);
  Status stored = store();
  if (!stored) {
    std::swap(cursor_, next);
    return stored;
  }
  synced_to_.reset();
  needs_newline_ = false;
  return {};
}

Status RowFile::write_batch(std::string_view lines) {
  std::string bytes;
  if (needs_newline_) bytes.push_back('\n');
  if (cursor_.offset == 0) bytes.append(options_.header);
  bytes.append(lines);
  Status written = file_->write_at(cursor_.offset, bytes);
  if (!written) return written;
  Status synced = file_->sync();
  if (!synced) return synced;
  synced_to_ = cursor_.offset + bytes.size();
  return {};
}

Status RowFile::store() {
  if (!options_.remembers) return {};
  return store_file_cursor(files_, options_.cursor_path, cursor_);
}

}  // namespace tidemark
