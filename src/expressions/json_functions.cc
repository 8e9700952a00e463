// Functions of texts that are JSON. Fields of records that come in as JSON are reached by a.b[0] and need
// none of them.
//
// A text that is no JSON, is nested deeper than 64 or holds an integer beyond 64 bits where it is asked for
// is the record's error. Objects and arrays are given as JSON without spaces.
#include <charconv>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "expressions/functions_list.h"
#include "expressions/json_path.h"
#include "expressions/text_builder.h"

namespace tidemark::function {
namespace {

using Kind = EvalError::Kind;
using Nulls = Function::Nulls;

// --- writing

void add_quoted(std::string_view text, TextBuilder& to) {
  constexpr std::string_view kHex = "0123456789abcdef";
  to.add('"');
  while (!text.empty()) {
    const Utf8Part part = first_utf8_character(text);
    const char c = text.front();
    if (!part.valid) {
      to.add(kReplacementCharacter);
    } else if (c == '"' || c == '\\') {
      to.add('\\');
      to.add(c);
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      to.add(text.substr(0, part.length));
    } else if (const std::size_t known = std::string_view("\b\f\n\r\t").find(c);
               known != std::string_view::npos) {
      to.add('\\');
      to.add("bfnrt"[known]);
    } else {
      to.add("\\u00");
      to.add(kHex[static_cast<unsigned char>(c) >> 4]);
      to.add(kHex[static_cast<unsigned char>(c) & 15]);
    }
    text.remove_prefix(part.length);
  }
  to.add('"');
}

void add_value(const Value& v, Arena& arena, TextBuilder& to) {
  if (v.is_null() || (v.is_real() && !std::isfinite(v.as_real())))
    to.add("null");
  else if (v.is_text())
    add_quoted(v.as_text(), to);
  else
    to.add(as_text(v, arena).as_text());
}

// Writes what it is given, without spaces.
class Writing final : public JsonPath::Receiver {
 public:
  explicit Writing(Arena& arena) : arena_(arena) { to_.emplace(arena); }

  const TextBuilder& written() const { return *to_; }
  bool is_container() const { return container_; }

  void reset() override {
    to_.emplace(arena_);
    comma_ = container_ = false;
  }
  bool null() override { return put("null"); }
  bool boolean(bool b) override { return put(b ? "true" : "false"); }
  bool number(std::string_view digits) override { return put(digits); }
  bool text(std::string_view text) override {
    separate();
    add_quoted(text, *to_);
    return true;
  }
  bool key(std::string_view name) override {
    separate();
    add_quoted(name, *to_);
    to_->add(':');
    comma_ = false;
    return true;
  }
  bool begin(bool array) override {
    put(array ? "[" : "{");
    comma_ = false;
    container_ = true;
    return true;
  }
  bool end(bool array) override {
    to_->add(array ? ']' : '}');
    comma_ = true;
    return true;
  }

 private:
  void separate() {
    if (std::exchange(comma_, true)) to_->add(',');
  }
  bool put(std::string_view text) {
    separate();
    to_->add(text);
    return true;
  }
  Arena& arena_;
  std::optional<TextBuilder> to_;
  bool comma_ = false;  // before the next value
  bool container_ = false;
};

// --- reading

// What json_extract gives: a scalar as a value, all else as JSON.
class Extracting final : public JsonPath::Receiver {
 public:
  explicit Extracting(Arena& arena) : arena_(arena), json_(arena) {}

  Fault give(Value& out) const {
    if (fault_) return fault_;
    if (json_.is_container()) return json_.written().give(out);
    out = scalar_;
    return {};
  }

