#include "base/key_encoding.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace tidemark {
namespace {

constexpr char kNull = 0x01;
constexpr char kFalse = 0x02;
constexpr char kTrue = 0x03;
constexpr char kInteger = 0x04;
constexpr char kReal = 0x05;
constexpr char kText = 0x06;

constexpr char kZeroFollows = '\xff';  // after 0x00: the text holds a 0x00 here
constexpr char kTextEnds = 0x01;       // after 0x00: the text ends before it

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;

char* write_big_endian(char* to, std::uint64_t v) {
  for (unsigned i = 0; i < 8; ++i) to[i] = static_cast<char>(v >> (56 - 8 * i));
  return to + 8;
}

std::uint64_t big_endian(std::string_view b) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < 8; ++i) v = v << 8 | static_cast<unsigned char>(b[i]);
  return v;
}

std::uint64_t ordered_bits(std::int64_t i) {
  return static_cast<std::uint64_t>(i) ^ kSignBit;
}

std::uint64_t ordered_bits(double d) {
  if (std::isnan(d)) d = std::numeric_limits<double>::quiet_NaN();
  if (d == 0) d = 0.0;  // -0.0 too
  std::uint64_t bits;
  std::memcpy(&bits, &d, sizeof bits);
  return bits & kSignBit ? ~bits : bits ^ kSignBit;
}

double real_from_ordered(std::uint64_t ordered) {
  const std::uint64_t bits = ordered & kSignBit ? ordered ^ kSignBit : ~ordered;
  double d;
  std::memcpy(&d, &bits, sizeof d);
  return d;
}

std::uint64_t eight_bytes(const char* at) {
  std::uint64_t v;
  std::memcpy(&v, at, sizeof v);
  return v;
}

bool has_zero_byte(std::uint64_t v) {
  return ((v - 0x0101010101010101) & ~v & 0x8080808080808080) != 0;
}

// Eight bytes at a time as far as there is no zero byte among them, which is nearly always all of it.
char* write_text(char* to, std::string_view text) {
  *to++ = kText;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (; end - at >= 8 && !has_zero_byte(eight_bytes(at)); at += 8, to += 8) std::memcpy(to, at, 8);
  for (; at != end; ++at) {
    *to++ = *at;
    if (*at == '\0') *to++ = kZeroFollows;
  }
  *to++ = '\0';
  *to++ = kTextEnds;
  return to;
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail("decode key: " + std::string(what), Error::Kind::corrupt);
}

Result<std::uint64_t> take_eight(std::string_view& key) {
  if (key.size() < 8) return damaged("it ends within a number");
  const std::uint64_t v = big_endian(key);
  key.remove_prefix(8);
  return v;
}

// key begins after the type byte and is moved behind the text's end.
Result<std::string_view> take_text(std::string_view& key, std::vector<std::string>& scratch) {
  std::string* with_zeros = nullptr;
  for (;;) {
    const std::size_t zero = key.find('\0');
    if (zero == std::string_view::npos || zero + 1 == key.size()) return damaged("it ends within a text");
    const char mark = key[zero + 1];
    if (mark != kTextEnds && mark != kZeroFollows) return damaged("a text holds a stray zero byte");
    const bool ends = mark == kTextEnds;
    const std::string_view part = key.substr(0, ends ? zero : zero + 1);
    key.remove_prefix(zero + 2);
    if (ends && with_zeros == nullptr) return part;
    if (with_zeros == nullptr) {
      with_zeros = &scratch.emplace_back();
      // Too large to be kept inside the string object: the text stays where it is when scratch grows.
      with_zeros->reserve(64);
    }
    with_zeros->append(part);
    if (ends) return std::string_view(*with_zeros);
  }
}

}  // namespace

std::size_t key_room(const Value& value) {
  return value.is_text() ? 3 + 2 * value.as_text().size() : 9;
}

char* write_key(char* to, const Value& value) {
  switch (value.type()) {
    case Value::Type::null:
      *to++ = kNull;
      break;
    case Value::Type::boolean:
      *to++ = value.as_boolean() ? kTrue : kFalse;
      break;
    case Value::Type::integer:
      *to++ = kInteger;
      return write_big_endian(to, ordered_bits(value.as_integer()));
    case Value::Type::real:
      *to++ = kReal;
      return write_big_endian(to, ordered_bits(value.as_real()));
    case Value::Type::text:
      return write_text(to, value.as_text());
  }
  return to;
}

char* write_key_time(char* to, std::int64_t ns) {
  return write_big_endian(to, ordered_bits(ns));
}

void append_key(std::string& out, const Value& value) {
  const std::size_t before = out.size();
  out.resize_and_overwrite(before + key_room(value), [&](char* bytes, std::size_t) {
    return static_cast<std::size_t>(write_key(bytes + before, value) - bytes);
  });
}

void append_key_time(std::string& out, std::int64_t ns) {
  char bytes[8];
  out.append(bytes, write_key_time(bytes, ns));
}

Result<std::int64_t> take_key_time(std::string_view& key) {
  Result<std::uint64_t> bits = take_eight(key);
  if (!bits) return pass_on(bits);
  return static_cast<std::int64_t>(*bits ^ kSignBit);
}

Result<std::vector<Value>> decode_key(std::string_view key, std::vector<std::string>& scratch) {
  std::vector<Value> values;
  const Status decoded = decode_key(key, values, scratch);
  if (!decoded) return std::unexpected(decoded.error());
  return values;
}

Status decode_key(std::string_view key, std::vector<Value>& values, std::vector<std::string>& scratch) {
  values.clear();
  while (!key.empty()) {
    const char type = key.front();
    key.remove_prefix(1);
    if (type == kNull) {
      values.push_back(Value::null());
    } else if (type == kFalse || type == kTrue) {
      values.push_back(Value::boolean(type == kTrue));
    } else if (type == kInteger) {
      Result<std::int64_t> integer = take_key_time(key);
      if (!integer) return pass_on(integer);
      values.push_back(Value::integer(*integer));
    } else if (type == kReal) {
      Result<std::uint64_t> bits = take_eight(key);
      if (!bits) return pass_on(bits);
      values.push_back(Value::real(real_from_ordered(*bits)));
    } else if (type == kText) {
      Result<std::string_view> text = take_text(key, scratch);
      if (!text) return pass_on(text);
      values.push_back(Value::text(*text));
    } else {
      return damaged("a value has an unknown type byte");
    }
  }
  return {};
}

}  // namespace tidemark
