// The part of RowFile that moves a file away, and the part that knows its lines again.
#include <algorithm>
#include <charconv>

#include "base/format.h"
#include "sinks/row_file.h"

namespace tidemark {

bool RowFile::rotation_due(std::size_t bytes, std::int64_t wall_ns) const {
  if (cursor_.offset == 0) return false;
  if (options_.rotate_size != 0 && cursor_.offset + bytes > options_.rotate_size) return true;
  if (!options_.rotate_every || cursor_.begun_ns == 0) return false;
  const std::int64_t span = options_.rotate_every->count();
  return wall_ns / span != cursor_.begun_ns / span;
}

std::string RowFile::rotated_path(std::uint64_t number) const {
  return format("{}.{}", options_.path, number);
}

// Somebody else's file is never written over, and never removed: names that are taken are passed over.
Status RowFile::rotate() {
  FileCursor next = cursor_;
  do {
    ++next.rotated;
    Result<FileStatus> taken = files_.status(rotated_path(next.rotated));
    if (!taken && taken.error().kind == Error::Kind::not_found) break;
    if (!taken) return pass_on(taken);
  } while (true);
  if (options_.keep != 0) next.kept.push_back(next.rotated);
  next.moving = true;
  std::swap(cursor_, next);
  Status stored = store();
  if (!stored) {
    std::swap(cursor_, next);
    return stored;
  }
  return move_away();
}

// Finishes what the cursor says, from wherever it was left.
Status RowFile::move_away() {
  Result<std::unique_ptr<File>> file = files_.open(options_.path, Files::Open::write);
  if (!file && file.error().kind != Error::Kind::not_found) return pass_on(file);
  if (file) {
    Result<FileStatus> status = (*file)->status();
    if (!status) return pass_on(status);
    if (is_ours(**file, *status)) {
      if (status->size > cursor_.offset)  // of a batch that was not reported
        if (Status cut = (*file)->truncate(cursor_.offset); !cut) return cut;
      if (Status synced = (*file)->sync(); !synced) return synced;
      // A cut may have left it under both names, and then a rename does nothing.
      const Result<FileStatus> there = files_.status(rotated_path(cursor_.rotated));
      const bool both = there && there->identity == status->identity;
      Status moved =
          both ? files_.remove(options_.path) : files_.rename(options_.path, rotated_path(cursor_.rotated));
      if (!moved) return moved;
      ++rotated_;
      // Before another file gets the name.
      if (Status named = files_.sync_directory(parent_path(options_.path)); !named) return named;
    }
  }
  Status opened = open_file();
  if (!opened) return opened;
  Result<FileStatus> status = file_->status();
  if (!status) return pass_on(status);
  remove_oldest();
  cursor_.moving = false;
  Status begun = begin_anew(*status);
  if (!begun) cursor_.moving = true;
  return begun;
}

// Those that cannot be removed stay: that is no reason to stop.
void RowFile::remove_oldest() {
  while (options_.keep != 0 && cursor_.kept.size() > options_.keep) {
    const Status removed = files_.remove(rotated_path(cursor_.kept.front()));
    if (!removed && removed.error().kind != Error::Kind::not_found)
      reports_.push_back(removed.error().message);
    cursor_.kept.erase(cursor_.kept.begin());
  }
}

void RowFile::learn_lines(std::string_view tail) {
  while (!tail.empty()) {
    const std::size_t end = tail.find('\n');
    known_.insert(tail.substr(0, end));
    if (end == std::string_view::npos) return;
    tail.remove_prefix(end + 1);
  }
}

// A row of csv may be of several lines; its `_id` is in the last of them.
bool RowFile::holds(std::string_view row) const {
  row.remove_suffix(1);
  const std::size_t last = row.rfind('\n');
  return known_.contains(last == std::string_view::npos ? row : row.substr(last + 1));
}

// What the file does not hold. Results come in order, so once one is missing, all that follow are.
std::string_view RowFile::without_known(std::string_view lines, std::span<const std::size_t> ends) {
  if (known_.empty()) return lines;
  unknown_.clear();
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    const std::string_view row = lines.substr(begin, end - begin);
    begin = end;
    if (!holds(row)) unknown_.append(row);
  }
  return unknown_;
}

}  // namespace tidemark
