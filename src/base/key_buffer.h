// KeyBuffer: the key at hand, made again for every record without asking for memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/key_encoding.h"

namespace tidemark {

class KeyBuffer {
 public:
  // Keeps the first `size` bytes.
  void cut(std::size_t size) { size_ = size; }
  void append(const Value& value) { end(write_key(room(key_room(value)), value)); }
  void append_time(std::int64_t ns) { end(write_key_time(room(8), ns)); }
  // Over its first bytes, a time that was appended.
  void replace_time(std::int64_t ns) { write_key_time(bytes_.get(), ns); }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  char* room(std::size_t more) {
    if (capacity_ - size_ < more) grow(more);
    return bytes_.get() + size_;
  }
  void end(const char* at) { size_ = static_cast<std::size_t>(at - bytes_.get()); }
  void grow(std::size_t more) {
    capacity_ = std::max<std::size_t>(64, 2 * (size_ + more));
    auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
    if (size_ != 0) std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace tidemark
