// Segments: the journal's files. Named by a number that only grows, never by a time: small boards boot in
// 1970.
//
// Threads: one at a time per object.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "journal/block.h"
#include "platform/files.h"

namespace tidemark {

// "0000000012"
std::string segment_name(std::uint64_t number);
std::string segment_path(const std::string& folder, std::uint64_t number);

// The numbers of the segments in a folder, ascending. Other files are passed over; an absent folder has none.
Result<std::vector<std::uint64_t>> list_segments(Files& files, const std::string& folder);

// A segment read from the front in pieces, or where one likes.
class SegmentBytes {
 public:
  static Result<SegmentBytes> open(Files& files, const std::string& path, std::size_t window);

  std::uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }
  // The bytes of [offset, offset + size) that the file has; valid until the next call.
  Result<std::string_view> at(std::uint64_t offset, std::size_t size);

  // The header at `offset` if one that verifies stands there and its block does not reach beyond the file's
  // end. Nothing: no such block. An error: the file cannot be read, or is of a newer version.
  Result<std::optional<BlockHeader>> whole_block(std::uint64_t offset);
  // The bytes after the header at `offset`.
  Result<std::string_view> stored(std::uint64_t offset, const BlockHeader& header);

  // Behind the last byte from `offset` on that is not zero; `offset` when all are: nothing but the zeros that
  // the writer puts ahead.
  Result<std::uint64_t> end_of_bytes(std::uint64_t offset);

  struct Found {
    std::uint64_t offset;
    BlockHeader header;  // its block may reach beyond the file's end
  };
  // The first header that verifies at or after `offset`, wherever it stands.
  Result<std::optional<Found>> search(std::uint64_t offset);

 private:
  SegmentBytes(std::unique_ptr<File> file, std::string path, std::uint64_t size, std::size_t window)
      : file_(std::move(file)), path_(std::move(path)), size_(size), window_(window) {}

  std::unique_ptr<File> file_;
  std::string path_;
  std::uint64_t size_;
  std::size_t window_;
  std::uint64_t held_at_ = 0;
  std::string held_;
};

}  // namespace tidemark
