// Decoding: one format, its fields and the record in hand, for tests. Fields are given as the configuration
// and the pipelines write them: types "n:int", paths {"pos", "lat"} or samples[0] through path().
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/invariant.h"
#include "decode/decoder.h"

namespace tidemark::test {

inline RecordPath path(std::string_view text) {
  RecordPath out;
  while (!text.empty()) {
    if (text.front() == '[') {
      const std::size_t end = text.find(']');
      out.push_back(
          RecordStep::element(static_cast<std::uint32_t>(std::stoul(std::string(text.substr(1, end - 1))))));
      text.remove_prefix(end + 1);
      continue;
    }
    if (text.front() == '.') text.remove_prefix(1);
    const std::string_view name = text.substr(0, text.find_first_of(".["));
    out.push_back(RecordStep::member(name));
    text.remove_prefix(name.size());
  }
  return out;
}

inline FieldSetting typed(std::string_view text) {
  static const std::map<std::string_view, FieldSetting::Type> kTypes = {
      {"string", FieldSetting::Type::text},
      {"int", FieldSetting::Type::integer},
      {"float", FieldSetting::Type::real},
      {"bool", FieldSetting::Type::boolean}};
  const std::size_t colon = text.find(':');
  FieldSetting field;
  field.name = text.substr(0, colon);
  if (colon != std::string_view::npos) field.type = kTypes.at(text.substr(colon + 1));
  return field;
}

// Of text records, unless a test says otherwise.
constexpr const char* kTextPattern = R"((?P<a>\w*) n=(?P<n>\S*) x=(?P<x>\S*)(?: ok=(?P<ok>\S+))?)";

class Decoding {
 public:
  Decoding(FormatSettings::Type type, std::initializer_list<std::string_view> types,
           std::initializer_list<std::string_view> reads, LimitSettings limits = {}) {
    format.type = type;
    if (type == FormatSettings::Type::text) format.pattern.value = kTextPattern;
    for (const std::string_view field : types) format.fields.push_back(typed(field));
    for (const std::string_view field : reads) fields.add(path(field));
    limits_ = limits;
    make();
  }
  void make() {
    auto made = make_decoder({.format = format, .fields = fields, .limits = limits_});
    invariant(made.has_value(), made ? "" : made.error().message);
    decoder = *std::move(made);
    slots.resize(fields.size());
  }

  // The values as text between spaces, or "error: ...".
  std::string read(std::string_view record) {
    // A block of exactly the record's size: reading past it is an error under the address sanitizer.
    const std::vector<char> exact(record.begin(), record.end());
    return read_in_place({exact.data(), exact.size()});
  }
  // A record whose bytes were announced by decoder->expect().
  std::string read_in_place(std::string_view record) {
    arena.clear();
    const auto decoded = decoder->decode(record, slots, arena);
    if (!decoded) return "error: " + to_text(decoded.error());
    std::string out;
    for (const Value& value : slots) out += (out.empty() ? "" : " ") + to_text(value);
    return out;
  }
  bool good(std::string_view record) { return !read(record).starts_with("error: "); }

  FormatSettings format;
  FieldSet fields;
  std::unique_ptr<RecordDecoder> decoder;
  std::vector<Value> slots;
  Arena arena;

 private:
  LimitSettings limits_;
};

}  // namespace tidemark::test
