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

#include "platform/files.h"
#include "sinks/results.h"

namespace tidemark {

struct FileCursor {
  std::uint64_t generation = 0;  // of the file: 1 for the first, one more each time it was another
  FileIdentity identity;
  std::uint64_t offset = 0;
  Holdings holdings;
};

std::string encode(const FileCursor& cursor);
// `where` names the file in errors.
Result<FileCursor> decode_file_cursor(std::string_view bytes, std::string_view where);

// Nothing when there is none.
Result<std::optional<FileCursor>> load_file_cursor(Files& files, const std::string& path);
Status store_file_cursor(Files& files, const std::string& path, const FileCursor& cursor);

}  // namespace tidemark
