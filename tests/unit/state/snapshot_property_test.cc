// Random changes among random snapshots, against a plain map: what is restored is what was at the barrier.
#include <doctest/doctest.h>

#include <random>

#include "counters.h"

namespace tidemark {
namespace {

using namespace test;

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed), table_(make_table(seed)) {}

  // False as soon as a restore differs from the model.
  bool run(int steps) {
    for (int step = 0; step < steps; ++step)
      if (!one_step()) return false;
    return true;
  }

  bool fold_back = true;  // false: the mistake that the test must notice
  int completed = 0, abandoned = 0, restarted = 0;

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  std::string random_key() {
    // Few keys, so that they are changed, erased and made again; of many lengths, some beyond those kept
    // inline.
    const std::uint64_t n = below(keys_);
    return std::to_string(n) + std::string(n % 37 == 0 ? 300 : n % 23, 'k');
  }

  bool one_step() {
    const std::uint64_t action = below(100);
    if (action < 55) {
      const std::string key = random_key();
      const CounterValue value{random_(), below(4) == 0 ? std::string(below(50), 't') : ""};
      set(*table_, key, value.count, value.text);
      model_[key] = value;
    } else if (action < 80) {
      const std::string key = random_key();
      if (erase(*table_, key) != (model_.erase(key) == 1)) return false;
    } else if (action < 81 && below(20) == 0) {
      // All of one kind at once, as a window's close does.
      std::erase_if(model_, [&](const auto& item) {
        const bool goes = item.first.size() % 2 == 0;
        if (goes) erase(*table_, item.first);
        return goes;
      });
      keys_ = 20 + below(2000);
    } else if (!table_->snapshot_under_way()) {
      if (action < 90) begin();
    } else if (action < 97) {
      captured_ = table_->capture(rows_, 1 + below(2000));
    } else if (captured_ && below(3) > 0) {
      return complete();
    } else if (below(2) == 0) {
      abandon();
    }
    return table_->size() == model_.size();
  }

  void begin() {
    const std::uint64_t kind = below(10);
    base_ = {};
    if (kind == 0 || segments_.empty()) base_ = {0, EntryTable::kPartitions};
    if (kind == 1 || kind == 2) {
      base_.from = static_cast<unsigned>(below(EntryTable::kPartitions));
      base_.to = base_.from + 1 + static_cast<unsigned>(below(EntryTable::kPartitions - base_.from));
    }
    at_barrier_ = model_;
    rows_.clear();
    captured_ = false;
    table_->begin_snapshot(base_);
  }

  bool complete() {
    table_->complete_snapshot();
    segments_.push_back({base_, rows_});
    drop_unneeded();
    ++completed;
    auto restored = restore(segments_, random_());
    if (contents(*restored) != at_barrier_) return false;
    if (below(5) == 0) {  // a crash: on from the checkpoint
      table_ = std::move(restored);
      model_ = at_barrier_;
      ++restarted;
    }
    return true;
  }

  void abandon() {
    if (fold_back) {
      table_->abandon_snapshot();
    } else {
      while (!table_->capture(rows_, 1000)) {
      }
      table_->complete_snapshot();
    }
    ++abandoned;
  }

  void drop_unneeded() {
    std::vector<EntryTable::Base> bases;
    for (const Segment& segment : segments_) bases.push_back(segment.base);
    const RestoreRule rule(bases);
    std::size_t unneeded = 0;
    while (!rule.counts_at_all(unneeded)) ++unneeded;
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(unneeded));
  }

  std::mt19937_64 random_;
  std::uint64_t keys_ = 200;
  std::unique_ptr<EntryTable> table_;
  Model model_;

  EntryTable::Base base_;
  Model at_barrier_;
  std::string rows_;
  bool captured_ = false;
  std::vector<Segment> segments_;
};

TEST_CASE("base and increments, restored, are the state at the last barrier") {
  int completed = 0, abandoned = 0, restarted = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    History history(seed);
    REQUIRE(history.run(4000));
    completed += history.completed;
    abandoned += history.abandoned;
    restarted += history.restarted;
  }
  CHECK(completed > 700);
  CHECK(abandoned > 300);
  CHECK(restarted > 100);
}

TEST_CASE("control: without folding back what was abandoned, restores go wrong") {
  int wrong = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    History history(seed);
    history.fold_back = false;
    if (!history.run(4000)) ++wrong;
  }
  CHECK(wrong == 20);
}

}  // namespace
}  // namespace tidemark
