#include "simulation/standing_scenario.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <set>

#include "base/format.h"
#include "base/json.h"
#include "simulation/cuts.h"
#include "support/fake_random.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

using Lines = std::vector<std::string>;

constexpr std::int64_t kLines = 190;

struct Standing {
  const char* name;
  bool (*fails)(std::int64_t v);
};
// The first tries again, sets aside, and is FAILED at the third record that fails it; the second at once.
constexpr std::array<Standing, 2> kStanding{{{"strict", [](std::int64_t v) { return v % 7 == 3; }},
                                             {"brittle", [](std::int64_t v) { return v % 50 == 11; }}}};

std::string config(const std::string& store) {
  return format(R"(
[node]
name = "sim"
data_dir = "/data"
[checkpoint]
store = "{}"
interval = "400ms"
min_pause = "10ms"
retain = 1
[journal]
sync = "50ms"
max_size = "64KiB"
compression = "none"
[limits]
max_record = "4KiB"

[sources.in]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"

[pipelines.calm]
from = ["in"]
key_by = ["k"]
select = ["count(*) AS n", "sum(v) AS total", "last(v) AS v"]
to = ["calm"]

[pipelines.strict]
from = ["in"]
where = "CAST(CASE v % 7 WHEN 3 THEN 'x' ELSE '1' END AS INTEGER) = 1"
key_by = ["k"]
select = ["count(*) AS n", "sum(v) AS total", "last(v) AS v"]
to = ["strict"]
on_error = "fail"
poison_after = 2
dead_letter_to = "strict_letters"
restart = {{ strategy = "fixed-delay", attempts = 2, delay = "20ms" }}

[pipelines.brittle]
from = ["in"]
where = "CAST(CASE v % 50 WHEN 11 THEN 'x' ELSE '1' END AS INTEGER) = 1"
key_by = ["k"]
select = ["count(*) AS n", "sum(v) AS total", "last(v) AS v"]
to = ["brittle"]
on_error = "fail"
dead_letter_to = "brittle_letters"
restart = {{ strategy = "none" }}

[pipelines.over]
from = ["strict"]
key_by = ["k"]
select = ["count(*) AS n", "sum(v) AS total", "last(v) AS v"]
to = ["over"]

[sinks.calm]
type = "file"
path = "calm.jsonl"
ids = true
flush = "200ms"
[sinks.strict]
type = "file"
path = "strict.jsonl"
ids = true
flush = "200ms"
[sinks.brittle]
type = "sqlite"
path = "out.db"
table = "brittle"
ids = true
flush = "300ms"
[sinks.over]
type = "sqlite"
path = "out.db"
table = "over"
ids = true
flush = "300ms"
[sinks.strict_letters]
type = "file"
path = "strict_letters.jsonl"
[sinks.brittle_letters]
type = "file"
path = "brittle_letters.jsonl"
)",
                store);
}

std::string key_of(std::int64_t v) {
  return format("k{}", v % 3);
}

// The device, and the operator who resumes what is FAILED and remembers what he was told.
class Plant {
 public:
  struct Memory {
    std::int64_t wall_ns = 1'740'830'400'000'000'000;
    SimulatedPeer::Memory device;
    std::set<std::string> resumed;  // "NAME at POSITION", answered
  };

  Plant(const std::string& store, std::unique_ptr<FaultFiles> disk, std::uint64_t seed, Lanes lanes,
        Memory memory)
      : store_(store),
        machine_({.seed = seed, .lanes = lanes, .wall_ns = memory.wall_ns}, std::move(disk)),
        device_("press", "127.0.0.1:9999", memory.device),
        resumed_(std::move(memory.resumed)) {
    FakeRandom random(5);
    for (std::int64_t v = 1; v <= kLines; ++v) {
      std::string pad;
      for (int c = 0; c < 1600; ++c) pad.push_back(static_cast<char>('a' + random.below(26)));
      lines_.push_back(format(R"({{"k":"{}","v":{},"pad":"{}"}})", key_of(v), v, pad));
    }
  }

  Machine& machine() { return machine_; }
  Memory memory() {
    device_.listen();
    return {to_ns(machine_.wall()), device_.memory(), resumed_};
  }
  std::uint64_t resumed() const { return resumed_.size(); }

