#include "app/comparison_text.h"

#include <algorithm>

#include "base/format.h"
#include "base/json_text.h"

namespace tidemark {
namespace {

using Difference = ResultComparison::Difference;

std::string json_key(std::string_view name) {
  std::string out;
  append_json(out, name);
  return out + ":";
}

void append_member(std::string& out, std::string_view name, std::string_view json) {
  if (!out.ends_with('{')) out += ',';
  out += json_key(name);
  out += json;
}

std::string columns_of(const Difference& difference, bool first) {
  if (!(first ? difference.in_first : difference.in_second)) return "null";
  std::string out = "{";
  for (const ResultComparison::Cell& cell : difference.cells)
    if (const auto& value = first ? cell.first : cell.second) append_member(out, cell.name, *value);
  return out + "}";
}

}  // namespace

std::string comparison_text(const Difference& difference, const ComparedRuns& runs) {
  std::string out = difference.pipeline;
  if (difference.channel != ChannelKind::main) out += format(" ({})", to_text(difference.channel));
  for (const auto& [name, value] : difference.identity) out += format(" {}={}", name, value);
  const bool both = difference.in_first && difference.in_second;
  if (!both) out += format(": only in {}", difference.in_first ? runs.first : runs.second);
  out += '\n';
  std::size_t widest = 0;
  for (const ResultComparison::Cell& cell : difference.cells) widest = std::max(widest, cell.name.size());
  for (const ResultComparison::Cell& cell : difference.cells) {
    out += format("    {:{}}  ", cell.name, widest);
    if (both)
      out += format("{} | {}\n", cell.first.value_or("-"), cell.second.value_or("-"));
    else
      out += cell.first ? *cell.first + "\n" : cell.second.value_or("-") + "\n";
  }
  return out;
}

std::string comparison_json(const Difference& difference) {
  std::string out = "{";
  std::string text;
  append_json(text, difference.pipeline);
  append_member(out, "_pipeline", text);
  if (difference.channel != ChannelKind::main) {
    text.clear();
    append_json(text, to_text(difference.channel));
    append_member(out, "_channel", text);
  }
  std::string key = "{";
  for (const auto& [name, value] : difference.identity) append_member(key, name, value);
  append_member(out, "key", key + "}");
  append_member(out, "first", columns_of(difference, true));
  append_member(out, "second", columns_of(difference, false));
  return out + "}\n";
}

}  // namespace tidemark
