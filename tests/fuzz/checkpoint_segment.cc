// A segment from any bytes, fed in pieces of any size, with and without checksums that hold.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/checksum.h"
#include "checkpoint/segment.h"

using namespace tidemark;

namespace {

void read(std::string_view bytes, std::size_t piece) {
  SegmentReference reference;
  reference.name = "7-2-1";
  reference.owner = "state/p";
  reference.bytes = bytes.size();
  SegmentDecoder decoder(reference, Lineage{}, [](std::string_view) { return Status(); });
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (!decoder.feed(bytes.substr(at, piece))) return;
  static_cast<void>(decoder.finish());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = std::max<std::size_t>(1, bytes[0]);
  const std::string_view input(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  read(input, piece);

  // A header that holds, and a block whose fields are the input's and whose checksum holds.
  Encoder out;
  out.raw(encode_segment_header(Lineage{}, "7-2-1", "state/p"));
  const std::size_t start = out.size();
  if (input.size() < 5) return 0;
  out.u32(static_cast<std::uint32_t>(input.size() - 5));
  out.raw(input.substr(0, 4));  // raw bytes
  out.u32(1);
  out.u8(input[4] & 3);  // compression
  out.raw(input.substr(5));
  out.u64(checksum(out.view().substr(start)));
  read(out.view(), piece);
  return 0;
}
