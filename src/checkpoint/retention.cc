#include "checkpoint/retention.h"

namespace tidemark {

Result<std::optional<std::set<std::string>>> named_segments(CheckpointStore& store) {
  Result<std::vector<CheckpointId>> ids = store.list();
  if (!ids) return pass_on(ids);
  std::set<std::string> names;
  for (const CheckpointId id : *ids) {
    Result<Manifest> manifest = store.read_manifest(id);
    if (!manifest) return std::nullopt;
    for (const SegmentReference& segment : manifest->segments) names.insert(segment.name);
  }
  return names;
}

}  // namespace tidemark