  void reset() override {
    json_.reset();
    scalar_ = Value::null();
    fault_ = {};
  }
  bool null() override { return json_.is_container() ? json_.null() : keep(Value::null()); }
  bool boolean(bool b) override { return json_.is_container() ? json_.boolean(b) : keep(Value::boolean(b)); }
  bool number(std::string_view digits) override {
    if (json_.is_container()) return json_.number(digits);
    const char* const end = digits.data() + digits.size();
    if (digits.find_first_of(".eE") == std::string_view::npos) {
      std::int64_t i = 0;
      if (std::from_chars(digits.data(), end, i).ec != std::errc{}) fault_ = Kind::integer_overflow;
      return keep(Value::integer(i));
    }
    double d = 0;
    if (std::from_chars(digits.data(), end, d).ec != std::errc{}) fault_ = Kind::malformed;
    return keep(Value::real(d));
  }
  bool text(std::string_view text) override {
    if (json_.is_container()) return json_.text(text);
    char* const to = room_for_text(arena_, text.size());
    if (to == nullptr) {
      fault_ = Kind::text_too_long;
      return true;
    }
    text.copy(to, text.size());
    return keep(Value::text({to, text.size()}));
  }
  bool key(std::string_view name) override { return json_.key(name); }
  bool begin(bool array) override { return json_.begin(array); }
  bool end(bool array) override { return json_.end(array); }

 private:
  bool keep(const Value& v) {
    scalar_ = v;
    return true;
  }

  Arena& arena_;
  Writing json_;
  Value scalar_;
  Fault fault_;
};

// What there is to know of a value without its text: its type, how many it holds, their names, and whether
// one of them is a certain value.
class Looking final : public JsonPath::Receiver {
 public:
  explicit Looking(const Value& sought = {}) : sought_(sought) {}
  // One that writes the names.
  explicit Looking(Arena& arena) : names_(std::in_place, arena) { names_->begin(true); }

  std::string_view type() const { return type_; }
  bool is_container() const { return type_ == "array" || type_ == "object"; }
  std::int64_t items() const { return items_; }
  bool holds() const { return holds_; }
  Fault names(Value& out) {
    names_->end(true);
    return names_->written().give(out);
  }

  void reset() override {
    type_ = {};
    items_ = 0;
    holds_ = false;
    if (!names_) return;
    names_->reset();
    names_->begin(true);
  }
  bool null() override { return seen("null", Value::null()); }
  bool boolean(bool b) override { return seen("boolean", Value::boolean(b)); }
  bool number(std::string_view digits) override {
    const bool integer = digits.find_first_of(".eE") == std::string_view::npos;
    if (depth_ > 1 || !sought_.is_number()) return seen(integer ? "integer" : "float", Value::null());
    Value v;
    std::int64_t i = 0;
    double d = 0;
    const char* const end = digits.data() + digits.size();
    if (integer && std::from_chars(digits.data(), end, i).ec == std::errc{})
      v = Value::integer(i);
    else if (std::from_chars(digits.data(), end, d).ec == std::errc{})
      v = Value::real(d);
    return seen(integer ? "integer" : "float", v);
  }
  bool text(std::string_view text) override { return seen("text", Value::text(text)); }
  bool key(std::string_view name) override { return depth_ != 1 || !names_ || names_->text(name); }
  bool begin(bool array) override {
    seen(array ? "array" : "object", Value::null());
    ++depth_;
    return true;
  }
  bool end(bool) override {
    --depth_;
    return true;
  }

 private:
  bool seen(std::string_view type, const Value& v) {
    if (depth_ == 0) type_ = type;
    if (depth_ != 1) return true;
    ++items_;
    holds_ = holds_ || compare(v, sought_) == Order::equal;
    return true;
  }

