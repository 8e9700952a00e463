#include "base/digest.h"

#include <openssl/evp.h>

#include "base/invariant.h"

namespace tidemark {
namespace {

const char* name_of(Digest which) {
  switch (which) {
    case Digest::md5:
      return "MD5";
    case Digest::sha1:
      return "SHA1";
    case Digest::sha256:
      return "SHA256";
    case Digest::sha384:
      return "SHA384";
    case Digest::sha512:
      return "SHA512";
  }
  invariant_broken("there are five digests", std::source_location::current());
}

}  // namespace

std::optional<DigestBytes> digest(Digest which, std::string_view bytes) {
  DigestBytes out{};
  unsigned char hash[EVP_MAX_MD_SIZE];
  static_assert(sizeof hash <= sizeof out.bytes);
  if (EVP_Q_digest(nullptr, name_of(which), nullptr, bytes.data(), bytes.size(), hash, &out.size) != 1)
    return std::nullopt;
  for (std::size_t i = 0; i < out.size; ++i) out.bytes[i] = static_cast<char>(hash[i]);
  return out;
}

}  // namespace tidemark
