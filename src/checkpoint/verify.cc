#include "base/format.h"
#include "checkpoint/store.h"

namespace tidemark {

Status verify_checkpoint(CheckpointStore& store, CheckpointId id) {
  Result<Manifest> manifest = store.read_manifest(id);
  if (!manifest) return pass_on(manifest);
  for (const SegmentReference& segment : manifest->segments) {
    Status read = store.read_segment(*manifest, segment, [](std::string_view) { return Status(); });
    if (!read) return pass_on(read, to_text(id));
  }
  return {};
}

}  // namespace tidemark
