#include "config/toml_text.h"

#include "base/format.h"
#include "config/variables.h"

namespace tidemark {
namespace {

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += '\\', out += c;
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (byte < 0x20 || byte == 0x7f)
      out += format("\\u{:04x}", static_cast<unsigned>(byte));
    else
      out += c;
  }
  return out + "\"";
}

constexpr std::size_t kWidestList = 100;

// On one line, or where that gets long, an item a line.
std::string list_of(const std::vector<std::string>& items) {
  std::size_t width = 0;
  for (const std::string& item : items) width += item.size() + 2;
  std::string out = "[";
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (width > kWidestList)
      out += "\n  ";
    else if (i > 0)
      out += " ";
    out += items[i];
    if (width > kWidestList || i + 1 < items.size()) out += ",";
  }
  return out + (width > kWidestList ? "\n]" : "]");
}

template <class Things, class Write>
std::vector<std::string> each(const Things& things, Write write) {
  std::vector<std::string> out;
  for (const auto& thing : things) out.push_back(write(thing));
  return out;
}

template <class Things, class Write>
std::string joined(const Things& things, Write write) {
  std::string out;
  for (const auto& thing : things) {
    if (!out.empty()) out += ", ";
    out += write(thing);
  }
  return out;
}

}  // namespace

std::string toml_quoted(std::string_view text) {
  return in_quotes(escape_references(text));
}

std::string toml_list(const std::vector<std::string>& texts) {
  return list_of(each(texts, toml_quoted));
}

std::string toml_as_written(const Node& node) {
  switch (node.kind) {
    case Node::Kind::text:
      return node.as_written.empty() ? toml_quoted(node.text) : in_quotes(node.as_written);
    case Node::Kind::integer:
      return format("{}", node.integer);
    case Node::Kind::boolean:
      return node.boolean ? "true" : "false";
    case Node::Kind::list:
      return list_of(each(node.items, toml_as_written));
    case Node::Kind::table:
      return "{ " +
             joined(
                 node.entries,
                 [](const TableEntry& entry) { return entry.key + " = " + toml_as_written(entry.value); }) +
             " }";
    case Node::Kind::real:
      return format("{}", node.real);
    case Node::Kind::time:
      break;  // no setting takes one
  }
  return "\"\"";
}

}  // namespace tidemark
