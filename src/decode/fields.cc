#include "decode/fields.h"

#include "base/format.h"
#include "base/invariant.h"

namespace tidemark {

std::string to_text(const RecordPath& path) {
  std::string out;
  for (const RecordStep& step : path) {
    if (step.index) {
      out += format("[{}]", *step.index);
      continue;
    }
    if (!out.empty()) out += '.';
    out += step.name;
  }
  return out;
}

std::size_t FieldSet::add(const RecordPath& path) {
  invariant(!path.empty() && !path.front().index, "the path of a field begins with a member");
  if (const std::optional<std::size_t> slot = find(path)) return *slot;
  paths_.push_back(path);
  return paths_.size() - 1;
}

std::optional<std::size_t> FieldSet::find(const RecordPath& path) const {
  for (std::size_t slot = 0; slot < paths_.size(); ++slot)
    if (paths_[slot] == path) return slot;
  return std::nullopt;
}

}  // namespace tidemark
