#include "pipeline/result_codec.h"

namespace tidemark {
namespace {
enum class Tag : std::uint8_t { null = 0, no = 1, yes = 2, integer = 3, real = 4, text = 5 };
}

void encode_values(Encoder& out, std::span<const Value> values) {
  const auto tag = [&](Tag t) { out.u8(static_cast<std::uint8_t>(t)); };
  for (const Value& value : values) switch (value.type()) {
      case Value::Type::null:
        tag(Tag::null);
        break;
      case Value::Type::boolean:
        tag(value.as_boolean() ? Tag::yes : Tag::no);
        break;
      case Value::Type::integer:
        tag(Tag::integer);
        out.i64(value.as_integer());
        break;
      case Value::Type::real:
        tag(Tag::real);
        out.f64(value.as_real());
        break;
      case Value::Type::text:
        tag(Tag::text);
        out.bytes(value.as_text());
        break;
    }
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
