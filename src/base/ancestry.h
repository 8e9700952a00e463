// Ancestry: which parts of which timelines belong to the present.
//
// Restoring an older point without replaying all that followed begins a new timeline ("2 forks from 1 at p").
// What timeline 1 recorded after p is then no part of the present, though it may still be on disk, and
// positions after p exist twice. Whoever reads the journal or chooses a checkpoint asks contains(). Value;
// pure.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/ids.h"

namespace tidemark {

struct Fork {
  Timeline timeline;  // the new one
  Timeline parent;
  Position at;  // the last position that both share
};

class Ancestry {
 public:
  // A history with one timeline, number 1.
  Ancestry() = default;
  // `forks` in the order of their making; the last one's timeline is the present.
  explicit Ancestry(std::vector<Fork> forks) : forks_(std::move(forks)) {}

  Timeline current() const { return forks_.empty() ? Timeline{1} : forks_.back().timeline; }
  const std::vector<Fork>& forks() const { return forks_; }

  // True when `position`, as recorded on `timeline`, is part of the present's past.
  bool contains(Timeline timeline, Position position) const;
  // The last position of `timeline` that is part of the present's past: the highest there is for the
  // present's own timeline, nothing for one that was abandoned whole.
  std::optional<Position> last_of(Timeline timeline) const;

  // The timeline on which an entry of the present's past at `position` was recorded, and on which the results
  // of it were numbered.
  Timeline timeline_at(Position position) const;

  // The history after restoring `at` and going on from there.
  Ancestry forked(Position at) const { return forked(current(), at); }
  // The same for a point of `parent`, which may be a branch that was abandoned.
  Ancestry forked(Timeline parent, Position at) const;
  // The history as it was before its last branch began.
  Ancestry without_last() const;

 private:
  std::vector<Fork> forks_;
};

}  // namespace tidemark
