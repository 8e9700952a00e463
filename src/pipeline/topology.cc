#include "pipeline/topology.h"

#include <algorithm>
#include <set>

namespace tidemark {
namespace {

template <class Things>
std::optional<std::size_t> index_of(const Things& things, const std::string& name) {
  for (std::size_t i = 0; i < things.size(); ++i)
    if (things[i].name == name) return i;
  return std::nullopt;
}

}  // namespace

void connect_inputs(const Settings& settings, Plan& plan) {
  std::set<const PipelinePlan*> unconnected;
  for (PipelinePlan& pipeline : plan.pipelines)
    for (const Located<std::string>& from : pipeline.settings->from) {
      if (const auto source = index_of(settings.sources, *from))
        pipeline.inputs.push_back({true, *source, {}});
      else if (const auto upstream = index_of(settings.pipelines, *from))
        pipeline.inputs.push_back({false, *upstream, {}});
      else
        unconnected.insert(&pipeline);
    }

  // Repeatedly the first pipeline, in name order, all of whose upstreams have run: deterministic, and a
  // function of the configuration alone.
  std::vector<bool> placed(plan.pipelines.size(), false);
  while (plan.order.size() < plan.pipelines.size()) {
    const std::size_t before = plan.order.size();
    for (std::size_t i = 0; i < plan.pipelines.size() && plan.order.size() == before; ++i) {
      const auto ready = [&](const PipelineInput& input) { return input.from_source || placed[input.index]; };
      if (placed[i] || plan.pipelines[i].inputs.empty() || unconnected.contains(&plan.pipelines[i]) ||
          !std::ranges::all_of(plan.pipelines[i].inputs, ready))
        continue;
      placed[i] = true;
      plan.order.push_back(i);
    }
    if (plan.order.size() == before) break;
  }

  for (const std::size_t i : plan.order)
    for (const PipelineInput& input : plan.pipelines[i].inputs)
      (input.from_source ? plan.sources[input.index].readers : plan.pipelines[input.index].readers)
          .push_back(i);
}

}  // namespace tidemark
