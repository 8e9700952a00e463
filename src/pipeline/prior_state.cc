#include "pipeline/prior_state.h"

#include <algorithm>

#include "base/format.h"
#include "decode/decoder.h"

namespace tidemark {
namespace {

constexpr std::string_view kSource = "engine/source/";
constexpr std::string_view kPipeline = "engine/pipeline/";

std::string name_of(const Manifest& manifest, const std::string& uid) {
  const auto at = std::ranges::find(manifest.pipelines, uid, &PipelineSummary::uid);
  return at == manifest.pipelines.end() ? uid : at->name;
}

}  // namespace

std::vector<std::pair<std::string, EntryTable*>> PriorState::tables() const {
  std::vector<std::pair<std::string, EntryTable*>> out;
  for (const auto& [name, memory] : memories)
    if (memory.table) out.emplace_back(std::string(kFormatMemory) + name, memory.table.get());
  for (const PriorPipeline& pipeline : pipelines)
    if (pipeline.table) out.emplace_back("state/" + pipeline.uid, pipeline.table.get());
  return out;
}

Result<PriorState> prior_state(const Manifest& manifest, std::uint64_t hash_seed) {
  PriorState prior;
  prior.position = manifest.position;
  for (const auto& [name, bytes] : manifest.sections) {
    if (name == "engine") {
      prior.engine = bytes;
    } else if (name.starts_with(kRetired)) {
      prior.retired.emplace(name.substr(kRetired.size()), bytes);
    } else if (name.starts_with(kSource)) {
      prior.sources.emplace(name.substr(kSource.size()), bytes);
    } else if (name.starts_with(kFormatMemory)) {
      PriorMemory& memory = prior.memories[name.substr(kFormatMemory.size())];
      memory.section = bytes;
      const FormatDeclaration* const format_of = find_format(Decoder(bytes).bytes());
      if (format_of == nullptr || format_of->make_table == nullptr)
        return fail(
            format("{} holds what a format remembers that this program does not know", to_text(manifest.id)),
            Error::Kind::corrupt);
      memory.table = format_of->make_table(hash_seed);
    } else if (name.starts_with(kPipeline)) {
      PriorPipeline& pipeline = prior.pipelines.emplace_back();
      pipeline.uid = name.substr(kPipeline.size());
      pipeline.name = name_of(manifest, pipeline.uid);
      pipeline.section = bytes;
      const std::string* layout = manifest.section("layout/" + pipeline.uid);
      Decoder in(layout != nullptr ? std::string_view(*layout) : std::string_view());
      if (layout == nullptr || !load_layout(in, pipeline.layout) || !in.complete())
        return fail(format("{} does not say how the state of pipeline \"{}\" is laid out",
                           to_text(manifest.id), pipeline.name),
                    Error::Kind::corrupt);
      if (pipeline.layout.kind == StateLayout::Kind::stateless) continue;
      auto aggregates = AggregateSet::of(pipeline.layout);
      if (!aggregates) return pass_on(aggregates, "pipeline \"" + pipeline.name + "\"");
      pipeline.aggregates = std::move(*aggregates);
      pipeline.table = std::make_unique<EntryTable>(
          std::make_unique<KeyedPayload>(pipeline.aggregates, PayloadPrefix(pipeline.layout)), hash_seed);
    }
  }
  if (prior.engine.empty())
    return fail(format("{} holds no state of the engine", to_text(manifest.id)), Error::Kind::corrupt);
  return prior;
}

}  // namespace tidemark