  std::string boot() {
    if (const Status booted = machine_.boot(config(store_)); !booted)
      return "P4: the start refused: " + booted.error().message;
    return device_.connect(machine_.network()) ? "" : "nobody listens";
  }
  std::string stop() {
    if (const Status stopped = machine_.stop(); !stopped) return "does not stop: " + stopped.error().message;
    device_.listen();
    device_.disconnect();
    return {};
  }

  // Until so many lines are acknowledged.
  std::string feed(std::uint64_t lines, std::size_t at_a_time, bool resuming) {
    while (device_.measured() < lines) device_.measure(lines_[device_.measured()]);
    for (int turn = 0; turn < 400; ++turn) {
      device_.turn(at_a_time);
      machine_.advance(60ms);
      if (std::string wrong = look(resuming); !wrong.empty()) return wrong;
      if (device_.memory().acknowledged >= lines) return {};
    }
    return format("P6: only {} of {} lines were acknowledged", device_.memory().acknowledged, lines);
  }
  // Until nothing stands still any more.
  std::string recover_all() {
    for (int turn = 0; turn < 400; ++turn) {
      const StatusReport status = machine_.appliance().status();
      if (std::ranges::all_of(status.pipelines, [](const auto& its) { return its.state == "running"; }))
        return {};
      machine_.advance(60ms);
      if (std::string wrong = look(true); !wrong.empty()) return wrong;
    }
    return "a pipeline does not go on";
  }

  std::map<std::string, std::uint64_t> given_up() {
    std::map<std::string, std::uint64_t> out;
    for (const PipelineReport& pipeline : machine_.appliance().status().pipelines)
      out[pipeline.name] = pipeline.given_up;
    return out;
  }
  const std::vector<std::string>& violations() const { return device_.violations(); }

 private:
  // The operator looks at the status, and resumes what is FAILED.
  std::string look(bool resuming) {
    for (const PipelineReport& pipeline : machine_.appliance().status().pipelines) {
      if (pipeline.state != "FAILED") continue;
      const std::string what = format("{} at {}", pipeline.name, pipeline.position->value);
      if (resumed_.contains(what) && !asked_.contains(what))
        return "P1: it was resumed, durably, and is FAILED again: " + what;
      if (!resuming || !asked_.insert(what).second) continue;
      machine_.appliance().resume_pipeline(pipeline.name, [this, what](const Status& done) {
        if (done) resumed_.insert(what);
      });
    }
    return {};
  }

  std::string store_;
  Machine machine_;
  SimulatedPeer device_;
  Lines lines_;
  std::set<std::string> resumed_, asked_;
};

