// ItemBytes is what the readers of binary items have in common: a place in the payload, big-endian numbers
// from it on, and why it went no further.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "decode/decoder.h"

namespace tidemark {

class ItemBytes {
 public:
  ItemBytes(std::string_view payload, std::size_t at) : payload_(payload), at_(at) {}

  std::size_t at() const { return at_; }
  const DecodeError& error() const { return error_; }

 protected:
  bool refuse(std::string_view what, std::size_t offset) {
    error_ = {std::string(what), offset};
    return false;
  }
  bool ends_early() { return refuse("the payload ends in the middle of a record", payload_.size()); }

  bool take_byte(unsigned& byte) {
    if (at_ == payload_.size()) return ends_early();
    byte = static_cast<unsigned char>(payload_[at_++]);
    return true;
  }
  bool take_number(unsigned size, std::uint64_t& number) {
    if (payload_.size() - at_ < size) return ends_early();
    number = 0;
    for (unsigned i = 0; i < size; ++i) number = number << 8 | static_cast<unsigned char>(payload_[at_++]);
    return true;
  }
  bool take_bytes(std::uint64_t size, std::string_view& bytes) {
    if (payload_.size() - at_ < size) return ends_early();
    bytes = payload_.substr(at_, static_cast<std::size_t>(size));
    at_ += bytes.size();
    return true;
  }
  static double float_of(std::uint64_t bits) {
    return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  static double double_of(std::uint64_t bits) { return std::bit_cast<double>(bits); }

  std::string_view payload_;
  std::size_t at_;
  std::string passing_;  // bytes of an item that do not stand in the payload

 private:
  DecodeError error_;
};

}  // namespace tidemark
