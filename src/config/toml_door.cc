#include "config/toml_door.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <toml++/toml.h>

#include "config/toml_outline.h"

namespace tidemark {
namespace {

// Puts the library's values into the outline. False when the two have not seen the same form.
bool fill(Node& node, const toml::node& from) {
  switch (from.type()) {
    case toml::node_type::string:
      if (node.kind != Node::Kind::text) return false;
      node.text = **from.as_string();
      return true;
    case toml::node_type::boolean:
      if (node.kind != Node::Kind::boolean) return false;
      node.boolean = **from.as_boolean();
      return true;
    case toml::node_type::integer:
      if (node.kind != Node::Kind::integer) return false;
      node.integer = **from.as_integer();
      return true;
    case toml::node_type::floating_point:
      if (node.kind != Node::Kind::integer) return false;
      node.kind = Node::Kind::real;
      node.real = **from.as_floating_point();
      return true;
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      if (node.kind != Node::Kind::integer) return false;
      node.kind = Node::Kind::time;
      return true;
    case toml::node_type::array: {
      const toml::array& items = *from.as_array();
      if (node.kind != Node::Kind::list || items.size() != node.items.size()) return false;
      for (std::size_t i = 0; i < items.size(); ++i)
        if (!fill(node.items[i], items[i])) return false;
      return true;
    }
    case toml::node_type::table: {
      const toml::table& entries = *from.as_table();
      if (node.kind != Node::Kind::table || entries.size() != node.entries.size()) return false;
      for (TableEntry& entry : node.entries) {
        const toml::node* const found = entries.get(entry.key);
        if (found == nullptr || !fill(entry.value, *found)) return false;
      }
      return true;
    }
    case toml::node_type::none:
      return false;
  }
  return false;
}

// The library counts characters; a place counts bytes.
Place place_of(const toml::source_position& at, std::uint32_t file, std::string_view text) {
  for (toml::source_index line = 1; line < at.line; ++line)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  text = text.substr(0, text.find('\n'));
  std::uint32_t column = 1;
  for (toml::source_index characters = 1; characters < at.column && column <= text.size(); ++characters) do
      ++column;
    while (column <= text.size() && (static_cast<unsigned char>(text[column - 1]) & 0xc0) == 0x80);
  return {file, at.line, column, 1};
}

}  // namespace

std::optional<Node> read_toml(std::uint32_t file, Diagnostics& diagnostics, std::size_t most_bytes) {
  std::optional<Node> tree = outline(file, diagnostics, most_bytes);
  if (!tree) return std::nullopt;

  std::string_view text = diagnostics.files()[file].text;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  try {
    if (fill(*tree, toml::parse(text))) return tree;
    diagnostics.error(Place{file, 0, 0, 0}, "this is no TOML that can be read with certainty",
                      "please report it with the file");
  } catch (const toml::parse_error& error) {
    std::string_view what = error.description();
    if (constexpr std::string_view kOpening = "Error while parsing "; what.starts_with(kOpening))
      what.remove_prefix(kOpening.size());
    diagnostics.error(place_of(error.source().begin, file, text), std::string(what));
  }
  return std::nullopt;
}

}  // namespace tidemark
