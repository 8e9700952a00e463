// Which results of two runs belong together, and what is told of those that differ.
#include "pipeline/result_comparison.h"

#include <doctest/doctest.h>

namespace tidemark {
namespace {

using Run = ResultComparison::Run;

struct World {
  explicit World(std::size_t most_waiting = 100)
      : comparison([this](const ResultComparison::Difference& d) { told.push_back(text_of(d)); },
                   most_waiting) {
    counts.pipeline = "counts";
    counts.columns = {{"k"}, {"n"}, {"s"}};
    counts.identity = 1;
    lines.pipeline = "lines";
    lines.columns = {{"v"}};
    swapped = counts;
    swapped.columns = {{"k"}, {"s"}, {"n"}};
    more = counts;
    more.columns = {{"k"}, {"n"}, {"s"}, {"m"}};
  }
  static std::string text_of(const ResultComparison::Difference& d) {
    std::string out = d.pipeline;
    for (const auto& [name, value] : d.identity) out += " " + name + "=" + value;
    out += d.in_first && d.in_second ? ":" : d.in_first ? " <" : " >";
    for (const auto& cell : d.cells)
      out += " " + cell.name + " " + cell.first.value_or("-") + "|" + cell.second.value_or("-");
    return out;
  }
  void count(Run run, const char* key, std::int64_t n, std::int64_t s) {
    comparison.take(run, counts, std::vector{Value::text(key), Value::integer(n), Value::integer(s)});
  }
  void line(Run run, std::int64_t v) { comparison.take(run, lines, std::vector{Value::integer(v)}); }

  ResultSchema counts, lines, swapped, more;
  std::vector<std::string> told;
  ResultComparison comparison;
};
using Told = std::vector<std::string>;

TEST_CASE(
    "comparison: the n-th result of a key belongs to the n-th of the other run, whichever comes first") {
  World world;
  world.count(Run::first, "a", 1, 10);
  world.count(Run::first, "a", 2, 20);
  world.count(Run::second, "b", 7, 7);
  world.count(Run::second, "a", 1, 10);
  world.count(Run::second, "a", 2, 21);
  world.count(Run::first, "b", 7, 7);
  world.comparison.finish();
  CHECK(world.told == Told{"counts k=\"a\": s 20|21"});
  CHECK(world.comparison.counts().alike == 2);
  CHECK(world.comparison.counts().differ == 1);
}

TEST_CASE("comparison: what only one run has is told at the end, with all its columns") {
  World world;
  world.count(Run::first, "a", 1, 10);
  world.count(Run::second, "b", 2, 20);
  CHECK(world.told.empty());
  world.comparison.finish();
  CHECK(world.told == Told{"counts k=\"a\" < n 1|- s 10|-", "counts k=\"b\" > n -|2 s -|20"});
  CHECK(world.comparison.counts().only_first == 1);
  CHECK(world.comparison.counts().only_second == 1);
}

TEST_CASE("comparison: results without a key and a window are equal or alone") {
  World world;
  world.line(Run::first, 1);
  world.line(Run::first, 2);
  world.line(Run::second, 2);
  world.line(Run::second, 3);
  world.comparison.finish();
  CHECK(world.told == Told{"lines < v 1|-", "lines > v -|3"});
  CHECK(world.comparison.counts().alike == 1);
}

TEST_CASE("comparison: another order of columns is no difference, another column is one") {
  World world;
  world.count(Run::first, "a", 1, 10);
  world.comparison.take(Run::second, world.swapped,
                        std::vector{Value::text("a"), Value::integer(10), Value::integer(1)});
  CHECK(world.told.empty());
  world.count(Run::first, "a", 1, 10);
  world.comparison.take(
      Run::second, world.more,
      std::vector{Value::text("a"), Value::integer(1), Value::integer(10), Value::integer(5)});
  CHECK(world.told == Told{"counts k=\"a\": m -|5"});
}

TEST_CASE("comparison: no more waits than it may; the oldest is then one that the other does not have") {
  World world(2);
  world.count(Run::first, "a", 1, 1);
  world.count(Run::first, "b", 1, 1);
  CHECK(world.told.empty());
  world.count(Run::first, "c", 1, 1);
  CHECK(world.told == Told{"counts k=\"a\" < n 1|- s 1|-"});
  world.count(Run::second, "b", 1, 1);
  world.count(Run::second, "c", 1, 1);
  world.comparison.finish();
  CHECK(world.told.size() == 1);
  CHECK(world.comparison.counts().alike == 2);
}

}  // namespace
}  // namespace tidemark
