#include "base/compression.h"

#include <lz4.h>

#include "base/invariant.h"

namespace tidemark {

std::string lz4_compress(std::string_view raw) {
  invariant(raw.size() <= (std::size_t{1} << 30), "LZ4 blocks are at most 1 GiB");
  std::string out;
  const auto bound = static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(raw.size())));
  out.resize_and_overwrite(bound, [raw](char* to, std::size_t room) {
    const int n = LZ4_compress_default(raw.data(), to, static_cast<int>(raw.size()), static_cast<int>(room));
    invariant(n > 0, "LZ4 compresses into a buffer of its own bound");
    return static_cast<std::size_t>(n);
  });
  return out;
}

Result<std::string> lz4_decompress(std::string_view compressed, std::size_t raw_size) {
  if (raw_size > (std::size_t{1} << 30) || compressed.size() > (std::size_t{1} << 30))
    return fail("LZ4 block larger than 1 GiB", Error::Kind::corrupt);
  // No input byte stands for more than 255 bytes, so a damaged length costs no memory.
  if (raw_size / 255 > compressed.size() + 1)
    return fail("LZ4 block is too short for its stated length", Error::Kind::corrupt);
  std::string out(raw_size, '\0');
  const int n = LZ4_decompress_safe(compressed.data(), out.data(), static_cast<int>(compressed.size()),
                                    static_cast<int>(raw_size));
  if (n < 0 || static_cast<std::size_t>(n) != raw_size)
    return fail("LZ4 block does not decompress to its stated length", Error::Kind::corrupt);
  return out;
}

}  // namespace tidemark
