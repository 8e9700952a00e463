#include "decode/protobuf_wire.h"

namespace tidemark {

bool WireReader::next(WireField& field) {
  if (broken_ || at_ == message_.size()) return false;
  std::uint64_t key = 0;
  if (!varint(key) || key >> 3 == 0 || key >> 32 != 0) return stop();
  field = WireField();
  field.number = static_cast<std::uint32_t>(key >> 3);
  switch (key & 7) {
    case 0:
      return varint(field.value) || stop();
    case 1:
      return fixed(8, field.value) || stop();
    case 5:
      return fixed(4, field.value) || stop();
    case 2: {
      std::uint64_t size = 0;
      if (!varint(size) || message_.size() - at_ < size) return stop();
      field.is_bytes = true;
      field.bytes = message_.substr(at_, static_cast<std::size_t>(size));
      at_ += field.bytes.size();
      return true;
    }
    default:
      return stop();  // groups, which nobody writes any more
  }
}

bool WireReader::varint(std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ == message_.size()) return false;
    const auto byte = static_cast<unsigned char>(message_[at_++]);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return shift < 63 || byte <= 1;
  }
  return false;
}

bool WireReader::fixed(unsigned size, std::uint64_t& value) {
  if (message_.size() - at_ < size) return false;
  value = 0;
  for (unsigned i = 0; i < size; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(message_[at_++])) << (8 * i);
  return true;
}

}  // namespace tidemark
