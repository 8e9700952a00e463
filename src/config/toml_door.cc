#include "config/toml_door.h"

#include <algorithm>
#include <exception>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <toml.hpp>

#include "base/format.h"
#include "config/toml_outline.h"

namespace tidemark {
namespace {

// What differs between version 3 of the library (Debian 12) and version 4 (Debian 13).
#if TOML11_VERSION_MAJOR >= 4

struct TomlTypes : toml::type_config {
  using comment_type = toml::discard_comments;
  template <typename Key, typename Mapped>
  using table_type = std::map<Key, Mapped>;
};
using Toml = toml::basic_value<TomlTypes>;

Toml parse(std::istream& in) {
  return toml::parse<TomlTypes>(in, "configuration");
}
const std::string& text_of(const Toml& value) {
  return value.as_string(std::nothrow);
}
constexpr bool kMistakeShownFirst = true;

#else

using Toml = toml::basic_value<toml::discard_comments, std::map, std::vector>;

Toml parse(std::istream& in) {
  return toml::parse<toml::discard_comments, std::map, std::vector>(in, "configuration");
}
const std::string& text_of(const Toml& value) {
  return value.as_string(std::nothrow).str;
}
constexpr bool kMistakeShownFirst = false;

#endif

// Puts the library's values into the outline. False when the two have not seen the same form.
bool fill(Node& node, const Toml& from) {
  switch (from.type()) {
    case toml::value_t::string:
      if (node.kind != Node::Kind::text) return false;
      node.text = text_of(from);
      return true;
    case toml::value_t::boolean:
      if (node.kind != Node::Kind::boolean) return false;
      node.boolean = from.as_boolean(std::nothrow);
      return true;
    case toml::value_t::integer:
      if (node.kind != Node::Kind::integer) return false;
      node.integer = from.as_integer(std::nothrow);
      return true;
    case toml::value_t::floating:
      if (node.kind != Node::Kind::integer) return false;
      node.kind = Node::Kind::real;
      node.real = from.as_floating(std::nothrow);
      return true;
    case toml::value_t::offset_datetime:
    case toml::value_t::local_datetime:
    case toml::value_t::local_date:
    case toml::value_t::local_time:
      if (node.kind != Node::Kind::integer) return false;
      node.kind = Node::Kind::time;
      return true;
    case toml::value_t::array: {
      const auto& items = from.as_array(std::nothrow);
      if (node.kind != Node::Kind::list || items.size() != node.items.size()) return false;
      for (std::size_t i = 0; i < items.size(); ++i)
        if (!fill(node.items[i], items[i])) return false;
      return true;
    }
    case toml::value_t::table: {
      const auto& entries = from.as_table(std::nothrow);
      if (node.kind != Node::Kind::table || entries.size() != node.entries.size()) return false;
      for (TableEntry& entry : node.entries) {
        const auto found = entries.find(entry.key);
        if (found == entries.end() || !fill(entry.value, found->second)) return false;
      }
      return true;
    }
    case toml::value_t::empty:
      return false;
  }
  return false;
}

struct LibraryMessage {
  std::string text;
  Place place;
};

// The library's messages look like this, with one or two of the excerpts; the last one is the mistake's (of
// version 4, which puts the mistake first and marks with ^^^, the first):
//
//   [error] toml::insert_value: table ("a") already exists.
//    --> f
//      |
//    3 | [a]
//      | ~~~ table defined twice
LibraryMessage understand(std::string_view what, std::uint32_t file) {
  LibraryMessage message;
  message.place.file = file;
  message.text = what.substr(0, what.find('\n'));
  if (message.text.starts_with("[error] ")) message.text.erase(0, 8);
  if (const std::size_t name_end = message.text.find(": ");
      message.text.starts_with("toml::") && name_end < 60)
    message.text.erase(0, name_end + 2);
  while (message.text.ends_with('.') || message.text.ends_with(' ')) message.text.pop_back();

  std::uint32_t line = 0;
  for (std::size_t at = 0; at < what.size();) {
    const std::size_t end = std::min(what.find('\n', at), what.size());
    const std::string_view row = what.substr(at, end - at);
    at = end + 1;
    const std::size_t bar = row.find(" | ");
    if (bar == std::string_view::npos) continue;
    const std::string_view margin = row.substr(0, bar);
    const std::size_t digits = margin.find_first_of("0123456789");
    if (digits != std::string_view::npos) {
      line = 0;
      for (const char c : margin.substr(digits))
        if (c >= '0' && c <= '9') line = line * 10 + static_cast<std::uint32_t>(c - '0');
      continue;
    }
    const std::size_t mark = row.find_first_of("^~", bar + 3);
    if (mark == std::string_view::npos || line == 0) continue;
    message.place.line = line;
    message.place.column = static_cast<std::uint32_t>(mark - (bar + 3) + 1);
    const std::size_t mark_end = std::min(row.find_first_not_of(row[mark], mark), row.size());
    message.place.length = static_cast<std::uint32_t>(mark_end - mark);
    if (kMistakeShownFirst) break;
  }
  return message;
}

}  // namespace

std::optional<Node> read_toml(std::uint32_t file, Diagnostics& diagnostics, std::size_t most_bytes) {
  std::optional<Node> tree = outline(file, diagnostics, most_bytes);
  if (!tree) return std::nullopt;

  std::string_view text = diagnostics.files()[file].text;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  try {
    std::istringstream in{std::string(text)};
    if (fill(*tree, parse(in))) return tree;
    diagnostics.error(Place{file, 0, 0, 0}, "this is no TOML that can be read with certainty",
                      "please report it with the file");
  } catch (const std::exception& error) {
    const LibraryMessage message = understand(error.what(), file);
    diagnostics.error(message.place, message.text);
  }
  return std::nullopt;
}

}  // namespace tidemark
