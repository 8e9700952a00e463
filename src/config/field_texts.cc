#include <algorithm>

#include "base/format.h"
#include "base/nearest.h"
#include "config/tables.h"

namespace tidemark {
namespace {

struct FieldType {
  std::string_view name;
  FieldSetting::Type type;
};
constexpr FieldType kFieldTypes[] = {{"string", FieldSetting::Type::text},
                                     {"int", FieldSetting::Type::integer},
                                     {"float", FieldSetting::Type::real},
                                     {"bool", FieldSetting::Type::boolean}};

// "word:string", or "word" for a field of any type.
std::optional<FieldSetting> read_field(const Located<std::string>& text, Diagnostics& diagnostics) {
  FieldSetting field;
  field.place = text.place;
  const std::size_t colon = text->rfind(':');
  field.name = text->substr(0, colon);
  if (field.name.empty()) {
    diagnostics.error(text.place, "this field has no name", "write it as name or name:type");
    return std::nullopt;
  }
  if (colon == std::string::npos) return field;
  const std::string_view type = std::string_view(*text).substr(colon + 1);
  const auto found = std::ranges::find(kFieldTypes, type, &FieldType::name);
  if (found != std::end(kFieldTypes)) {
    field.type = found->type;
    return field;
  }
  std::vector<std::string_view> words;
  for (const FieldType& known : kFieldTypes) words.push_back(known.name);
  std::string message = format("unknown field type \"{}\"", type);
  if (const auto meant = nearest(type, words)) message += format("; did you mean \"{}\"?", *meant);
  diagnostics.error_inside(text, colon + 1, std::max<std::size_t>(1, type.size()), std::move(message),
                           "allowed: string, int, float, bool; without a type a field is what it looks like");
  return std::nullopt;
}

}  // namespace

bool read_fields(const std::vector<Located<std::string>>& texts, std::vector<FieldSetting>& fields,
                 Diagnostics& diagnostics) {
  std::vector<FieldSetting> read;
  bool fine = true;
  for (const Located<std::string>& text : texts) {
    std::optional<FieldSetting> field = read_field(text, diagnostics);
    if (field && std::ranges::find(read, field->name, &FieldSetting::name) != read.end()) {
      diagnostics.error(text.place, format("field \"{}\" is named twice", field->name));
      field.reset();
    }
    if (field)
      read.push_back(std::move(*field));
    else
      fine = false;
  }
  if (fine) fields = std::move(read);
  return fine;
}

std::vector<std::string> print_fields(const std::vector<FieldSetting>& fields) {
  std::vector<std::string> out;
  for (const FieldSetting& field : fields) {
    const auto type = std::ranges::find(kFieldTypes, field.type, &FieldType::type);
    out.push_back(type == std::end(kFieldTypes) ? field.name : format("{}:{}", field.name, type->name));
  }
  return out;
}

}  // namespace tidemark
