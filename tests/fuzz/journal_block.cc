// A journal block from any bytes: as a header, as a payload, and as a segment that is searched and scanned.
#include <cstdint>
#include <string_view>

#include "journal/block.h"

using namespace tidemark;

namespace {

void walk(std::string_view raw, const BlockHeader& header) {
  SourceTable sources;
  BlockEntries entries(raw, header, sources);
  std::size_t bytes = 0;
  for (Entry entry; entries.next(entry);)
    bytes += entry.payload.size() + entry.topic.size() + entry.resume.size();
  if (bytes > raw.size()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  if (auto header = decode_block_header(input)) {
    const std::string_view stored = input.substr(BlockHeader::kSize);
    if (block_verifies(*header, stored))
      if (auto raw = unpack_block(*header, stored)) walk(*raw, *header);
  }
  if (size < 8) return 0;
  // As if the checksums held: what a block may hold that another program wrote.
  BlockHeader header;
  header.first = Position{1};
  header.count = bytes[0] + 1u;
  header.compressed = bytes[1] & 1;
  header.stored_bytes = static_cast<std::uint32_t>(size - 8);
  header.raw_bytes = header.compressed ? bytes[2] * 64u : header.stored_bytes;
  if (auto raw = unpack_block(header, input.substr(8))) walk(*raw, header);
  return 0;
}
