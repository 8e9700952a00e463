// A manifest from any bytes, and from any bytes under a checksum that holds: what decodes encodes to a
// manifest that decodes again.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/checksum.h"
#include "checkpoint/manifest.h"

using namespace tidemark;

namespace {

void decode(std::string_view bytes) {
  auto manifest = decode_manifest(bytes, "fuzz");
  if (!manifest) return;
  const std::string again = encode_manifest(*manifest);
  auto second = decode_manifest(again, "fuzz");
  if (!second || encode_manifest(*second) != again) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  decode(input);
  Encoder out;
  out.raw(input);
  out.u64(checksum(input));
  decode(out.view());
  return 0;
}
