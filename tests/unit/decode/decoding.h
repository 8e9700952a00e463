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
           const std::vector<std::string_view>& reads, LimitSettings limits = {},
           std::string_view records_at = "") {
    format.type = type;
    format.records.value = records_at;
    if (type == FormatSettings::Type::text) format.pattern.value = kTextPattern;
    if (type == FormatSettings::Type::sparkplug) topic = "spBv1.0/G/NDATA/N";
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

  // Each record of the payload: its values as text between spaces, or "error: ...". `texts` is what dead
  // letters would say of each.
  std::vector<std::string> records(std::string_view bytes, std::string_view under = {}) {
    const std::string_view its_topic = under.empty() ? std::string_view(topic) : under;
    texts.clear();
    arena.clear();
    // A block of exactly the payload's size: reading past it is an error under the address sanitizer.
    std::vector<char> exact(bytes.begin(), bytes.end());
    const auto payload = [&] { return Payload({exact.data(), exact.size()}, its_topic); };
    std::vector<std::string> out;
    const auto add = [&](const DecodeError* error) {
      out.push_back(error != nullptr ? "error: " + to_text(*error) : values());
      texts.push_back(decoder->text(payload()));
    };
    const auto found = decoder->decode(payload(), slots, arena);
    if (!found) add(&found.error());
    if (!found || *found == Found::record) {
      if (found) add(nullptr);
      return out;
    }
    while (true) {
      std::vector<char> elsewhere(exact);  // the payload moves from call to call
      exact.swap(elsewhere);
      elsewhere.assign(elsewhere.size(), '?');
      arena.clear();
      const auto next = decoder->next(payload(), slots, arena);
      if (next && !*next) return out;
      add(next ? nullptr : &next.error());
    }
  }
  // The same as one text, " | " between records.
  std::string read(std::string_view bytes, std::string_view under = {}) {
    std::string out;
    bool first = true;
    for (const std::string& record : records(bytes, under)) {
      out += (first ? "" : " | ") + record;
      first = false;
    }
    return out;
  }
  // A record whose bytes were announced by decoder->expect().
  std::string read_in_place(std::string_view record) {
    arena.clear();
    const auto found = decoder->decode(record, slots, arena);
    return found ? values() : "error: " + to_text(found.error());
  }
  bool good(std::string_view bytes) { return !read(bytes).contains("error: "); }

  FormatSettings format;
  FieldSet fields;
  std::unique_ptr<RecordDecoder> decoder;
  std::vector<Value> slots;
  Arena arena;
  std::vector<std::string> texts;
  std::string topic;  // that payloads come under, unless a call says another

 private:
  std::string values() const {
    std::string out;
    for (const Value& value : slots) out += (out.empty() ? "" : " ") + to_text(value);
    return out;
  }
  LimitSettings limits_;
};

}  // namespace tidemark::test
