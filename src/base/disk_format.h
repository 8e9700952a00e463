// FormatTag: the first eight bytes of everything that Tidemark keeps on disk, alike in all formats and
// versions.
//
//   magic       4 bytes of text, says what it is
//   version     u8, counts from 1; raised when an older program could no longer read it
//   needs       u8 major, u8 minor: the oldest Tidemark that reads this version
//   extra       u8, the format's own
//
// So a program can say of a file from its future which version is needed, without knowing the format.
// Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace tidemark {

struct FormatTag {
  static constexpr std::size_t kSize = 8;
  std::array<char, 4> magic{};
  std::uint8_t version = 0;
  std::uint8_t needs_major = 0;
  std::uint8_t needs_minor = 0;
  std::uint8_t extra = 0;
};

void put_tag(Encoder& out, const FormatTag& tag);
// Fails `in` when fewer than eight bytes are left.
FormatTag take_tag(Decoder& in);

// Whether this program reads what `found` announces. Error::corrupt: it is something else; Error::failed: it
// is of a newer version, and the message names the Tidemark that reads it. `where` names the file.
Status check_tag(const FormatTag& found, const FormatTag& own, std::string_view where);

}  // namespace tidemark
