#include "base/ancestry.h"

namespace tidemark {

std::optional<Position> Ancestry::last_of(Timeline timeline) const {
  // Walks from the present to its ancestors; each fork caps how far the parent counts. A history that names a
  // timeline as its own ancestor ends the walk.
  Timeline at = current();
  Position cap{~std::uint64_t{0}};
  for (std::size_t steps = 0; steps <= forks_.size(); ++steps) {
    if (timeline == at) return cap;
    const Fork* made_by = nullptr;
    for (const Fork& fork : forks_)
      if (fork.timeline == at) made_by = &fork;
    if (made_by == nullptr) return std::nullopt;
    if (made_by->at < cap) cap = made_by->at;
    at = made_by->parent;
  }
  return std::nullopt;
}

bool Ancestry::contains(Timeline timeline, Position position) const {
  const std::optional<Position> last = last_of(timeline);
  return last && position <= *last;
}

Timeline Ancestry::timeline_at(Position position) const {
  Timeline at = current();
  for (std::size_t steps = 0; steps < forks_.size(); ++steps) {
    const Fork* made_by = nullptr;
    for (const Fork& fork : forks_)
      if (fork.timeline == at) made_by = &fork;
    if (made_by == nullptr || position > made_by->at) return at;
    at = made_by->parent;
  }
  return at;
}

Ancestry Ancestry::without_last() const {
  if (forks_.empty()) return *this;
  return Ancestry(std::vector<Fork>(forks_.begin(), forks_.end() - 1));
}

Ancestry Ancestry::forked(Timeline parent, Position at) const {
  Timeline highest{1};
  for (const Fork& fork : forks_)
    if (fork.timeline > highest) highest = fork.timeline;
  std::vector<Fork> forks = forks_;
  forks.push_back(Fork{highest.next(), parent, at});
  return Ancestry(std::move(forks));
}

}  // namespace tidemark
