#include "journal/segments.h"

#include <algorithm>
#include <charconv>

#include "base/format.h"

namespace tidemark {

std::string segment_name(std::uint64_t number) {
  return format("{:010}", number);
}

std::string segment_path(const std::string& folder, std::uint64_t number) {
  return join_path(folder, segment_name(number));
}

Result<std::vector<std::uint64_t>> list_segments(Files& files, const std::string& folder) {
  std::vector<std::uint64_t> numbers;
  Result<std::vector<std::string>> names = files.list(folder);
  if (!names) {
    if (names.error().kind == Error::Kind::not_found) return numbers;
    return pass_on(names);
  }
  for (const std::string& name : *names) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && end == name.data() + name.size() && name == segment_name(number))
      numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Result<SegmentBytes> SegmentBytes::open(Files& files, const std::string& path, std::size_t window) {
  Result<std::unique_ptr<File>> file = files.open(path, Files::Open::read);
  if (!file) return pass_on(file);
  Result<FileStatus> status = (*file)->status();
  if (!status) return pass_on(status);
  return SegmentBytes(std::move(*file), path, status->size, window);
}

Result<std::string_view> SegmentBytes::at(std::uint64_t offset, std::size_t size) {
  const std::uint64_t end = std::min(size_, offset + size);
  if (offset >= end) return std::string_view();
  if (offset < held_at_ || end > held_at_ + held_.size()) {
    Result<std::string> read =
        file_->read_at(offset, std::max(static_cast<std::size_t>(end - offset), window_));
    if (!read) return pass_on(read);
    held_ = std::move(*read);
    held_at_ = offset;
  }
  return std::string_view(held_).substr(offset - held_at_, end - offset);
}

Result<std::optional<BlockHeader>> SegmentBytes::whole_block(std::uint64_t offset) {
  Result<std::string_view> bytes = at(offset, BlockHeader::kSize);
  if (!bytes) return pass_on(bytes);
  Result<BlockHeader> header = decode_block_header(*bytes);
  if (!header) {
    if (header.error().kind == Error::Kind::corrupt) return std::nullopt;
    return pass_on(header, path_);
  }
  if (header->block_bytes() > size_ - offset) return std::nullopt;
  return *header;
}

Result<std::string_view> SegmentBytes::stored(std::uint64_t offset, const BlockHeader& header) {
  return at(offset + BlockHeader::kSize, header.stored_bytes);
}

Result<std::uint64_t> SegmentBytes::end_of_bytes(std::uint64_t offset) {
  for (std::uint64_t end = size_; end > offset;) {
    const std::uint64_t begin = end - std::min<std::uint64_t>(end - offset, window_);
    Result<std::string_view> bytes = at(begin, static_cast<std::size_t>(end - begin));
    if (!bytes) return pass_on(bytes);
    const std::size_t last = bytes->find_last_not_of('\0');
    if (last != std::string_view::npos) return begin + last + 1;
    end = begin;
  }
  return offset;
}

Result<std::optional<SegmentBytes::Found>> SegmentBytes::search(std::uint64_t offset) {
  // Usually one block follows another, and the piece at hand is enough.
  Result<std::string_view> here = at(offset, BlockHeader::kSize);
  if (!here) return pass_on(here);
  if (Result<BlockHeader> header = decode_block_header(*here)) return Found{offset, *header};

  const std::size_t step = std::max<std::size_t>(window_, 2 * BlockHeader::kSize);
  while (offset + BlockHeader::kSize <= size_) {
    Result<std::string_view> bytes = at(offset, step);
    if (!bytes) return pass_on(bytes);
    for (std::size_t found = bytes->find(BlockHeader::kMagic); found != std::string_view::npos;
         found = bytes->find(BlockHeader::kMagic, found + 1)) {
      if (bytes->size() - found < BlockHeader::kSize) break;
      Result<BlockHeader> header = decode_block_header(bytes->substr(found));
      if (header) return Found{offset + found, *header};
      if (header.error().kind != Error::Kind::corrupt) return pass_on(header, path_);
    }
    if (bytes->size() < step) break;
    offset += step - (BlockHeader::kSize - 1);  // a header that begins in the last bytes of this piece
  }
  return std::nullopt;
}

}  // namespace tidemark
