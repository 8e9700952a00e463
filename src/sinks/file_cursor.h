// FileCursor: what a file sink remembers beside the file, because a line of csv or JSON has no place for it.
//
// It says which file it is about, how many bytes of it are rows for certain, and the last result of each
// channel in those bytes. It is replaced atomically, after the rows that it covers have been synced. Format:
// FORMAT.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/files.h"
#include "sinks/results.h"

namespace tidemark {

struct FileCursor {
  std::uint64_t generation = 0;  // of the file: 1 for the first, one more each time it was another
  FileIdentity identity;
  std::uint64_t offset = 0;
  // The first bytes of it, at most kHead: by them a file is known again when the number of its device has
  // changed over a reboot, and told from another one that was given its inode.
  std::uint32_t head_length = 0;
  std::uint64_t head = 0;     // checksum
  std::int64_t begun_ns = 0;  // when its first row was written; 0: none was
  // Files that were rotated away stand beside it as NAME.N.
  std::uint64_t rotated = 0;        // the highest N
  std::vector<std::uint64_t> kept;  // those that are to go some day, ascending
  bool moving = false;              // the file is on its way to N = rotated
  Holdings holdings;

  static constexpr std::uint32_t kHead = 1024;
};

std::string encode(const FileCursor& cursor);
// `where` names the file in errors.
Result<FileCursor> decode_file_cursor(std::string_view bytes, std::string_view where);

// Nothing when there is none.
Result<std::optional<FileCursor>> load_file_cursor(Files& files, const std::string& path);
// Not `durably`: whole at any moment, and a power cut may bring back the one before.
Status store_file_cursor(Files& files, const std::string& path, const FileCursor& cursor,
                         bool durably = true);

}  // namespace tidemark
