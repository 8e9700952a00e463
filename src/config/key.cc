#include <algorithm>
#include <charconv>
#include <set>
#include <span>

#include "base/format.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/sizes.h"
#include "config/keys.h"
#include "config/toml_text.h"

namespace tidemark {
namespace {

// The word for it in "takes a duration", and how one is written.
struct TypeWords {
  std::string_view name;
  std::string_view example;
};

TypeWords words_of(Key::Type type) {
  switch (type) {
    case Key::Type::text:
    case Key::Type::word:
    case Key::Type::secret:
      return {"a string", "strings stand in quotes"};
    case Key::Type::secret_file:
      return {"a path", "strings stand in quotes"};
    case Key::Type::texts:
      return {"a list of strings", "write it as [\"...\", \"...\"]"};
    case Key::Type::lines:
      return {"a string or a list of strings", "strings stand in quotes"};
    case Key::Type::rows:
      return {"a list of rows", "write them as [{ name = value, ... }, ...]; [] for none"};
    case Key::Type::integer:
      return {"an integer", "write it without quotes and fraction"};
    case Key::Type::number:
      return {"a number", "write it without quotes, as in 1.5"};
    case Key::Type::flag:
      return {"true or false", "write it without quotes"};
    case Key::Type::duration:
      return {"a duration", "a string such as \"250ms\", \"10s\" or \"1h30m\""};
    case Key::Type::extent:
      return {"a duration, or a number of records",
              "a string such as \"10s\" or \"1h30m\"; of a count an integer, without quotes"};
    case Key::Type::size:
      return {"a size", "a string such as \"64KiB\" or \"1MB\""};
    case Key::Type::table:
      return {"a table", "write it as { name = value, ... }"};
    case Key::Type::tables:
      return {"tables of their own", "write them as [NAME.name-of-your-choice]"};
    case Key::Type::list:
      return {"a list of tables",
              "write them as [{ name = value, ... }, ...], or each below a header in [[double brackets]]"};
    case Key::Type::later:
      break;
  }
  return {"a value", ""};
}

}  // namespace

Key& Key::doc(std::string text) {
  doc_ = std::move(text);
  return *this;
}
Key& Key::at_least(std::int64_t least) {
  least_ = least;
  return *this;
}
Key& Key::at_most(std::int64_t most) {
  most_ = most;
  return *this;
}
Key& Key::between(double least, double most) {
  least_number_ = least;
  most_number_ = most;
  return *this;
}
Key& Key::required() {
  required_ = true;
  return *this;
}
Key& Key::required_for(std::string decider, std::vector<std::string> words) {
  required_for_ = Condition{std::move(decider), std::move(words)};
  return *this;
}
Key& Key::optional() {
  optional_ = true;
  return *this;
}
Key& Key::only_for(std::string decider, std::vector<std::string> words) {
  conditions_.push_back({std::move(decider), std::move(words)});
  return *this;
}
Key& Key::later_words(std::vector<std::string> words) {
  later_words_ = std::move(words);
  return *this;
}
Key& Key::none_is(std::string word) {
  none_word_ = std::move(word);
  return *this;
}
Key& Key::check(std::function<bool(const Located<std::string>&, Diagnostics&)> check) {
  check_ = std::move(check);
  return *this;
}

std::string_view Key::type_name() const {
  return words_of(type_).name;
}

std::string Key::in_unit(std::int64_t value) const {
  if (type_ == Type::duration || type_ == Type::extent) return to_text(Duration(value));
  if (type_ == Type::size) return size_to_text(static_cast<std::uint64_t>(value));
  return format("{}", value);
}

std::string Key::range() const {
  if (type_ == Type::number) return format("at least {}, at most {}", least_number_, most_number_);
  // What only the number's own type bounds is not worth a word.
  const bool has_most = most_ < (type_ == Type::integer ? std::numeric_limits<std::int32_t>::max()
                                                        : std::numeric_limits<std::int64_t>::max());
  std::string out;
  if (least_ != 0) out = "at least " + in_unit(least_);
  if (has_most) out += (out.empty() ? "at most " : ", at most ") + in_unit(most_);
  return out;
}

std::string Key::in_quotes(std::string_view text) {
  return toml_quoted(text);
}

// ---- reading

bool Key::read(const Node& node, Reading& reading) {
  return read_(node, reading);
}

bool Key::wrong_type(const Node& node, Reading& reading) const {
  const TypeWords words = words_of(type_);
  std::string example(words.example);
  if (type_ == Type::tables) example.replace(example.find("NAME"), 4, name_);
  reading.diagnostics.error(node.place, format("`{}` takes {}, not {}", name_, words.name, node.kind_name()),
                            std::move(example));
  return false;
}

bool Key::too_long(const Node& node, Reading& reading) const {
  if (toml_as_written(node).size() <= kMaxConfigText) return false;
  reading.diagnostics.error(node.place,
                            format("a string in `{}` is longer than {} bytes", name_, kMaxConfigText));
  return true;
}

bool Key::in_range(std::int64_t value, const Place& place, Reading& reading) const {
  if (value >= least_ && value <= most_) return true;
  const bool small = value < least_;
  reading.diagnostics.error(place, format("`{}` is {}; {} is {}", name_, in_unit(value),
                                          small ? "the least" : "the most", in_unit(small ? least_ : most_)));
  return false;
}

std::optional<std::string> Key::read_text(const Node& node, Reading& reading) const {
  if (node.kind != Node::Kind::text) {
    wrong_type(node, reading);
    return std::nullopt;
  }
  if (too_long(node, reading)) return std::nullopt;
  // A variable may be empty; whoever writes an empty string meant something.
  if (node.text.empty() && node.as_written.empty()) {
    reading.diagnostics.error(node.place, format("`{}` is empty", name_), "leave the key out for none");
    return std::nullopt;
  }
  if (node.text.empty() && required_) {
    reading.diagnostics.error(node.place, format("`{}` is empty: the variable has no value", name_));
    return std::nullopt;
  }
  if (!node.text.empty() && check_ && !check_({node.text, node.place}, reading.diagnostics))
    return std::nullopt;
  return node.text;
}

std::optional<std::vector<Located<std::string>>> Key::read_texts(const Node& node, Reading& reading) const {
  if (node.kind != Node::Kind::list) {
    wrong_type(node, reading);
    return std::nullopt;
  }
  if (node.items.empty()) {
    reading.diagnostics.error(
        node.place, format("`{}` is an empty list", name_),
        required_ || least_ == 1 ? "it takes at least one" : "leave the key out for none");
    return std::nullopt;
  }
  std::vector<Located<std::string>> texts;
  std::set<std::string_view> seen;
  bool fine = true;
  for (const Node& item : node.items) {
    if (item.broken) {
      fine = false;
      continue;
    }
    if (item.kind != Node::Kind::text) {
      reading.diagnostics.error(item.place, format("`{}` takes strings, not {}", name_, item.kind_name()));
      fine = false;
      continue;
    }
    if (item.text.empty()) {
      reading.diagnostics.error(item.place, format("`{}` holds an empty string", name_));
      fine = false;
      continue;
    }
    if (too_long(item, reading)) fine = false;
    const Located<std::string> text(item.text, item.place);
    if (!seen.insert(item.text).second) {
      reading.diagnostics.error(item.place, format("\"{}\" stands twice in `{}`", item.text, name_));
      fine = false;
    }
    if (check_ && !check_(text, reading.diagnostics)) fine = false;
    texts.push_back(text);
  }
  if (!fine) return std::nullopt;
  return texts;
}

std::optional<std::vector<Located<std::string>>> Key::read_lines(const Node& node, Reading& reading) const {
  std::vector<Located<std::string>> lines;
  if (node.kind != Node::Kind::text && node.kind != Node::Kind::list) {
    wrong_type(node, reading);
    return std::nullopt;
  }
  bool fine = true;
  for (const Node& item : node.kind == Node::Kind::list ? std::span(node.items) : std::span(&node, 1)) {
    if (item.broken) {
      fine = false;
    } else if (item.kind != Node::Kind::text) {
      reading.diagnostics.error(item.place, format("`{}` takes strings, not {}", name_, item.kind_name()));
      fine = false;
    } else if (item.text.empty()) {
      reading.diagnostics.error(item.place, format("`{}` holds an empty string", name_));
      fine = false;
    } else if (too_long(item, reading)) {
      fine = false;
    } else {
      lines.emplace_back(item.text, item.place);
    }
  }
  if (node.kind == Node::Kind::list && node.items.empty()) {
    reading.diagnostics.error(node.place, format("`{}` is an empty list", name_),
                              "leave the key out for none");
    fine = false;
  }
  if (!fine) return std::nullopt;
  return lines;
}

namespace {

// A row of TOML's values as JSON. False, after a report, for what JSON does not have.
bool write_json(const Node& node, JsonWriter& out, Diagnostics& diagnostics) {
  switch (node.kind) {
    case Node::Kind::text:
      out.text(node.text);
      return true;
    case Node::Kind::integer:
      out.integer(node.integer);
      return true;
    case Node::Kind::boolean:
      out.boolean(node.boolean);
      return true;
    case Node::Kind::real:
      out.real(node.real);
      return true;
    case Node::Kind::time:
      diagnostics.error(node.place, "a row holds times as strings", "put it in quotes");
      return false;
    case Node::Kind::list: {
      out.begin_array();
      const bool fine = std::ranges::all_of(
          node.items, [&](const Node& item) { return write_json(item, out, diagnostics); });
      out.end_array();
      return fine;
    }
    case Node::Kind::table: {
      out.begin_object();
      const bool fine = std::ranges::all_of(node.entries, [&](const TableEntry& entry) {
        out.key(entry.key);
        const bool good = write_json(entry.value, out, diagnostics);
        if (!good) out.null();
        return good;
      });
      out.end_object();
      return fine;
    }
  }
  return false;
}

}  // namespace

std::optional<std::vector<Located<std::string>>> Key::read_rows(const Node& node, Reading& reading) const {
  if (node.kind != Node::Kind::list) {
    wrong_type(node, reading);
    return std::nullopt;
  }
  std::vector<Located<std::string>> rows;
  bool fine = true;
  for (const Node& item : node.items) {
    if (item.broken) {
      fine = false;
    } else if (item.kind == Node::Kind::table) {
      JsonWriter json;
      if (write_json(item, json, reading.diagnostics))
        rows.emplace_back(json.take(), item.place);
      else
        fine = false;
    } else if (item.kind == Node::Kind::text) {
      const Result<JsonValue> row = JsonValue::parse(item.text);
      const bool is_object = row && row->type == JsonValue::Type::object;
      if (!is_object)
        reading.diagnostics.error(item.place,
                                  format("a row of `{}` is no JSON object{}", name_,
                                         row ? std::string() : ": " + row.error().message),
                                  "write it as { name = value, ... } or '{\"name\": value, ...}'");
      fine = fine && is_object;
      rows.emplace_back(item.text, item.place);
    } else {
      reading.diagnostics.error(item.place, format("`{}` takes rows, not {}", name_, item.kind_name()),
                                "write a row as { name = value, ... } or '{\"name\": value, ...}'");
      fine = false;
    }
  }
  if (!fine) return std::nullopt;
  return rows;
}

std::optional<std::int64_t> Key::read_integer(const Node& node, Reading& reading) const {
  std::int64_t value = node.integer;
  if (node.kind == Node::Kind::text && !node.as_written.empty()) {
    const auto [end, error] = std::from_chars(node.text.data(), node.text.data() + node.text.size(), value);
    if (error != std::errc{} || end != node.text.data() + node.text.size()) {
      reading.diagnostics.error(
          node.place, format("`{}` takes an integer, and the variable gives \"{}\"", name_, node.text));
      return std::nullopt;
    }
  } else if (node.kind != Node::Kind::integer) {
    wrong_type(node, reading);
    return std::nullopt;
  }
  if (!in_range(value, node.place, reading)) return std::nullopt;
  return value;
}

std::optional<double> Key::read_number(const Node& node, Reading& reading) const {
  double value = node.kind == Node::Kind::integer ? static_cast<double>(node.integer) : node.real;
  if (node.kind == Node::Kind::text && !node.as_written.empty()) {
    const auto [end, error] = std::from_chars(node.text.data(), node.text.data() + node.text.size(), value);
    if (error != std::errc{} || end != node.text.data() + node.text.size()) {
      reading.diagnostics.error(
          node.place, format("`{}` takes a number, and the variable gives \"{}\"", name_, node.text));
      return std::nullopt;
    }
  } else if (node.kind != Node::Kind::integer && node.kind != Node::Kind::real) {
    wrong_type(node, reading);
    return std::nullopt;
  }
  if (value >= least_number_ && value <= most_number_) return value;
  const bool most = value > most_number_;
  reading.diagnostics.error(node.place,
                            format("`{}` is {}; {} is {}", name_, value, most ? "the most" : "the least",
                                   most ? most_number_ : least_number_));
  return std::nullopt;
}

std::optional<bool> Key::read_flag(const Node& node, Reading& reading) const {
  if (node.kind == Node::Kind::boolean) return node.boolean;
  if (node.kind == Node::Kind::text && !node.as_written.empty()) {
    if (node.text == "true") return true;
    if (node.text == "false") return false;
    reading.diagnostics.error(
        node.place, format("`{}` takes true or false, and the variable gives \"{}\"", name_, node.text));
    return std::nullopt;
  }
  wrong_type(node, reading);
  return std::nullopt;
}

std::optional<Duration> Key::read_duration(const Node& node, Reading& reading) const {
  if (node.kind != Node::Kind::text && type_ == Type::extent) {
    reading.diagnostics.error(node.place, format("`{}` is a duration here, not {}", name_, node.kind_name()),
                              "a string such as \"10s\" or \"1h30m\"; only a count has so many records");
    return std::nullopt;
  }
  if (node.kind != Node::Kind::text) {
    wrong_type(node, reading);
    return std::nullopt;
  }
  const Result<Duration> parsed = parse_duration(node.text);
  if (!parsed) {
    reading.diagnostics.error(node.place, format("`{}`: {}", name_, parsed.error().message));
    return std::nullopt;
  }
  if (!in_range(parsed->count(), node.place, reading)) return std::nullopt;
  return *parsed;
}

std::optional<std::uint32_t> Key::read_count(const Node& node, Reading& reading) const {
  constexpr std::int64_t kMost = 1'000'000'000;
  std::int64_t value = node.integer;
  bool good = node.kind == Node::Kind::integer;
  if (node.kind == Node::Kind::text && !node.as_written.empty()) {
    const auto [end, error] = std::from_chars(node.text.data(), node.text.data() + node.text.size(), value);
    good = error == std::errc{} && end == node.text.data() + node.text.size();
  }
  if (!good) {
    reading.diagnostics.error(
        node.place, format("`{}` of a count is a number of records, not {}", name_, node.kind_name()),
        "write it without quotes, as in 100");
    return std::nullopt;
  }
  if (value >= 1 && value <= kMost) return static_cast<std::uint32_t>(value);
  reading.diagnostics.error(node.place, format("`{}` is {}; {} is {}", name_, value,
                                               value < 1 ? "the least" : "the most", value < 1 ? 1 : kMost));
  return std::nullopt;
}

std::optional<std::uint64_t> Key::read_size(const Node& node, Reading& reading) const {
  if (node.kind != Node::Kind::text) {
    wrong_type(node, reading);
    return std::nullopt;
  }
  const Result<std::uint64_t> parsed = parse_size(node.text);
  if (!parsed) {
    reading.diagnostics.error(node.place, format("`{}`: {}", name_, parsed.error().message));
    return std::nullopt;
  }
  const std::uint64_t largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!in_range(static_cast<std::int64_t>(std::min(*parsed, largest)), node.place, reading))
    return std::nullopt;
  return *parsed;
}

