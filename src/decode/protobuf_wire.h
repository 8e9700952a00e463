// The wire format of Protocol Buffers: a message as its fields, one after another, whatever they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tidemark {

struct WireField {
  std::uint32_t number = 0;
  bool is_bytes = false;    // `bytes`, else `value`
  std::uint64_t value = 0;  // a varint, or the bits of a fixed one
  std::string_view bytes;   // a text, bytes or a message
};

class WireReader {
 public:
  explicit WireReader(std::string_view message) : message_(message) {}

  // False at the end of the message, and where it is broken.
  bool next(WireField& field);
  bool broken() const { return broken_; }
  std::size_t at() const { return at_; }  // of the field that next() will read, or where it is broken

 private:
  bool varint(std::uint64_t& value);
  bool fixed(unsigned size, std::uint64_t& value);
  bool stop() {
    broken_ = true;
    return false;
  }

  std::string_view message_;
  std::size_t at_ = 0;
  bool broken_ = false;
};

}  // namespace tidemark
