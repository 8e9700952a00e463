#include "journal/entry.h"

#include "base/invariant.h"

namespace tidemark {

std::uint16_t SourceTable::number(std::string_view name) {
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (names_[i] == name) return static_cast<std::uint16_t>(i + 1);
  invariant(names_.size() < kLimit, "a source table has room for the names put into it");
  names_.emplace_back(name);
  return static_cast<std::uint16_t>(names_.size());
}

}  // namespace tidemark
