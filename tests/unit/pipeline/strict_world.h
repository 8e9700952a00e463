// StrictWorld: an EngineWorld whose journal is kept, so that a pipeline which stands still can read it again.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "engine_world.h"
#include "pipeline/failures.h"
#include "pipeline/standing.h"

namespace tidemark {

class StrictWorld : public EngineWorld {
 public:
  // Pipelines behind source `a`; "strict" is the one that may stand still.
  explicit StrictWorld(const std::string& pipelines) : EngineWorld(with_source_a(pipelines)) {}
  struct Whole {
    std::string configuration;
  };
  explicit StrictWorld(const Whole& whole) : EngineWorld(whole.configuration) {}

  void put(EntryKind kind, Duration at, const std::string& payload, const std::string& topic = {}) {
    journal_.push_back({kind, at, payload, topic});
    entry_of(journal_.back());
  }
  void word(Duration at, const std::string& k, int v = 1) { put(EntryKind::record, at, json(at, k, v)); }
  void restart(Duration at, RestartBy by = RestartBy::strategy, const std::string& uid = "strict") {
    put(EntryKind::restart, at, encode_restart({by, uid}));
  }
  void skip(Duration at) { put(EntryKind::skip, at, "strict"); }

  const Standing* standing() const { return engine->standing(strict()); }
  const Failures& failures() const { return engine->failures(strict()); }
  std::size_t strict() const {
    for (std::size_t i = 0; i < settings.pipelines.size(); ++i)
      if (settings.pipelines[i].name == "strict") return i;
    return 0;
  }
  // The whole journal once more, from nothing, and every result of it.
  std::vector<std::string> replayed(std::uint64_t hash_seed, std::size_t save_every = 0) {
    output.take();
    engine = make(hash_seed);
    REQUIRE(engine->take_over({}));
    position = Position{};
    std::size_t n = 0;
    for (const Kept& kept : journal_) {
      entry_of(kept);
      if (save_every != 0 && ++n % save_every == 0) save_and_load(hash_seed + n);
    }
    return output.take();
  }

 private:
  struct Kept {
    EntryKind kind;
    Duration at;
    std::string payload, topic;
  };
  static Entry entry_for(const Kept& kept) {
    return {.kind = kept.kind,
            .source = 1,
            .time = begin + kept.at,
            .resume = {},
            .topic = kept.topic,
            .payload = kept.payload};
  }
  void entry_of(const Kept& kept) {
    position = position.next();
    bool done = engine->apply(position, entry_for(kept), 0);
    while (!done) {
      if (const auto missed = engine->missed()) {
        REQUIRE(missed->after < missed->through);
        REQUIRE(missed->through.value + 1 == position.value);
        done = engine->apply_missed(missed->after.next(), entry_for(journal_[missed->after.value]), 0);
      } else {
        done = engine->go_on();
      }
    }
  }
  std::deque<Kept> journal_;
};

}  // namespace tidemark
