// Encoder and Decoder write and read the primitive parts of every format on disk: little-endian integers,
// LEB128 varints, length-prefixed bytes. No struct is ever dumped.
//
// Decoder never reads outside its input: a read past the end sets failed() and yields zero or nothing, and so
// does every read after it; the caller checks once at the end.
// Lifetime: views returned by Decoder point into its input.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace tidemark {

class Encoder {
 public:
  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void u16(std::uint16_t v) { fixed(v, 2); }
  void u32(std::uint32_t v) { fixed(v, 4); }
  void u64(std::uint64_t v) { fixed(v, 8); }
  void i64(std::int64_t v) { fixed(static_cast<std::uint64_t>(v), 8); }
  void f64(double v) {
    std::uint64_t bits;
    std::memcpy(&bits, &v, sizeof bits);
    fixed(bits, 8);
  }
  void boolean(bool v) { u8(v ? 1 : 0); }
  void varint(std::uint64_t v) {
    while (v >= 0x80) {
      u8(static_cast<std::uint8_t>(v | 0x80));
      v >>= 7;
    }
    u8(static_cast<std::uint8_t>(v));
  }
  // Zigzag: small magnitudes of either sign are short.
  void svarint(std::int64_t v) {
    varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63));
  }
  void bytes(std::string_view v) {
    varint(v.size());
    out_.append(v);
  }
  void raw(std::string_view v) { out_.append(v); }

  std::size_t size() const { return out_.size(); }
  std::string_view view() const { return out_; }
  std::string take() { return std::move(out_); }
  void clear() { out_.clear(); }

  // Overwrites four bytes written earlier, for lengths and checksums known only afterwards.
  void patch_u32(std::size_t at, std::uint32_t v) {
    for (std::size_t i = 0; i < 4; ++i) out_[at + i] = static_cast<char>(v >> (8 * i));
  }

 private:
  void fixed(std::uint64_t v, unsigned n) {
    char b[8];
    for (unsigned i = 0; i < n; ++i) b[i] = static_cast<char>(v >> (8 * i));
    out_.append(b, n);
  }
  std::string out_;
};

class Decoder {
 public:
  explicit Decoder(std::string_view in) : in_(in) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(fixed(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(fixed(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(fixed(4)); }
  std::uint64_t u64() { return fixed(8); }
  std::int64_t i64() { return static_cast<std::int64_t>(fixed(8)); }
  double f64() {
    const std::uint64_t bits = fixed(8);
    double v;
    std::memcpy(&v, &bits, sizeof v);
    return v;
  }
  bool boolean() { return u8() != 0; }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t b = u8();
      if (shift == 63 && b > 1) break;  // more than 64 bits
      v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if (!(b & 0x80)) return failed_ ? 0 : v;
    }
    failed_ = true;
    return 0;
  }
  std::int64_t svarint() {
    const std::uint64_t v = varint();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }
  std::string_view bytes() {
    const std::uint64_t n = varint();
    return raw(n);
  }
  std::string_view raw(std::uint64_t n) {
    if (failed_ || n > in_.size() - at_) {
      failed_ = true;
      return {};
    }
    const std::string_view v = in_.substr(at_, n);
    at_ += n;
    return v;
  }

  bool failed() const { return failed_; }
  bool at_end() const { return at_ == in_.size(); }
  // True when everything was read and nothing went wrong: the usual last check.
  bool complete() const { return !failed_ && at_end(); }
  std::size_t offset() const { return at_; }
  std::size_t remaining() const { return in_.size() - at_; }

 private:
  std::uint64_t fixed(unsigned n) {
    const std::string_view b = raw(n);
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < b.size(); ++i)
      v |= static_cast<std::uint64_t>(static_cast<unsigned char>(b[i])) << (8 * i);
    return v;
  }
  std::string_view in_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace tidemark
