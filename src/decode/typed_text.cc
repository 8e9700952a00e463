#include "decode/typed_text.h"

#include <charconv>

#include "base/format.h"
#include "decode/utf8.h"

namespace tidemark {
namespace {

using FieldType = FieldSetting::Type;

std::string shortened(std::string_view text) {
  constexpr std::size_t kShown = 40;
  if (text.size() <= kShown) return format("'{}'", text);
  return format("'{}...'", text.substr(0, valid_utf8(text.substr(0, kShown))));
}

template <class Number>
std::errc parse_whole(std::string_view text, Number& number) {
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  return error == std::errc{} && end != last ? std::errc::invalid_argument : error;
}

}  // namespace

std::expected<Value, DecodeError> typed_text(std::string_view text, std::string_view name, FieldType type,
                                             std::size_t offset) {
  const auto bad_type = [&](std::string_view type_name) {
    return std::unexpected(
        DecodeError{format("field {}: {} is no {}", name, shortened(text), type_name), offset});
  };
  switch (type) {
    case FieldType::any:
    case FieldType::text:
      return Value::text(text);
    case FieldType::boolean:
      if (text == "true") return Value::boolean(true);
      if (text == "false") return Value::boolean(false);
      return bad_type("bool (true or false)");
    case FieldType::integer: {
      std::int64_t i = 0;
      const std::errc error = parse_whole(text, i);
      if (error == std::errc{}) return Value::integer(i);
      return bad_type(error == std::errc::result_out_of_range ? "int of 64 bits" : "int");
    }
    case FieldType::real: {
      double d = 0;
      // from_chars also reads the names of infinity and of no number.
      const bool digits = text.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
      const std::errc error = digits ? parse_whole(text, d) : std::errc::invalid_argument;
      if (error == std::errc{}) return Value::real(d);
      return bad_type(error == std::errc::result_out_of_range ? "float in the range of floats" : "float");
    }
  }
  return bad_type("value");
}

}  // namespace tidemark
