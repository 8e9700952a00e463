// Which file this is: its inode and a hash of its first bytes, because inodes are used again.
// Values.   Format: FORMAT.md
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/result.h"
#include "platform/files.h"

namespace tidemark {

struct IdentityOfFile {
  static constexpr std::uint64_t kHead = 1024;  // the most that is hashed

  std::uint64_t inode = 0;
  std::uint64_t head_size = 0;
  std::uint64_t head_hash = 0;
  bool operator==(const IdentityOfFile&) const = default;

  // Judged by the first `head_size` bytes; fewer when the file is shorter. Blocks.
  static Result<IdentityOfFile> of(File& file, std::uint64_t head_size) {
    Result<FileStatus> status = file.status();
    if (!status) return pass_on(status);
    Result<std::string> head = file.read_at(0, head_size);
    if (!head) return pass_on(head);
    return IdentityOfFile{status->identity.inode, head->size(), checksum(*head)};
  }
  static IdentityOfFile decode(Decoder& in) {
    IdentityOfFile identity;
    identity.inode = in.u64();
    identity.head_size = in.varint();
    identity.head_hash = in.u64();
    return identity;
  }
  void encode(Encoder& out) const {
    out.u64(inode);
    out.varint(head_size);
    out.u64(head_hash);
  }
};

}  // namespace tidemark
