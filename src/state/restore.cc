#include "state/restore.h"

namespace tidemark {

RestoreRule::RestoreRule(std::span<const EntryTable::Base> segments) {
  for (std::size_t segment = 0; segment < segments.size(); ++segment)
    for (unsigned partition = segments[segment].from;
         partition < segments[segment].to && partition < first_.size(); ++partition)
      first_[partition] = segment;
}

bool RestoreRule::counts_at_all(std::size_t segment) const {
  for (const std::size_t first : first_)
    if (segment >= first) return true;
  return false;
}

}  // namespace tidemark