std::optional<std::size_t> Key::read_word(const Node& node, Reading& reading) const {
  if (node.kind != Node::Kind::text) {
    wrong_type(node, reading);
    return std::nullopt;
  }
  const auto found = std::ranges::find(words_, node.text);
  if (found != words_.end()) return static_cast<std::size_t>(found - words_.begin());

  std::string allowed = "allowed:";
  for (const std::string& word : words_) allowed += format("{} {}", word == words_.front() ? "" : ",", word);
  if (std::ranges::find(later_words_, node.text) != later_words_.end()) {
    reading.diagnostics.error(node.place, format("{} \"{}\" is not in this release", noun_, node.text),
                              std::move(allowed));
    return std::nullopt;
  }
  std::string text = format("unknown {} \"{}\"", noun_, node.text);
  const std::vector<std::string_view> near(words_.begin(), words_.end());
  if (const auto meant = nearest(node.text, near)) text += format("; did you mean \"{}\"?", *meant);
  reading.diagnostics.error(node.place, std::move(text), std::move(allowed));
  return std::nullopt;
}

std::optional<std::string> Key::read_secret_file(const Node& node, Reading& reading) const {
  const std::optional<std::string> path = read_text(node, reading);
  if (!path || path->empty()) return path;
  if (!reading.environment.secret_file) return std::string();
  Result<std::string> content = reading.environment.secret_file(*path);
  if (!content) {
    reading.diagnostics.error(node.place, format("`{}`: {}", name_, content.error().message));
    return std::nullopt;
  }
  if (content->ends_with('\n')) content->pop_back();
  if (content->ends_with('\r')) content->pop_back();
  return std::move(*content);
}

}  // namespace tidemark
