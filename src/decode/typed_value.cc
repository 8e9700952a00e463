#include "decode/typed_value.h"

#include <cmath>

#include "base/format.h"

namespace tidemark {

using FieldType = FieldSetting::Type;

bool convert_typed(Value& value, FieldType type) {
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  switch (type) {
    case FieldType::any:
      return true;
    case FieldType::text:
      return value.is_text();
    case FieldType::boolean:
      return value.is_boolean();
    case FieldType::real:
      if (value.is_integer()) value = Value::real(static_cast<double>(value.as_integer()));
      return value.is_real();
    case FieldType::integer:
      if (value.is_real() && std::abs(value.as_real()) <= kExactIntegers &&
          value.as_real() == std::trunc(value.as_real()))
        value = Value::integer(static_cast<std::int64_t>(value.as_real()));
      return value.is_integer();
  }
  return false;
}

DecodeError no_such_type(std::string_view name, const Value& value, FieldType type) {
  constexpr std::size_t kShown = 40;
  std::string shown = to_text(value);
  if (shown.size() > kShown) shown = format("a {} of {} bytes", type_name(value.type()), shown.size() - 2);
  return {format("field {}: {} is no {}", name, shown, type_word(type)), std::nullopt};
}

std::string_view type_word(FieldType type) {
  switch (type) {
    case FieldType::text:
      return "string";
    case FieldType::integer:
      return "int";
    case FieldType::real:
      return "float";
    case FieldType::boolean:
      return "bool";
    case FieldType::any:
      break;
  }
  return "value";
}

}  // namespace tidemark
