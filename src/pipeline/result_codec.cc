#include "pipeline/result_codec.h"

#include <bit>
#include <cstring>

namespace tidemark {
namespace {
enum class Tag : std::uint8_t { null = 0, no = 1, yes = 2, integer = 3, real = 4, text = 5 };

char* put(char* to, Tag tag) {
  *to = static_cast<char>(tag);
  return to + 1;
}

char* put(char* to, Tag tag, std::uint64_t bits) {
  *to = static_cast<char>(tag);
  for (unsigned i = 0; i < 8; ++i) to[1 + i] = static_cast<char>(bits >> (8 * i));
  return to + 9;
}

char* put(char* to, std::string_view text) {
  *to++ = static_cast<char>(Tag::text);
  std::uint64_t size = text.size();
  for (; size >= 0x80; size >>= 7) *to++ = static_cast<char>(size | 0x80);
  *to++ = static_cast<char>(size);
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

char* put(char* to, const Value& value) {
  switch (value.type()) {
    case Value::Type::null:
      return put(to, Tag::null);
    case Value::Type::boolean:
      return put(to, value.as_boolean() ? Tag::yes : Tag::no);
    case Value::Type::integer:
      return put(to, Tag::integer, static_cast<std::uint64_t>(value.as_integer()));
    case Value::Type::real:
      return put(to, Tag::real, std::bit_cast<std::uint64_t>(value.as_real()));
    case Value::Type::text:
      return put(to, value.as_text());
  }
  return to;
}

}  // namespace

void encode_values(Encoder& out, std::span<const Value> values) {
  constexpr std::size_t kMost = 11;  // a tag and 8 bytes, or the longest length of a text
  std::size_t most = values.size() * kMost;
  for (const Value& value : values)
    if (value.is_text()) most += value.as_text().size();
  char few[256];
  std::string many;
  if (most > sizeof few) many.resize(most);
  char* const begin = most > sizeof few ? many.data() : few;
  char* to = begin;
  for (const Value& value : values) to = put(to, value);
  out.raw({begin, static_cast<std::size_t>(to - begin)});
}

bool decode_values(std::string_view bytes, std::span<Value> values) {
  Decoder in(bytes);
  for (Value& value : values) switch (static_cast<Tag>(in.u8())) {
      case Tag::null:
        value = Value::null();
        break;
      case Tag::no:
        value = Value::boolean(false);
        break;
      case Tag::yes:
        value = Value::boolean(true);
        break;
      case Tag::integer:
        value = Value::integer(in.i64());
        break;
      case Tag::real:
        value = Value::real(in.f64());
        break;
      case Tag::text:
        value = Value::text(in.bytes());
        break;
      default:
        return false;
    }
  return in.complete();
}

}  // namespace tidemark
