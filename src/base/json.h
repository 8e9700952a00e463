// JSON for people and programs outside: results, status, the control socket. The one door to RapidJSON.
// (Records that come in are read by decode/, with simdjson.)
//
// JsonWriter builds one document; the caller keeps the nesting right (an unbalanced document is a bug, and
// aborts). Non-finite floats are written as null, floats so that they read back exactly and never look like
// integers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/value.h"

namespace tidemark {

class JsonWriter {
 public:
  JsonWriter();
  ~JsonWriter();
  JsonWriter(JsonWriter&&) noexcept;
  JsonWriter& operator=(JsonWriter&&) noexcept;

  JsonWriter& begin_object();
  JsonWriter& end_object();
  JsonWriter& begin_array();
  JsonWriter& end_array();
  JsonWriter& key(std::string_view name);
  JsonWriter& null();
  JsonWriter& boolean(bool b);
  JsonWriter& integer(std::int64_t i);
  JsonWriter& unsigned_integer(std::uint64_t i);
  JsonWriter& real(double d);
  JsonWriter& text(std::string_view s);  // bytes that are no UTF-8 become U+FFFD
  JsonWriter& value(const Value& v);

  // The finished document; the writer is empty again and keeps its memory.
  std::string take();
  // The same as a view, valid until the next call.
  std::string_view view() const;
  void clear();

 private:
  struct Buffer;
  std::unique_ptr<Buffer> buffer_;
};

// A small document, read whole: requests and answers of the control socket.
class JsonValue {
 public:
  enum class Type { null, boolean, integer, real, text, array, object };
  static Result<JsonValue> parse(std::string_view text);

  // Out of line, where the type is complete: clang refuses implicit ones over `members`.
  JsonValue();
  JsonValue(const JsonValue&);
  JsonValue(JsonValue&&) noexcept;
  JsonValue& operator=(const JsonValue&);
  JsonValue& operator=(JsonValue&&) noexcept;
  ~JsonValue();

  Type type = Type::null;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<JsonValue> items;
  std::vector<std::pair<std::string, JsonValue>> members;  // in the order written

  const JsonValue* find(std::string_view name) const;
  // The member's text, or fallback when it is absent or no text.
  std::string_view text_of(std::string_view name, std::string_view fallback = {}) const;
  std::int64_t integer_of(std::string_view name, std::int64_t fallback = 0) const;
  double number_of(std::string_view name, double fallback = 0) const;
  bool boolean_of(std::string_view name, bool fallback = false) const;
};

}  // namespace tidemark
