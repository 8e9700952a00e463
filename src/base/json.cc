#include "base/json.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "base/format.h"
#include "base/invariant.h"
#include "base/json_reader.h"
#include "base/json_text.h"
#include "base/number_text.h"
#include "base/utf8.h"

// A document written out of order is a bug of ours and aborts in every build, not only in debug ones.
#define RAPIDJSON_ASSERT(holds) ::tidemark::invariant(static_cast<bool>(holds), "JSON: " #holds)
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace tidemark {
namespace {

constexpr std::size_t kMaxDepth = 64;

// How many bytes from the front are valid UTF-8.
std::size_t valid_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Utf8Part part = first_utf8_character(text.substr(at));
    if (!part.valid) break;
    at += part.length;
  }
  return at;
}

std::string with_replacements(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Part part = first_utf8_character(text);
    out.append(part.valid ? text.substr(0, part.length) : kReplacementCharacter);
    text.remove_prefix(part.length);
  }
  return out;
}

using JsonOutput = rapidjson::StringBuffer;

class CheckedWriter : public rapidjson::Writer<JsonOutput> {
 public:
  using Writer::Writer;
  // True when the next thing in place is the name of an object's member.
  bool at_name() const {
    if (level_stack_.Empty()) return false;
    const Level* level = level_stack_.Top<Level>();
    return !level->inArray && level->valueCount % 2 == 0;
  }
};

}  // namespace

struct JsonWriter::Buffer {
  JsonOutput out;
  CheckedWriter writer{out};

  CheckedWriter& at_value() {
    invariant(!writer.at_name(), "JSON: a member of an object needs a name first");
    return writer;
  }
  void write_text(std::string_view s) {
    if (valid_prefix(s) == s.size()) {
      writer.String(s.empty() ? "" : s.data(), static_cast<rapidjson::SizeType>(s.size()));
    } else {
      const std::string repaired = with_replacements(s);
      writer.String(repaired.data(), static_cast<rapidjson::SizeType>(repaired.size()));
    }
  }
};

JsonWriter::JsonWriter() : buffer_(std::make_unique<Buffer>()) {}
JsonWriter::~JsonWriter() = default;
JsonWriter::JsonWriter(JsonWriter&&) noexcept = default;
JsonWriter& JsonWriter::operator=(JsonWriter&&) noexcept = default;

JsonWriter& JsonWriter::begin_object() {
  buffer_->at_value().StartObject();
  return *this;
}

JsonWriter& JsonWriter::end_object() {
  invariant(buffer_->writer.at_name(), "JSON: an object ends after a member's value");
  buffer_->writer.EndObject();
  return *this;
}

JsonWriter& JsonWriter::begin_array() {
  buffer_->at_value().StartArray();
  return *this;
}

JsonWriter& JsonWriter::end_array() {
  buffer_->writer.EndArray();
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  invariant(buffer_->writer.at_name(), "JSON: a name belongs into an object, before a value");
  buffer_->write_text(name);
  return *this;
}

JsonWriter& JsonWriter::null() {
  buffer_->at_value().Null();
  return *this;
}

JsonWriter& JsonWriter::boolean(bool b) {
  buffer_->at_value().Bool(b);
  return *this;
}

JsonWriter& JsonWriter::integer(std::int64_t i) {
  buffer_->at_value().Int64(i);
  return *this;
}

JsonWriter& JsonWriter::unsigned_integer(std::uint64_t i) {
  buffer_->at_value().Uint64(i);
  return *this;
}

JsonWriter& JsonWriter::real(double d) {
  if (!std::isfinite(d)) return null();
  const std::string digits = real_to_text(d);
  buffer_->at_value().RawValue(digits.data(), digits.size(), rapidjson::kNumberType);
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view s) {
  buffer_->at_value();
  buffer_->write_text(s);
  return *this;
}