  const Value sought_;
  std::optional<Writing> names_;
  std::string_view type_;
  std::size_t depth_ = 0;
  std::int64_t items_ = 0;
  bool holds_ = false;
};

// --- what is prepared

struct PathCall final : Prepared {
  JsonPath path;
};

template <std::size_t kPathAt>
Function::Preparation prepare_path(std::span<const KnownArgument> arguments, Zones&) {
  auto path = JsonPath::parse(kPathAt < arguments.size() ? arguments[kPathAt].literal->as_text() : "$");
  if (!path) return std::unexpected(BadArgument{kPathAt, std::move(path.error())});
  auto call = std::make_unique<PathCall>();
  call->path = std::move(*path);
  return call;
}

// Whether the receiver has been given something. NULL where nothing stands.
template <class Receiver>
Fault look_up(const Arguments& arguments, Receiver& receiver, bool& found) {
  const JsonPath::Found answer =
      static_cast<const PathCall&>(*arguments.prepared).path.find(arguments[0].as_text(), receiver);
  found = answer == JsonPath::Found::yes;
  return answer == JsonPath::Found::malformed ? Fault(Kind::malformed) : Fault();
}

// --- the functions

Fault json_extract(const Arguments& arguments, Value& out) {
  Extracting extracting(arguments.arena);
  bool found = false;
  if (const Fault fault = look_up(arguments, extracting, found)) return fault;
  out = Value::null();
  return found ? extracting.give(out) : Fault();
}

Fault json(const Arguments& arguments, Value& out) {
  Writing writing(arguments.arena);
  bool found = false;
  if (const Fault fault = look_up(arguments, writing, found)) return fault;
  out = Value::null();
  return found ? writing.written().give(out) : Fault();
}

Fault json_exists(const Arguments& arguments, Value& out) {
  Looking looking;
  bool found = false;
  const Fault fault = look_up(arguments, looking, found);
  out = Value::boolean(found);
  return fault;
}

Fault json_type(const Arguments& arguments, Value& out) {
  Looking looking;
  bool found = false;
  const Fault fault = look_up(arguments, looking, found);
  out = found ? Value::text(looking.type()) : Value::null();
  return fault;
}

Fault json_length(const Arguments& arguments, Value& out) {
  Looking looking;
  bool found = false;
  const Fault fault = look_up(arguments, looking, found);
  out = found && looking.is_container() ? Value::integer(looking.items()) : Value::null();
  return fault;
}

Fault json_keys(const Arguments& arguments, Value& out) {
  Looking looking(arguments.arena);
  bool found = false;
  if (const Fault fault = look_up(arguments, looking, found)) return fault;
  out = Value::null();
  return found && looking.type() == "object" ? looking.names(out) : Fault();
}

Fault json_contains(const Arguments& arguments, Value& out) {
  Looking looking(arguments[1]);
  bool found = false;
  const Fault fault = look_up(arguments, looking, found);
  out = found && looking.type() == "array" ? Value::boolean(looking.holds()) : Value::null();
  return fault;
}

Fault json_valid(const Arguments& arguments, Value& out) {
  Looking looking;
  out = Value::boolean(read_json(arguments[0].as_text(), looking));
  return {};
}

Fault json_quote(const Arguments& arguments, Value& out) {
  TextBuilder text(arguments.arena);
  add_value(arguments[0], arguments.arena, text);
  return text.give(out);
}

// Which arguments are JSON already.
struct NestedCall final : Prepared {
  std::vector<bool> is_json;
};

Function::Preparation prepare_nested(std::span<const KnownArgument> arguments, Zones&) {
  auto call = std::make_unique<NestedCall>();
  for (const KnownArgument& argument : arguments) call->is_json.push_back(argument.is_json);
  return call;
}

void add_nested(const Arguments& arguments, std::size_t i, TextBuilder& to) {
  const bool is_json = static_cast<const NestedCall&>(*arguments.prepared).is_json[i];
  if (is_json && arguments[i].is_text())
    to.add(arguments[i].as_text());
  else
    add_value(arguments[i], arguments.arena, to);
}

Fault json_array(const Arguments& arguments, Value& out) {
  TextBuilder text(arguments.arena);
  text.add('[');
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) text.add(',');
    add_nested(arguments, i, text);
  }
  text.add(']');
  return text.give(out);
}

Fault json_object(const Arguments& arguments, Value& out) {
  TextBuilder text(arguments.arena);
  text.add('{');
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    if (arguments[i].is_null()) {
      arguments.at_fault = i;
      arguments.needed = kText;
      return Kind::wrong_type;
    }
    if (i > 0) text.add(',');
    add_quoted(arguments[i].as_text(), text);
    text.add(':');
    add_nested(arguments, i + 1, text);
  }
  text.add('}');
  return text.give(out);
}

