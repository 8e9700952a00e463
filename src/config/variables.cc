#include "config/variables.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/format.h"

namespace tidemark {
namespace {

bool is_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

struct Reference {
  std::string_view name;
  std::optional<std::string_view> fallback;
  std::size_t length = 0;  // of ${...}; 0: it is not closed
};

// The text begins with ${.
Reference reference_at(std::string_view text) {
  const std::size_t close = text.find('}');
  if (close == std::string_view::npos) return {};
  Reference found;
  found.length = close + 1;
  found.name = text.substr(2, close - 2);
  if (const std::size_t colon = found.name.find(":-"); colon != std::string_view::npos) {
    found.fallback = found.name.substr(colon + 2);
    found.name = found.name.substr(0, colon);
  }
  return found;
}

class Replacement {
 public:
  Replacement(const LoaderEnvironment& environment, Diagnostics& diagnostics)
      : environment_(environment), diagnostics_(diagnostics) {}

  void in_text(Node& node) {
    if (node.text.find("${") == std::string::npos) return;
    const Located<std::string> written(node.text, node.place);
    const std::string_view text = *written;
    std::string out;
    bool any = false;
    for (std::size_t at = 0; at < text.size();) {
      const std::string_view rest = text.substr(at);
      if (rest.starts_with("$${")) {
        out += "${";
        at += 3;
        continue;
      }
      if (!rest.starts_with("${")) {
        out += rest.front();
        ++at;
        continue;
      }
      any = true;
      const Reference reference = reference_at(rest);
      if (reference.length == 0) {
        diagnostics_.error_inside(
            written, at, 2, "this ${ is not closed",
            "write ${NAME} for an environment variable, $${ for the characters themselves");
        node.broken = true;
        return;
      }
      const std::optional<std::string> value = value_of(written, at, reference);
      if (!value) {
        node.broken = true;
        return;
      }
      out += *value;
      at += reference.length;
    }
    if (any) node.as_written = std::move(node.text);
    node.text = std::move(out);
  }

 private:
  std::optional<std::string> value_of(const Located<std::string>& written, std::size_t at,
                                      const Reference& reference) {
    if (!is_name(reference.name)) {
      diagnostics_.error_inside(written, at, reference.length, "this is no name of an environment variable",
                                "write ${NAME} or ${NAME:-default}, $${ for the characters themselves");
      return std::nullopt;
    }
    if (environment_.variable)
      if (auto value = environment_.variable(std::string(reference.name))) return value;
    if (reference.fallback) return std::string(*reference.fallback);
    diagnostics_.error_inside(written, at, reference.length,
                              format("the environment variable {} is not set", reference.name),
                              format("set it, or give a default: ${{{}:-default}}", reference.name));
    return std::nullopt;
  }

  const LoaderEnvironment& environment_;
  Diagnostics& diagnostics_;
};

}  // namespace

void replace_variables(Node& node, const LoaderEnvironment& environment, Diagnostics& diagnostics) {
  if (node.withheld) return;
  if (node.kind == Node::Kind::text) Replacement(environment, diagnostics).in_text(node);
  for (Node& item : node.items) replace_variables(item, environment, diagnostics);
  for (TableEntry& entry : node.entries) replace_variables(entry.value, environment, diagnostics);
}

std::string escape_references(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) out += '$';
    out += text[i];
  }
  return out;
}

std::string_view only_reference(std::string_view as_written) {
  if (!as_written.starts_with("${")) return {};
  const Reference reference = reference_at(as_written);
  return reference.length == as_written.size() ? reference.name : std::string_view();
}

}  // namespace tidemark
