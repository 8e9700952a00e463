#include "base/key_encoding.h"

#include <cmath>
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

void append_big_endian(std::string& out, std::uint64_t v) {
  char b[8];
  for (unsigned i = 0; i < 8; ++i) b[i] = static_cast<char>(v >> (56 - 8 * i));
  out.append(b, sizeof b);
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

void append_text(std::string& out, std::string_view text) {
  out += kText;
  for (std::size_t zero; (zero = text.find('\0')) != std::string_view::npos; text.remove_prefix(zero + 1)) {
    out.append(text.substr(0, zero + 1));
    out += kZeroFollows;
  }
  out.append(text);
  out += '\0';
  out += kTextEnds;
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

void append_key(std::string& out, const Value& value) {
  switch (value.type()) {
    case Value::Type::null:
      out += kNull;
      return;
    case Value::Type::boolean:
      out += value.as_boolean() ? kTrue : kFalse;
      return;
    case Value::Type::integer:
      out += kInteger;
      append_big_endian(out, ordered_bits(value.as_integer()));
      return;
    case Value::Type::real:
      out += kReal;
      append_big_endian(out, ordered_bits(value.as_real()));
      return;
    case Value::Type::text:
      append_text(out, value.as_text());
      return;
  }
}

void append_key_time(std::string& out, std::int64_t ns) {
  append_big_endian(out, ordered_bits(ns));
}

Result<std::int64_t> take_key_time(std::string_view& key) {
  Result<std::uint64_t> bits = take_eight(key);
  if (!bits) return pass_on(bits);
  return static_cast<std::int64_t>(*bits ^ kSignBit);
}

Result<std::vector<Value>> decode_key(std::string_view key, std::vector<std::string>& scratch) {
  std::vector<Value> values;
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
  return values;
}

}  // namespace tidemark