constexpr Function kJson[] = {
    {.signature = "json(text[, path])",
     .doc = "what stands at the path (all) as JSON without spaces; NULL where nothing does",
     .example = "json('{\"a\": [1, 2]}', '$.a') => '[1,2]'",
     .takes = {kText, kText},
     .optional = 1,
     .literals = 0b10,
     .gives_json = true,
     .gives = kText,
     .evaluate = json,
     .prepare = prepare_path<1>},
    {.signature = "json_array([x, …])",
     .doc = "a JSON array of these values; what json, json_array and json_object give is nested as it is",
     .example = "json_array(1, 'a', NULL, json_array(2)) => '[1,\"a\",null,[2]]'",
     .takes = {kAny},
     .optional = 1,
     .repeats = 1,
     .nulls = Nulls::are_seen,
     .gives_json = true,
     .gives = kText,
     .evaluate = json_array,
     .prepare = prepare_nested},
    {.signature = "json_contains(text, x[, path])",
     .doc = "whether the array at the path (all) holds the value; NULL where there is no array",
     .example = "json_contains('[\"hot\",\"wet\"]', 'hot') => TRUE",
     .takes = {kText, kAny, kText},
     .optional = 1,
     .literals = 0b100,
     .gives = kBoolean,
     .evaluate = json_contains,
     .prepare = prepare_path<2>},
    {.signature = "json_exists(text, path)",
     .doc = "whether something stands at the path, be it null",
     .example = "json_exists('{\"a\":null}', '$.a') => TRUE",
     .takes = {kText, kText},
     .literals = 0b10,
     .gives = kBoolean,
     .evaluate = json_exists,
     .prepare = prepare_path<1>},
    {.signature = "json_extract(text, path)",
     .doc = "the value at a path such as $.a.b[0] or $.\"odd name\"[#-1] (the last): a scalar as it is, an "
            "object or array as JSON; NULL where nothing stands. Paths are literals; of members of one name "
            "the last counts",
     .example = "json_extract('{\"a\":{\"b\":[1.5,2]}}', '$.a.b[0]') => 1.5",
     .also = "json_value",
     .takes = {kText, kText},
     .literals = 0b10,
     .gives = kAny,
     .evaluate = json_extract,
     .prepare = prepare_path<1>},
    {.signature = "json_keys(text[, path])",
     .doc = "the names of an object's members as a JSON array; NULL where there is no object",
     .example = "json_keys('{\"a\":1,\"b\":2}') => '[\"a\",\"b\"]'",
     .takes = {kText, kText},
     .optional = 1,
     .literals = 0b10,
     .gives_json = true,
     .gives = kText,
     .evaluate = json_keys,
     .prepare = prepare_path<1>},
    {.signature = "json_length(text[, path])",
     .doc = "how many items an array or members an object has; NULL of anything else",
     .example = "json_length('[1,[2,3]]') => 2",
     .also = "json_array_length",
     .takes = {kText, kText},
     .optional = 1,
     .literals = 0b10,
     .gives = kInteger,
     .evaluate = json_length,
     .prepare = prepare_path<1>},
    {.signature = "json_object([name, x, …])",
     .doc = "a JSON object of names and values; nested like json_array",
     .example = "json_object('device', 'press', 'temp', 21.5) => '{\"device\":\"press\",\"temp\":21.5}'",
     .takes = {kText, kAny},
     .optional = 2,
     .repeats = 2,
     .nulls = Nulls::are_seen,
     .gives_json = true,
     .gives = kText,
     .evaluate = json_object,
     .prepare = prepare_nested},
    {.signature = "json_quote(x)",
     .doc = "the value as JSON",
     .example = "json_quote('a \"b\"') => '\"a \\\"b\\\"\"'",
     .takes = {kAny},
     .nulls = Nulls::are_seen,
     .gives_json = true,
     .gives = kText,
     .evaluate = json_quote},
    {.signature = "json_type(text[, path])",
     .doc = "'null', 'boolean', 'integer', 'float', 'text', 'array' or 'object'; NULL where nothing stands",
     .example = "json_type('{\"a\":1.5}', '$.a') => 'float'",
     .takes = {kText, kText},
     .optional = 1,
     .literals = 0b10,
     .gives = kText,
     .evaluate = json_type,
     .prepare = prepare_path<1>},
    {.signature = "json_valid(text)",
     .doc = "whether the text is JSON",
     .example = "json_valid('{\"a\":}') => FALSE",
     .takes = {kText},
     .gives = kBoolean,
     .evaluate = json_valid},
};

}  // namespace

std::span<const Function> json_functions() {
  return kJson;
}

}  // namespace tidemark::function
