#include "sinks/file_cursor.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/disk_format.h"
#include "base/format.h"

namespace tidemark {
namespace {

constexpr FormatTag kTag{
    .magic = {'T', 'M', 'F', 'C'}, .version = 2, .needs_major = 0, .needs_minor = 1, .extra = 0};
constexpr std::uint64_t kLargestCursor = 64u << 20;

}  // namespace

std::string encode(const FileCursor& cursor) {
  Encoder out;
  put_tag(out, kTag);
  out.u64(cursor.generation);
  out.u64(cursor.identity.device);
  out.u64(cursor.identity.inode);
  out.u64(cursor.offset);
  out.u32(cursor.head_length);
  out.u64(cursor.head);
  out.i64(cursor.begun_ns);
  out.u64(cursor.rotated);
  out.varint(cursor.kept.size());
  for (const std::uint64_t number : cursor.kept) out.varint(number);
  out.boolean(cursor.moving);
  out.varint(cursor.holdings.size());
  for (const auto& [channel, mark] : cursor.holdings) {
    out.bytes(to_text(channel));
    out.u64(mark.number.value);
    out.u64(mark.chain);
  }
  out.u64(checksum(out.view()));
  return out.take();
}

Result<FileCursor> decode_file_cursor(std::string_view bytes, std::string_view where) {
  const auto damaged = [&](std::string_view what) {
    return fail(
        format(
            "read {}: {}; without it rows may stand twice: put back a copy, or remove it to go on at the end "
            "of the file",
            where, what),
        Error::Kind::corrupt);
  };
  Decoder in(bytes);
  const FormatTag tag = take_tag(in);
  Status known = check_tag(tag, kTag, where);
  if (!known && known.error().kind == Error::Kind::corrupt) return damaged("it is no cursor");
  if (!known) return pass_on(known);
  if (bytes.size() < FormatTag::kSize + 8) return damaged("it is cut short");
  const std::string_view covered = bytes.substr(0, bytes.size() - 8);
  if (Decoder(bytes.substr(covered.size())).u64() != checksum(covered))
    return damaged("its checksum is wrong");
  FileCursor cursor;
  cursor.generation = in.u64();
  cursor.identity.device = in.u64();
  cursor.identity.inode = in.u64();
  cursor.offset = in.u64();
  if (tag.version >= 2) {
    cursor.head_length = in.u32();
    cursor.head = in.u64();
    cursor.begun_ns = in.i64();
    cursor.rotated = in.u64();
    for (std::uint64_t left = in.varint(); left > 0 && !in.failed(); --left)
      cursor.kept.push_back(in.varint());
    cursor.moving = in.boolean();
  }
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
    Result<ChannelId> channel = parse_channel(in.bytes());
    if (!channel) return damaged(channel.error().message);
    ChannelMark mark;
    mark.number.value = in.u64();
    mark.chain = in.u64();
    cursor.holdings.emplace(std::move(*channel), mark);
  }
  in.u64();
  if (!in.complete()) return damaged("its length is wrong");
  return cursor;
}

Result<std::optional<FileCursor>> load_file_cursor(Files& files, const std::string& path) {
  Result<std::string> bytes = read_file(files, path, kLargestCursor);
  if (!bytes) {
    if (bytes.error().kind == Error::Kind::not_found) return std::optional<FileCursor>();
    return pass_on(bytes);
  }
  Result<FileCursor> cursor = decode_file_cursor(*bytes, path);
  if (!cursor) return pass_on(cursor);
  return std::optional<FileCursor>(std::move(*cursor));
}

Status store_file_cursor(Files& files, const std::string& path, const FileCursor& cursor, bool durably) {
  if (durably) return write_file_atomically(files, path, encode(cursor));
  const std::string temporary = path + ".tmp";
  auto file = files.open(temporary, Files::Open::create);
  if (!file) return pass_on(file);
  if (Status emptied = (*file)->truncate(0); !emptied) return emptied;
  if (Status written = (*file)->write_at(0, encode(cursor)); !written) return written;
  return files.rename(temporary, path);
}

}  // namespace tidemark