JsonWriter& JsonWriter::value(const Value& v) {
  switch (v.type()) {
    case Value::Type::null:
      return null();
    case Value::Type::boolean:
      return boolean(v.as_boolean());
    case Value::Type::integer:
      return integer(v.as_integer());
    case Value::Type::real:
      return real(v.as_real());
    case Value::Type::text:
      return text(v.as_text());
  }
  return *this;
}

namespace {

// Stands in JSON as it is.
bool is_plain(std::string_view text) {
  unsigned odd = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    odd |= static_cast<unsigned>(byte < 0x20) | static_cast<unsigned>(byte >= 0x80) |
           static_cast<unsigned>(byte == '"') | static_cast<unsigned>(byte == '\\');
  }
  return odd == 0;
}

}  // namespace

void append_json(std::string& out, std::string_view text) {
  if (!is_plain(text)) {
    JsonWriter writer;
    out.append(writer.text(text).view());
    return;
  }
  out.push_back('"');
  out.append(text);
  out.push_back('"');
}

void append_json(std::string& out, const Value& value) {
  switch (value.type()) {
    case Value::Type::null:
      out.append("null");
      return;
    case Value::Type::boolean:
      out.append(value.as_boolean() ? "true" : "false");
      return;
    case Value::Type::integer:
      return append_number(out, value.as_integer());
    case Value::Type::real:
      if (std::isfinite(value.as_real()))
        append_number(out, value.as_real());
      else
        out.append("null");
      return;
    case Value::Type::text:
      return append_json(out, value.as_text());
  }
}

std::string JsonWriter::take() {
  std::string document(view());
  clear();
  return document;
}

std::string_view JsonWriter::view() const {
  invariant(buffer_->writer.IsComplete(), "JSON: the document is not finished");
  return {buffer_->out.GetString(), buffer_->out.GetSize()};
}

void JsonWriter::clear() {
  buffer_->out.Clear();
  buffer_->writer.Reset(buffer_->out);
}

namespace {

// Passes the parser's events on to a JsonVisitor. An event that returns false ends the parse.
class Passing : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Passing> {
 public:
  explicit Passing(JsonVisitor& to) : to_(to) {}

  bool Null() { return to_.null(); }
  bool Bool(bool b) { return to_.boolean(b); }
  bool RawNumber(const char* digits, rapidjson::SizeType length, bool) {
    return to_.number({digits, length});
  }
  bool String(const char* text, rapidjson::SizeType length, bool) { return to_.text({text, length}); }
  bool Key(const char* name, rapidjson::SizeType length, bool) { return to_.key({name, length}); }
  bool StartObject() { return open(false); }
  bool StartArray() { return open(true); }
  bool EndObject(rapidjson::SizeType) { return close(false); }
  bool EndArray(rapidjson::SizeType) { return close(true); }

  bool too_deep() const { return too_deep_; }

 private:
  bool open(bool array) {
    too_deep_ = depth_++ == kMaxDepth;
    return !too_deep_ && to_.begin(array);
  }
  bool close(bool array) {
    --depth_;
    return to_.end(array);
  }

  JsonVisitor& to_;
  std::size_t depth_ = 0;
  bool too_deep_ = false;
};

struct Reading {
  bool whole = false;
  bool too_deep = false;
  rapidjson::ParseResult result;
};

Reading read(std::string_view text, JsonVisitor& visitor) {
  // Iterative: the stack stays flat whatever the input. Numbers come as text: from_chars rounds exactly.
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  Passing passing(visitor);
  rapidjson::MemoryStream in(text.data(), text.size());
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(in, passing);
  return {!result.IsError(), passing.too_deep(), result};
}

// Builds a JsonValue.
class Builder final : public JsonVisitor {
 public:
  explicit Builder(JsonValue& root) : root_(root) {}

