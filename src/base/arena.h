// Arena hands out bytes that all die together: the texts made while one record is evaluated.
//
// Owned by one stage of the loop and cleared between records; clear() keeps the memory for the next one up to
// a bound, so a single large record does not stay paid for.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace tidemark {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // size bytes, valid until clear(). Not aligned.
  char* allocate(std::size_t size);
  std::string_view copy(std::string_view text) {
    char* to = allocate(text.size());
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }
  void clear();
  // Bytes handed out since then.
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kBlock = 16 << 10;
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  std::vector<Block> blocks_;
  std::size_t used_ = 0;  // in the last block
  std::size_t size_ = 0;
};

}  // namespace tidemark
