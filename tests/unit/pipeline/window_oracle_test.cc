// Random windows over random records, out of order and late, against an oracle that keeps every record; each
// run goes through checkpoints at random places.
#include "session_oracle.h"

#include <numeric>

#include "engine_world.h"
#include "support/fake_random.h"

namespace tidemark {
namespace {

using Window = WindowOracle::Window;

constexpr std::int64_t kSecond = 1000;

std::int64_t floor_to(std::int64_t time, std::int64_t step, std::int64_t offset) {
  std::int64_t into = (time - offset) % step;
  if (into < 0) into += step;
  return time - into;
}

struct Case {
  std::string text;  // of the window
  WindowOracle::Rules rules;
};

// The beginning is a multiple of everything that is drawn here, so that times after it lie as those since
// 1970 do.
std::int64_t multiple(FakeRandom& random, std::int64_t most) {
  return static_cast<std::int64_t>(1 + random.below(static_cast<std::uint64_t>(most)));
}

Case tumbling(FakeRandom& random) {
  const std::int64_t size = multiple(random, 6) * kSecond;
  const std::int64_t offset = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size)));
  Case out{format("type = \"tumbling\", size = \"{}ms\", offset = \"{}ms\"", size, offset), {}};
  out.rules.windows = [=](std::int64_t time) {
    const std::int64_t start = floor_to(time, size, offset);
    return std::vector<Window>{{start, start + size}};
  };
  out.rules.piece = [=](std::int64_t time) { return floor_to(time, size, offset); };
  return out;
}

Case hopping(FakeRandom& random) {
  const std::int64_t slide = multiple(random, 4) * kSecond;
  const std::int64_t size =
      slide + static_cast<std::int64_t>(random.below(random.one_in(3) ? 70 : 12)) * kSecond;
  const std::int64_t offset = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(slide)));
  Case out{
      format("type = \"hopping\", size = \"{}ms\", slide = \"{}ms\", offset = \"{}ms\"", size, slide, offset),
      {}};
  out.rules.windows = [=](std::int64_t time) {
    std::vector<Window> windows;
    for (std::int64_t start = floor_to(time, slide, offset); start > time - size; start -= slide)
      windows.insert(windows.begin(), {start, start + size});
    return windows;
  };
  const std::int64_t piece = std::gcd(size, slide);
  out.rules.piece = [=](std::int64_t time) { return floor_to(time, piece, offset); };
  out.rules.next_only = true;
  return out;
}

Case cumulating(FakeRandom& random) {
  const std::int64_t step = multiple(random, 4) * kSecond;
  const std::int64_t size = step * multiple(random, 5);
  const std::int64_t offset = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(size)));
  Case out{format("type = \"cumulating\", size = \"{}ms\", step = \"{}ms\", offset = \"{}ms\"", size, step,
                  offset),
           {}};
  out.rules.windows = [=](std::int64_t time) {
    std::vector<Window> windows;
    const std::int64_t start = floor_to(time, size, offset);
    for (std::int64_t end = start + step; end <= start + size; end += step)
      if (time < end) windows.push_back({start, end});
    return windows;
  };
  out.rules.piece = [=](std::int64_t time) { return floor_to(time, step, offset); };
  out.rules.next_only = true;
  return out;
}

template <class Rules>
std::string config_of(const std::string& window, const Rules& rules, const char* sink = "rows") {
  std::string keys;
  if (rules.lateness != 0) keys += format("allowed_lateness = \"{}ms\"\n", rules.lateness);
  if (rules.every != 0) keys += format("emit = \"every {}ms\"\n", rules.every);
  if (rules.processing_time) keys += "time = \"processing\"\n";
  if (!rules.processing_time && !window.contains("count")) keys += "late_to = \"late\"\n";
  return format(R"(
[node]
name = "test"
data_dir = "/data"
[sources.a]
type = "tcp"
listen = "127.0.0.1:9001"
format = "json"
timestamp = {{ field = "ts", format = "ms" }}
max_out_of_orderness = "{}ms"
[sinks.rows]
type = "sqlite"
path = "rows.db"
mode = "upsert"
[sinks.late]
type = "file"
path = "late.jsonl"
[sinks.list]
type = "file"
path = "list.jsonl"
[pipelines.w]
from = ["a"]
key_by = ["k"]
window = {{ {} }}
select = ["count(*) AS n", "sum(v) AS total", "first(v) AS v1", "last(v) AS v2", "min(v) AS v3"]
to = ["{}"]
{}
)",
                rules.out_of_orderness, window, sink, keys);
}

