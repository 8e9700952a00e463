#include "state/row.h"

#include "base/bytes.h"

namespace tidemark {
namespace {

constexpr std::uint8_t kErased = 1;

void append_bytes(std::string& out, std::string_view bytes) {
  std::uint64_t size = bytes.size();
  for (; size >= 0x80; size >>= 7) out.push_back(static_cast<char>(size | 0x80));
  out.push_back(static_cast<char>(size));
  out.append(bytes);
}

}  // namespace

void append_row(std::string& out, const Row& row) {
  out.push_back(static_cast<char>(row.erased ? kErased : 0));
  append_bytes(out, row.key);
  if (!row.erased) append_bytes(out, row.payload);
}

bool take_row(Decoder& in, Row& row) {
  if (in.failed() || in.at_end()) return false;
  const std::uint8_t flags = in.u8();
  if (flags > kErased) {
    in.raw(in.remaining() + 1);  // more than there is: marks the input as failed
    return false;
  }
  row.erased = flags == kErased;
  row.key = in.bytes();
  row.payload = row.erased ? std::string_view() : in.bytes();
  return !in.failed();
}

}  // namespace tidemark
