#include "pipeline/named_zones.h"

#include <set>

#include "expressions/parser.h"
#include "expressions/zones.h"
#include "windows/aggregate.h"

namespace tidemark {

std::vector<std::string> named_zones(const Settings& settings) {
  const AggregateNames is_aggregate = [](std::string_view name, std::size_t arguments) {
    return find_aggregate(name, arguments) != nullptr;
  };
  std::set<std::string> names;
  const auto look = [&](const std::string& text) {
    // A name after AS changes nothing about the zones.
    if (const auto item = parse_select_item(text, is_aggregate)) collect_zones(item->expression, names);
  };
  for (const PipelineSettings& pipeline : settings.pipelines) {
    if (const std::string& zone = *pipeline.window.zone; !zone.empty() && !Zone::fixed(zone))
      names.insert(zone);
    look(*pipeline.where);
    look(*pipeline.having);
    for (const auto* const list : {&pipeline.derive, &pipeline.key_by, &pipeline.select})
      for (const Located<std::string>& text : *list) look(*text);
  }
  return {names.begin(), names.end()};
}

}  // namespace tidemark
