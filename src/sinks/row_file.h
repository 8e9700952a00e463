// RowFile appends batches of lines to a file, each exactly once, with a cursor that says how far they count.
//
// Order of a batch: write behind the cursor's offset, sync, replace the cursor. So bytes beyond the offset
// are of no batch that was reported, and the next open() cuts them off: only in the very file that the cursor
// names, known by its inode and first bytes. A file that was moved, removed or replaced by somebody else is
// never cut; rows go on in the file that now has the name, and the operator is told. (copytruncate rotation,
// which keeps the inode, is not supported.) A batch that failed is given again with the same bytes, which
// then overwrite what part of them is there.
//
// Own rotation moves the file to NAME.N, N counting up, past names that are taken; between two batches, so
// that no row is torn. The cursor says first what is about to be moved where, and a start finishes it. With
// rotate_every the file's rows are of one such span of the wall clock, counted from 1970.
//
// Without a cursor beside rows that are there, nobody knows which they are. With `recognise` each line is one
// of its kind, and lines that the end of the file holds are not written again; else rows are added, and the
// operator is told that some may stand twice. Threads: one at a time; calls block.  Lifetime: `files`
// outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/times.h"
#include "platform/files.h"
#include "sinks/file_cursor.h"
#include "sinks/results.h"

namespace tidemark {

struct RowFileOptions {
  std::string path;
  std::string cursor_path;
  bool remembers = true;  // false: no cursor; rows are appended at the end
  std::string header;     // first in an empty file
  bool recognise = false;
  bool fsync = true;
  std::uint64_t rotate_size = 0;         // 0: whatever its size
  std::optional<Duration> rotate_every;  // none: whatever the time
  std::uint32_t keep = 0;                // rotated files; 0: all
};

class RowFile {
 public:
  RowFile(Files& files, RowFileOptions options) : files_(files), options_(std::move(options)) {}

  // What the operator should know: added to by open() and append(), taken by take_reports().
  std::vector<std::string> take_reports() { return std::exchange(reports_, {}); }

  Status open();
  const Holdings& holdings() const { return cursor_.holdings; }
  // There were rows and no cursor.
  bool forgot() const { return forgot_; }
  std::uint64_t rotated() const { return rotated_; }  // files, by this object
  // `ends`: the offset in `lines` behind each row. `marks`: the channels that the batch moves on.
  Status append(std::string_view lines, std::span<const std::size_t> ends, const Holdings& marks,
                std::int64_t wall_ns);

 private:
  Status open_file();
  bool is_ours(File& file, const FileStatus& status) const;
  Status adopt(const FileStatus& status);
  Status begin_anew(const FileStatus& status);
  Status begin_without_cursor(const FileStatus& status);
  Status still_ours();
  Status look_at_end();
  Status learn_head();
  Status write_batch(std::string_view lines, std::int64_t wall_ns);
  Status store();

  bool rotation_due(std::size_t bytes, std::int64_t wall_ns) const;
  Status rotate();
  Status move_away();
  void remove_oldest();
  std::string rotated_path(std::uint64_t number) const;

  void learn_lines(std::string_view tail);
  bool holds(std::string_view row) const;
  std::string_view without_known(std::string_view lines, std::span<const std::size_t> ends);

  Files& files_;
  RowFileOptions options_;
  FileCursor cursor_;  // as it is, or will be, on disk
  std::unique_ptr<File> file_;
  bool needs_newline_ = false;              // somebody else's last line has no end
  std::optional<std::uint64_t> synced_to_;  // a batch that is durable and whose cursor is not
  bool forgot_ = false;
  std::uint64_t rotated_ = 0;
  std::string tail_;                            // of the file as it was found without a cursor
  std::unordered_set<std::string_view> known_;  // its lines
  std::string unknown_;                         // what is left of a batch
  std::vector<std::string> reports_;
};

}  // namespace tidemark