  bool null() override {
    place();
    return true;
  }
  bool boolean(bool b) override {
    JsonValue& v = place();
    v.type = JsonValue::Type::boolean;
    v.boolean = b;
    return true;
  }
  bool number(std::string_view digits) override {
    const char* const end = digits.data() + digits.size();
    JsonValue& v = place();
    if (digits.find_first_of(".eE") == std::string_view::npos) {
      v.type = JsonValue::Type::integer;
      if (std::from_chars(digits.data(), end, v.integer).ec == std::errc{}) return true;
      v.integer = 0;
    }
    v.type = JsonValue::Type::real;
    out_of_range_ = std::from_chars(digits.data(), end, v.real).ec != std::errc{};
    return !out_of_range_;
  }
  bool text(std::string_view text) override {
    JsonValue& v = place();
    v.type = JsonValue::Type::text;
    v.text.assign(text);
    return true;
  }
  bool key(std::string_view name) override {
    name_.assign(name);
    return true;
  }
  bool begin(bool array) override {
    JsonValue& v = place();
    v.type = array ? JsonValue::Type::array : JsonValue::Type::object;
    open_.push_back(&v);
    return true;
  }
  bool end(bool) override {
    open_.pop_back();
    return true;
  }

  bool out_of_range() const { return out_of_range_; }

 private:
  // Where the next value goes. Pointers in open_ stay good: only the innermost list grows.
  JsonValue& place() {
    if (open_.empty()) return root_;
    JsonValue& parent = *open_.back();
    if (parent.type == JsonValue::Type::array) return parent.items.emplace_back();
    return parent.members.emplace_back(std::move(name_), JsonValue()).second;
  }

  JsonValue& root_;
  std::vector<JsonValue*> open_;
  std::string name_;
  bool out_of_range_ = false;
};

}  // namespace

bool read_json(std::string_view text, JsonVisitor& visitor) {
  // The parser takes a zero byte for the end of its input; no JSON document holds one.
  return text.find('\0') == std::string_view::npos && read(text, visitor).whole;
}

Result<JsonValue> JsonValue::parse(std::string_view text) {
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
    return fail(format("parse JSON: zero byte at byte {}", zero), Error::Kind::usage);
  JsonValue root;
  Builder builder(root);
  const Reading reading = read(text, builder);
  if (!reading.whole) {
    const std::string_view why = reading.too_deep ? "nested deeper than 64"
                                 : builder.out_of_range()
                                     ? "number out of range"
                                     : rapidjson::GetParseError_En(reading.result.Code());
    return fail(format("parse JSON: {} at byte {}", why, reading.result.Offset()), Error::Kind::usage);
  }
  return root;
}

const JsonValue* JsonValue::find(std::string_view name) const {
  for (const auto& [member_name, member] : members)
    if (member_name == name) return &member;
  return nullptr;
}

std::string_view JsonValue::text_of(std::string_view name, std::string_view fallback) const {
  const JsonValue* member = find(name);
  return member != nullptr && member->type == Type::text ? std::string_view(member->text) : fallback;
}

std::int64_t JsonValue::integer_of(std::string_view name, std::int64_t fallback) const {
  const JsonValue* member = find(name);
  return member != nullptr && member->type == Type::integer ? member->integer : fallback;
}

double JsonValue::number_of(std::string_view name, double fallback) const {
  const JsonValue* member = find(name);
  if (member == nullptr) return fallback;
  if (member->type == Type::integer) return static_cast<double>(member->integer);
  return member->type == Type::real ? member->real : fallback;
}

bool JsonValue::boolean_of(std::string_view name, bool fallback) const {
  const JsonValue* member = find(name);
  return member != nullptr && member->type == Type::boolean ? member->boolean : fallback;
}

JsonValue::JsonValue() = default;
JsonValue::JsonValue(const JsonValue&) = default;
JsonValue::JsonValue(JsonValue&&) noexcept = default;
JsonValue& JsonValue::operator=(const JsonValue&) = default;
JsonValue& JsonValue::operator=(JsonValue&&) noexcept = default;
JsonValue::~JsonValue() = default;

}  // namespace tidemark
