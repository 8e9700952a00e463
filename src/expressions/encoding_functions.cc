// Functions that write texts and numbers in other forms and read them back, and hashes.
//
// Texts are bytes here: what is read back may be no UTF-8.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/checksum.h"
#include "base/digest.h"
#include "base/hex.h"
#include "expressions/characters.h"
#include "expressions/functions_list.h"
#include "expressions/text_builder.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;
using Nulls = Function::Nulls;

// --- characters and their numbers

constexpr std::int64_t kReplacement = 0xFFFD;  // what stands for bytes that are no character

bool is_code_point(std::int64_t n) {
  return n >= 0 && n <= 0x10FFFF && (n < 0xD800 || n > 0xDFFF);
}

void add_character(std::int64_t code_point, TextBuilder& to) {
  const auto tail = [&](int shift) { to.add(static_cast<char>(0x80 | (code_point >> shift & 0x3F))); };
  if (code_point < 0x80) {
    to.add(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    to.add(static_cast<char>(0xC0 | code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    to.add(static_cast<char>(0xE0 | code_point >> 12));
    tail(6);
    tail(0);
  } else {
    to.add(static_cast<char>(0xF0 | code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

Fault chr(const Arguments& arguments, Value& out) {
  TextBuilder text(arguments.arena);
  for (const Value& v : arguments.values) {
    if (!is_code_point(v.as_integer())) return Kind::out_of_range;
    add_character(v.as_integer(), text);
  }
  return text.give(out);
}

std::int64_t code_point_of(std::string_view character) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (byte(0) < 0x80) return byte(0);
  const std::size_t size = byte(0) < 0xC2 ? 0 : byte(0) < 0xE0 ? 2 : byte(0) < 0xF0 ? 3 : 4;
  if (character.size() != size) return kReplacement;
  std::int64_t n = byte(0) & (0x7F >> size);
  for (std::size_t i = 1; i < size; ++i) n = n << 6 | (byte(i) & 0x3F);
  constexpr std::int64_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};  // of that many bytes
  return is_code_point(n) && n >= kLeast[size] ? n : kReplacement;
}

Fault unicode(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text();
  out = text.empty() ? Value::null() : Value::integer(code_point_of(text.substr(0, character_size(text, 0))));
  return {};
}

// --- bytes as digits

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

// 0 to 35 for 0-9 and letters of either case; else -1.
int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = small_letter(c);
  return c >= 'a' && c <= 'z' ? c - 'a' + 10 : -1;
}

int hex_digit_of(char c) {
  const int digit = digit_of(c);
  return digit < 16 ? digit : -1;
}

Fault hex(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text();
  TextBuilder digits(arguments.arena, 2 * text.size());
  for (const char c : text) {
    digits.add(kHexDigits[static_cast<unsigned char>(c) >> 4]);
    digits.add(kHexDigits[static_cast<unsigned char>(c) & 15]);
  }
  return digits.give(out);
}

Fault unhex(const Arguments& arguments, Value& out) {
  const std::string_view digits = arguments[0].as_text();
  if (digits.size() % 2 != 0) return Kind::malformed;
  TextBuilder bytes(arguments.arena, digits.size() / 2);
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int high = hex_digit_of(digits[i]), low = hex_digit_of(digits[i + 1]);
    if (high < 0 || low < 0) return Kind::malformed;
    bytes.add(static_cast<char>(high * 16 + low));
  }
  return bytes.give(out);
}

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

Fault to_base64(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text();
  TextBuilder encoded(arguments.arena, (text.size() + 2) / 3 * 4);
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  for (std::size_t i = 0; i < text.size(); i += 3) {
    const unsigned bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    const std::size_t there = std::min<std::size_t>(text.size() - i, 3);
    for (std::size_t k = 0; k < 4; ++k) encoded.add(k <= there ? kBase64[bits >> (18 - 6 * k) & 63] : '=');
  }
  return encoded.give(out);
}

// With or without the = at its end. What its last bits are beyond the last byte does not matter.
Fault from_base64(const Arguments& arguments, Value& out) {
  std::string_view text = arguments[0].as_text();
  for (int i = 0; i < 2 && text.ends_with('=') && arguments[0].as_text().size() % 4 == 0; ++i)
    text.remove_suffix(1);
  if (text.size() % 4 == 1) return Kind::malformed;
  TextBuilder bytes(arguments.arena, text.size() / 4 * 3 + 2);
  unsigned bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::size_t value = kBase64.find(c);
    if (value == std::string_view::npos) return Kind::malformed;
    bits = bits << 6 | static_cast<unsigned>(value);
    if ((held += 6) < 8) continue;
    held -= 8;
    bytes.add(static_cast<char>(bits >> held & 255));
  }
  return bytes.give(out);
}

// RFC 3986: all but letters, digits and - . _ ~ as %XX.
Fault url_encode(const Arguments& arguments, Value& out) {
  TextBuilder encoded(arguments.arena);
  for (const char c : arguments[0].as_text()) {
    if (digit_of(c) >= 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded.add(c);
      continue;
    }
    encoded.add('%');
    encoded.add(kHexDigits[static_cast<unsigned char>(c) >> 4]);
    encoded.add(kHexDigits[static_cast<unsigned char>(c) & 15]);
  }
  return encoded.give(out);
}

Fault url_decode(const Arguments& arguments, Value& out) {
  const std::string_view text = arguments[0].as_text();
  TextBuilder decoded(arguments.arena, text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.add(text[i]);
      continue;
    }
    if (text.size() - i < 3) return Kind::malformed;
    const int high = hex_digit_of(text[i + 1]), low = hex_digit_of(text[i + 2]);
    if (high < 0 || low < 0) return Kind::malformed;
    decoded.add(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded.give(out);
}

Fault to_base(const Arguments& arguments, Value& out) {
  const std::int64_t base = arguments[1].as_integer();
  if (base < 2 || base > 36) return Kind::out_of_range;
  char digits[66];  // a sign and 64 binary digits
  const char* const end =
      std::to_chars(digits, digits + sizeof digits, arguments[0].as_integer(), static_cast<int>(base)).ptr;
  out = Value::text(arguments.arena.copy({digits, static_cast<std::size_t>(end - digits)}));
  return {};
}

Fault from_base(const Arguments& arguments, Value& out) {
  const std::int64_t base = arguments[1].as_integer();
  if (base < 2 || base > 36) return Kind::out_of_range;
  std::string_view digits = arguments[0].as_text();
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (base == 16 && (digits.starts_with("0x") || digits.starts_with("0X"))) digits.remove_prefix(2);
  if (digits.empty()) return Kind::malformed;
  std::int64_t n = 0;
  bool fits = true;
  for (const char c : digits) {
    const int digit = digit_of(c);
    if (digit < 0 || digit >= base) return Kind::malformed;
    // Built up as a negative number, of which there is one more.
    fits = fits && !__builtin_mul_overflow(n, base, &n) && !__builtin_sub_overflow(n, digit, &n);
  }
  if (!fits) return Kind::integer_overflow;
  return negative ? (out = Value::integer(n), Fault{}) : negate(Value::integer(n), out);
}

// --- hashes

// The polynomial of zip, Ethernet and MQTT-SN, a byte at a time.
constexpr std::array<std::uint32_t, 256> kCrc = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
    table[i] = crc;
  }
  return table;
}();

Fault crc32(const Arguments& arguments, Value& out) {
  std::uint32_t crc = ~0u;
  for (const char c : arguments[0].as_text())
    crc = crc >> 8 ^ kCrc[(crc ^ static_cast<unsigned char>(c)) & 255];
  out = Value::integer(~crc);
  return {};
}

// Not negative, so that hash(x) % n is a number of a part.
Fault hash(const Arguments& arguments, Value& out) {
  const std::uint64_t h = checksum(as_text(arguments[0], arguments.arena).as_text());
  out = Value::integer(static_cast<std::int64_t>(h >> 1));
  return {};
}

// A hash that this machine's policy does not allow is a mistake of the configuration.
template <Digest kWhich>
Function::Preparation prepare_digest(std::span<const KnownArgument>, Zones&) {
  if (!digest(kWhich, ""))
    return std::unexpected(BadArgument{0, "the security policy of this machine does not allow this hash"});
  return nullptr;
}

template <Digest kWhich>
Fault digest_of(const Arguments& arguments, Value& out) {
  const auto bytes = digest(kWhich, arguments[0].as_text());
  if (!bytes) return Kind::not_allowed;
  out = Value::text(arguments.arena.copy(to_hex(bytes->view())));
  return {};
}

constexpr Function kEncodings[] = {
    {.signature = "chr(n, …)",
     .doc = "the characters with these Unicode numbers",
     .example = "chr(9731) => '☃'",
     .also = "char",
     .takes = {kInteger},
     .repeats = 1,
     .gives = kText,
     .evaluate = chr},
    {.signature = "crc32(text)",
     .doc = "the checksum of zip and Ethernet, as an integer",
     .example = "crc32('123456789') => 3421780262",
     .takes = {kText},
     .gives = kInteger,
     .evaluate = crc32},
    {.signature = "from_base(digits, base)",
     .doc = "the integer with these digits to a base of 2 to 36; to base 16 they may begin with 0x",
     .example = "from_base('0x2A', 16) => 42",
     .takes = {kText, kInteger},
     .gives = kInteger,
     .evaluate = from_base},
    {.signature = "from_base64(text)",
     .doc = "the bytes that base64 stands for",
     .example = "from_base64('aGVsbG8=') => 'hello'",
     .takes = {kText},
     .gives = kText,
     .evaluate = from_base64},
    {.signature = "hash(x)",
     .doc = "an integer from 0 to 2^63 - 1 made of the text of x (XXH3), so that equal ones fall into one "
            "part of n: hash(x) % n",
     .example = "hash('press-7') % 10 => 6",
     .takes = {kAny},
     .gives = kInteger,
     .evaluate = hash},
    {.signature = "hex(text)",
     .doc = "the bytes as hexadecimal digits",
     .example = "hex('abc') => '616263'",
     .takes = {kText},
     .gives = kText,
     .evaluate = hex},
    {.signature = "md5(text)",
     .doc = "the hash in hexadecimal digits",
     .example = "md5('hello') => '5d41402abc4b2a76b9719d911017c592'",
     .takes = {kText},
     .gives = kText,
     .evaluate = digest_of<Digest::md5>,
     .prepare = prepare_digest<Digest::md5>},
    {.signature = "sha1(text)",
     .doc = "the hash in hexadecimal digits",
     .example = "sha1('hello') => 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d'",
     .takes = {kText},
     .gives = kText,
     .evaluate = digest_of<Digest::sha1>,
     .prepare = prepare_digest<Digest::sha1>},
    {.signature = "sha256(text)",
     .doc = "the hash in hexadecimal digits",
     .example = "substr(sha256('hello'), 1, 16) => '2cf24dba5fb0a30e'",
     .takes = {kText},
     .gives = kText,
     .evaluate = digest_of<Digest::sha256>,
     .prepare = prepare_digest<Digest::sha256>},
    {.signature = "sha384(text)",
     .doc = "the hash in hexadecimal digits",
     .example = "substr(sha384('hello'), 1, 16) => '59e1748777448c69'",
     .takes = {kText},
     .gives = kText,
     .evaluate = digest_of<Digest::sha384>,
     .prepare = prepare_digest<Digest::sha384>},
    {.signature = "sha512(text)",
     .doc = "the hash in hexadecimal digits",
     .example = "substr(sha512('hello'), 1, 16) => '9b71d224bd62f378'",
     .takes = {kText},
     .gives = kText,
     .evaluate = digest_of<Digest::sha512>,
     .prepare = prepare_digest<Digest::sha512>},
    {.signature = "to_base(n, base)",
     .doc = "the digits of an integer to a base of 2 to 36",
     .example = "to_base(10, 2) => '1010'",
     .takes = {kInteger, kInteger},
     .gives = kText,
     .evaluate = to_base},
    {.signature = "to_base64(text)",
     .doc = "the bytes as base64",
     .example = "to_base64('hello') => 'aGVsbG8='",
     .takes = {kText},
     .gives = kText,
     .evaluate = to_base64},
    {.signature = "unhex(digits)",
     .doc = "the bytes that hexadecimal digits stand for",
     .example = "unhex('616263') => 'abc'",
     .takes = {kText},
     .gives = kText,
     .evaluate = unhex},
    {.signature = "unicode(text)",
     .doc = "the Unicode number of the first character; NULL without one",
     .example = "unicode('☃') => 9731",
     .also = "ascii",
     .takes = {kText},
     .gives = kInteger,
     .evaluate = unicode},
    {.signature = "url_decode(text)",
     .doc = "%XX put back to bytes",
     .example = "url_decode('a%20b') => 'a b'",
     .takes = {kText},
     .gives = kText,
     .evaluate = url_decode},
    {.signature = "url_encode(text)",
     .doc = "all bytes but letters, digits and - . _ ~ as %XX",
     .example = "url_encode('a b/ü') => 'a%20b%2F%C3%BC'",
     .takes = {kText},
     .gives = kText,
     .evaluate = url_encode},
};

}  // namespace

std::span<const Function> encodings() {
  return kEncodings;
}

}  // namespace tidemark::function