std::vector<OracleRecord> records_of(FakeRandom& random, std::uint64_t longest_behind = 25'000) {
  std::vector<OracleRecord> out;
  std::int64_t now = 0;
  const std::uint64_t count = 10 + random.below(50);
  for (std::uint64_t i = 0; i < count; ++i) {
    now += static_cast<std::int64_t>(random.below(random.one_in(8) ? 20'000 : 900));
    const std::int64_t behind =
        static_cast<std::int64_t>(random.below(random.one_in(6) ? longest_behind : longest_behind / 10));
    out.push_back({now - behind, now, format("k{}", random.below(4)), static_cast<int>(random.below(1000)),
                   static_cast<int>(i)});
  }
  return out;
}

// Window times as milliseconds after the beginning.
class MillisecondLines final : public EngineOutput {
 public:
  void result(const Emission& emission) override {
    std::vector<Value> values(emission.schema->columns.size());
    REQUIRE(decode_values(emission.bytes, values));
    std::string line = "w";
    if (emission.schema->channel.kind == ChannelKind::late) {
      lines.push_back("w/late " + std::string(values[1].as_text()));
      return;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool window = emission.schema->columns[i].kind == ResultColumn::Kind::time;
      line += " " + (window ? std::to_string(values[i].as_integer() / 1'000'000 - EngineWorld::kBeginMs)
                     : values[i].is_text() ? std::string(values[i].as_text())
                                           : to_text(values[i]));
    }
    lines.push_back(std::move(line));
  }
  bool full() const override { return false; }
  void noticed(std::string_view, std::string_view, std::string_view) override {}
  std::vector<std::string> lines;
};

using Lines = std::vector<std::string>;

void same(const Lines& found, const Lines& expected) {
  const auto [mine, its] = std::ranges::mismatch(found, expected);
  REQUIRE_MESSAGE((mine == found.end() && its == expected.end()), "line ", mine - found.begin(), ": \"",
                  mine == found.end() ? "" : *mine, "\" and not \"", its == expected.end() ? "" : *its, "\"");
}

// What the engine gives, with checkpoints and ticks in between; the oracle is told the same. Records come one
// by one, or the engine is told what is to come.
template <class Oracle>
Lines run(const std::string& config, const std::vector<OracleRecord>& records, FakeRandom& random,
          Oracle& oracle) {
  BasicEngineWorld<MillisecondLines> world(config, random.next());
  const bool expects = random.one_in(2);
  std::string read;
  std::vector<std::pair<std::size_t, std::size_t>> places;
  for (const OracleRecord& record : records) {
    const std::string line = world.json(std::chrono::milliseconds(record.event), record.key, record.v);
    places.emplace_back(read.size(), line.size());
    read += line + (random.one_in(2) ? "\r\n" : "\n");
  }
  if (expects) world.engine->expect(0, read);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const OracleRecord& record = records[i];
    const std::string_view line = std::string_view(read).substr(places[i].first, places[i].second);
    const auto ms = [](std::int64_t count) { return std::chrono::milliseconds(count); };
    if (random.one_in(10)) {
      world.save_and_load(random.next());
      if (expects) world.engine->expect(0, read);
    }
    if (random.one_in(6)) {
      oracle.tick(record.arrival);
      world.tick(ms(record.arrival));
    }
    oracle.record(record);
    if (expects)
      world.expected_record(ms(record.arrival), line);
    else
      world.record(ms(record.arrival), std::string(line));
  }
  return std::move(world.output.lines);
}

template <class Rules>
void draw_times(FakeRandom& random, Rules& rules) {
  rules.processing_time = random.one_in(4);
  rules.out_of_orderness = static_cast<std::int64_t>(random.below(4)) * 500;
  if (!rules.processing_time && random.one_in(2)) rules.lateness = multiple(random, 20) * kSecond;
  if (random.one_in(2)) rules.every = multiple(random, 6) * kSecond;
}

void same_as_the_oracle(Case (*draw)(FakeRandom&), std::uint64_t seed) {
  FakeRandom random(seed);
  Case drawn = draw(random);
  draw_times(random, drawn.rules);
  const std::string config = config_of(drawn.text, drawn.rules);
  INFO(config);
  WindowOracle oracle(drawn.rules);
  same(run(config, records_of(random), random, oracle), oracle.lines);
}

void many_cases(Case (*draw)(FakeRandom&)) {
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    same_as_the_oracle(draw, seed);
  }
}

TEST_CASE("oracle: tumbling windows") {
  many_cases(tumbling);
}

TEST_CASE("oracle: hopping windows") {
  many_cases(hopping);
}

TEST_CASE("oracle: cumulating windows") {
  many_cases(cumulating);
}

TEST_CASE("oracle: session windows") {
  for (std::uint64_t seed = 1; seed <= 900; ++seed) {
    CAPTURE(seed);
    FakeRandom random(seed);
    SessionOracle::Rules rules{.gap = multiple(random, 5) * kSecond};
    draw_times(random, rules);
    std::string window = format("type = \"session\", gap = \"{}ms\"", rules.gap);
    if (random.one_in(2)) {
      rules.max = rules.gap * multiple(random, 4);
      window += format(", max = \"{}ms\"", rules.max);
    }
    const std::string config = config_of(window, rules);
    INFO(config);
    SessionOracle oracle(rules);
    same(run(config, records_of(random), random, oracle), oracle.lines);
  }
}

TEST_CASE("oracle: sessions of records that come in any order are those of all records") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    FakeRandom random(seed);
    const std::uint64_t behind = 2500 + random.below(10'000);
    const SessionOracle::Rules rules{.gap = multiple(random, 5) * kSecond,
                                     .out_of_orderness = static_cast<std::int64_t>(behind)};
    const std::string config = config_of(format("type = \"session\", gap = \"{}ms\"", rules.gap), rules);
    std::vector<OracleRecord> records = records_of(random, behind);
    const std::vector<OracleRecord> before_the_end = records;
    const std::int64_t end = records.back().arrival + 100'000;
    records.push_back({end, end, "last", 0, static_cast<int>(records.size())});
    SessionOracle oracle(rules);
    Lines lines = run(config, records, random, oracle);
    std::ranges::sort(lines);
    same(lines, sessions_of_all(before_the_end, rules.gap));
  }
}

TEST_CASE("oracle: windows of so many records") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    FakeRandom random(seed);
    WindowOracle::Rules rules;
    rules.processing_time = random.one_in(3);
    const std::size_t size = 1 + random.below(9), slide = 1 + random.below(size);
    std::string window = format("type = \"count\", size = {}", size);
    if (slide != size || random.one_in(2)) window += format(", slide = {}", slide);
    const std::string config = config_of(window, rules, "list");
    INFO(config);
    CountOracle oracle(size, slide, rules.processing_time);
    same(run(config, records_of(random), random, oracle), oracle.lines);
  }
}

}  // namespace
}  // namespace tidemark