// Rows as JSON objects, in order.
Lines rows_of(const FaultFiles& disk, const std::string& table) {
  return query_database(
      disk, "/data/out.db",
      format("SELECT json_object('k', k, 'n', n, 'total', total, 'v', v, '_id', _id) FROM {} ORDER BY rowid",
             table));
}
Lines lines_of(const FaultFiles& disk, const std::string& path) {
  Lines out;
  const std::string text = disk.exists(path) ? disk.content(path) : std::string();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// Each row follows from the one of its key before it, and from its own v; every number of a result stands
// once. The v's, in order.
std::vector<std::int64_t> counted(const std::string& pipeline, const Lines& rows, Lines& wrong) {
  std::vector<std::int64_t> out;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> by_key;
  for (const std::string& line : rows) {
    const auto row = JsonValue::parse(line);
    const std::int64_t v = row ? row->integer_of("v") : 0;
    if (v == 0) {
      wrong.push_back(format("P3: {}: a row is {}", pipeline, line));
      return out;
    }
    auto& [n, total] = by_key[key_of(v)];
    ++n;
    total += v;
    out.push_back(v);
    const std::string id = format("sim/1/{}/{}", pipeline, out.size());
    if (row->text_of("k") != key_of(v) || row->integer_of("n") != n || row->integer_of("total") != total ||
        row->text_of("_id") != id || (out.size() > 1 && out[out.size() - 2] >= v)) {
      wrong.push_back(format("P2: {}: row {} is {}", pipeline, out.size(), line));
      return out;
    }
  }
  return out;
}

Lines verdict(const FaultFiles& disk, const std::map<std::string, std::uint64_t>& given_up) {
  Lines wrong;
  const auto calm = counted("calm", lines_of(disk, "/data/calm.jsonl"), wrong);
  if (calm.size() != kLines) wrong.push_back(format("P2: calm counted {} records", calm.size()));

  for (const Standing& standing : kStanding) {
    const std::string name = standing.name;
    std::vector<std::int64_t> seen = counted(
        name, name == "strict" ? lines_of(disk, "/data/strict.jsonl") : rows_of(disk, "brittle"), wrong);
    if (std::ranges::any_of(seen, standing.fails)) wrong.push_back("P2: " + name + " counted what fails it");
    std::vector<std::int64_t> aside;
    for (const std::string& line : lines_of(disk, format("/data/{}_letters.jsonl", name))) {
      const auto letter = JsonValue::parse(line);
      const auto record = JsonValue::parse(letter ? letter->text_of("payload") : "");
      aside.push_back(record ? record->integer_of("v") : 0);
    }
    if (!std::ranges::all_of(aside, standing.fails) || !std::ranges::is_sorted(aside, std::less_equal()))
      wrong.push_back("P3: a letter of " + name + " is wrong or stands twice");
    seen.insert(seen.end(), aside.begin(), aside.end());
    const std::uint64_t gone = given_up.at(name);
    if (std::set(seen.begin(), seen.end()).size() + gone != kLines)
      wrong.push_back(format("P2: {} counted or set aside {} records and gave up {}, of {}", name,
                             seen.size(), gone, kLines));
  }
  const auto strict = counted("strict", lines_of(disk, "/data/strict.jsonl"), wrong);
  if (counted("over", rows_of(disk, "over"), wrong) != strict)
    wrong.push_back("P2: who reads strict saw something else than its results");
  return wrong;
}

class StandingWatch {
 public:
  explicit StandingWatch(const StandingScenario& scenario) : scenario_(scenario) {}

  StandingReport report;

  void run() {
    Plant plant(scenario_.store, std::make_unique<FaultFiles>(), 1, scenario_.lanes, {});
    const auto cuts = cut_before_operations(plant.machine().disk(), scenario_.stride, [&](Cut cut) {
      if (report.violations.size() >= scenario_.enough_violations) return;
      Plant after(scenario_.store, std::move(cut.disk), cut.seed(), scenario_.lanes, plant.memory());
      to_the_end(after, cut.where);
    });
    // An operator at hand, and a checkpoint that fails meanwhile.
    std::string wrong = plant.boot();
    plant.machine().disk().fail(
        {.operation = FaultFiles::Operation::write, .path_part = "checkpoints", .skip = 8});
    if (wrong.empty()) wrong = plant.feed(40, 4, true);
    // None, until the journal needs the room. A start in between.
    if (wrong.empty()) wrong = plant.feed(120, 4, false);
    if (wrong.empty()) wrong = plant.stop();
    if (!wrong.empty()) return report.violations.push_back("the run: " + wrong);
    report.given_up = to_the_end(plant, "the run");
    report.resumed = plant.resumed();
    report.cuts = *cuts;
  }

 private:
  std::uint64_t to_the_end(Plant& plant, const std::string& where) {
    std::uint64_t given_up = 0;
    std::string wrong = plant.boot();
    if (wrong.empty()) wrong = plant.feed(kLines, 9, true);
    if (wrong.empty()) wrong = plant.recover_all();
    std::map<std::string, std::uint64_t> by_pipeline;
    if (wrong.empty()) {
      by_pipeline = plant.given_up();
      wrong = plant.stop();
    }
    Lines all = plant.violations();
    if (!wrong.empty())
      all.push_back(wrong);
    else
      std::ranges::move(verdict(plant.machine().disk(), by_pipeline), std::back_inserter(all));
    for (const std::string& text : all) report.violations.push_back(where + ": " + text);
    for (const auto& [name, records] : by_pipeline) given_up += records;
    return given_up;
  }

  const StandingScenario& scenario_;
};

}  // namespace

StandingReport stand_still_everywhere(const StandingScenario& scenario) {
  StandingWatch watch(scenario);
  watch.run();
  return std::move(watch.report);
}

}  // namespace tidemark
