// RowFile appends batches of lines to a file, each exactly once, with a cursor that says how far they count.
//
// Order of a batch: write behind the cursor's offset, sync, replace the cursor. So bytes beyond the offset
// are of no batch that was reported, and the next open() cuts them off: only in the very file (device, inode)
// that the cursor names. A file that was moved, removed or replaced by somebody else is never cut; rows go on
// in the file that now has the name, and the operator is told. (copytruncate rotation, which keeps the inode,
// is not supported.) A batch that failed is given again with the same bytes, which then overwrite what part
// of them is there. Threads: one at a time; calls block.  Lifetime: `files` outlives it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/files.h"
#include "sinks/file_cursor.h"
#include "sinks/results.h"

namespace tidemark {

struct RowFileOptions {
  std::string path;
  std::string cursor_path;
  bool remembers = true;  // false: no cursor; rows are appended at the end
  std::string header;     // first in an empty file
};

class RowFile {
 public:
  RowFile(Files& files, RowFileOptions options) : files_(files), options_(std::move(options)) {}

  // What the operator should know: added to by open() and append(), taken by take_reports().
  std::vector<std::string> take_reports() { return std::exchange(reports_, {}); }

  Status open();
  const Holdings& holdings() const { return cursor_.holdings; }
  // `marks`: the channels that the batch moves on.
  Status append(std::string_view lines, const Holdings& marks);

 private:
  Status open_file();
  Status adopt(const FileStatus& status);
  Status begin_anew(const FileStatus& status);
  Status still_ours();
  Status look_at_end();
  Status write_batch(std::string_view lines);
  Status store();

  Files& files_;
  RowFileOptions options_;
  FileCursor cursor_;  // as it is, or will be, on disk
  std::unique_ptr<File> file_;
  bool needs_newline_ = false;              // somebody else's last line has no end
  std::optional<std::uint64_t> synced_to_;  // a batch that is durable and whose cursor is not
  std::vector<std::string> reports_;
};

}  // namespace tidemark
