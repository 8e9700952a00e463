// Cryptographic hashes of bytes; the door to OpenSSL's libcrypto, whose configuration can forbid a hash but
// not change it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tidemark {

enum class Digest : std::uint8_t { md5, sha1, sha256, sha384, sha512 };

// At most 64 bytes, of which `size` are the hash.
struct DigestBytes {
  std::array<char, 64> bytes;
  std::size_t size;
  std::string_view view() const { return {bytes.data(), size}; }
};

// Nothing where the machine's policy (such as FIPS) does not allow that hash.
std::optional<DigestBytes> digest(Digest which, std::string_view bytes);

}  // namespace tidemark
