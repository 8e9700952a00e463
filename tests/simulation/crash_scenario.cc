#include "simulation/crash_scenario.h"

#include <algorithm>
#include <memory>
#include <set>

#include "base/format.h"
#include "base/json.h"
#include "support/fake_random.h"
#include "support/line_receiver.h"

namespace tidemark {
namespace {

constexpr std::int64_t kBegin = 1'740'830'400'000;  // 2025-03-01T12:00:00Z in milliseconds
constexpr std::int64_t kWindow = 10'000;
constexpr std::size_t kDeviceLines = 220, kParts = 40, kKeys = 24, kBatch = 6, kPad = 600;

// Stands still at some of the records, and catches up.
constexpr const char* kStrict = R"(
[pipelines.strict]
from = ["device", "parts"]
where = "CAST(CASE v % 20 WHEN 7 THEN 'x' ELSE '1' END AS INTEGER) = 1"
key_by = ["k"]
select = ["count(*) AS n", "sum(v) AS total"]
to = ["strict"]
on_error = "fail"
poison_after = 2
dead_letter_to = "poison"
restart = { strategy = "fixed-delay", attempts = 1000000, delay = "20ms" }

[sinks.strict]
type = "file"
path = "strict.jsonl"
ids = true

[sinks.poison]
type = "file"
path = "poison.jsonl"
)";
bool fails_strict(std::int64_t v) {
  return v % 20 == 7;
}

std::string config_of(const CrashScenario& scenario) {
  return format(R"(
[node]
name = "sim"
data_dir = "/data"

[checkpoint]
store = "{}"
interval = "300ms"
min_pause = "10ms"
timeout = "20s"
retain = 2

[journal]
enabled = {}
sync = "50ms"
max_size = "64KiB"

[limits]
max_record = "4KiB"

[sources.device]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
timestamp = {{ field = "ts", format = "ms" }}
max_out_of_orderness = "2s"
dead_letter_to = "dead"

[sources.parts]
type = "file"
path = "/parts.csv"
format = "csv"
fields = ["k:string", "g:string", "v:int", "ts:int"]
timestamp = {{ field = "ts", format = "ms" }}
max_out_of_orderness = "2s"

[pipelines.totals]
from = ["device", "parts"]
key_by = ["k"]
select = ["count(*) AS n", "sum(v) AS total"]
to = ["updates", "latest", "plant"]

[pipelines.windows]
from = ["device", "parts"]
key_by = ["g"]
window = {{ type = "tumbling", size = "10s" }}
select = ["count(*) AS n", "sum(v) AS total", "min(v) AS least", "max(v) AS most"]
to = ["closed", "history"]

[pipelines.wide]
from = ["device"]
key_by = ["ts"]
select = ["last(pad) AS pad"]
emit = "every 3s"
to = ["nowhere"]

{}

[sinks.updates]
type = "file"
path = "updates.jsonl"
ids = true

[sinks.plant]
type = "tcp"
connect = "plant:9999"
ack = true
ids = true

[sinks.latest]
type = "sqlite"
path = "out.db"
table = "latest"
mode = "upsert"
flush = "300ms"

[sinks.closed]
type = "file"
path = "closed.csv"
format = "csv"
timestamps = "ms"
flush = "200ms"

[sinks.history]
type = "sqlite"
path = "out.db"
table = "history"
timestamps = "ms"

[sinks.dead]
type = "file"
path = "dead.jsonl"

[sinks.nowhere]
type = "null"
)",
                scenario.store, scenario.journal, scenario.journal ? kStrict : "");
}

// The run, from a disk as it is found to a clean stop at the end.
class CrashRun {
 public:
  CrashRun(const CrashScenario& scenario, const CrashOracle& oracle, std::unique_ptr<FaultFiles> disk,
           std::uint64_t seed, std::int64_t wall_ns, SimulatedPeer::Memory memory = {},
           LineReceiver::Memory received = {})
      : scenario_(scenario),
        machine_({.seed = seed, .lanes = scenario.lanes, .wall_ns = wall_ns}, std::move(disk)),
        device_("press", "127.0.0.1:9999", memory),
        plant_(true, std::move(received)),
        idle_first_(seed % 3 == 0) {
    for (const std::string& line : oracle.device_lines()) device_.measure(line);
  }

  Machine& machine() { return machine_; }
  SimulatedPeer& device() { return device_; }
  LineReceiver& plant() { return plant_; }
  std::int64_t wall_ns() const { return 1'740'830'400'000'000'000 + to_ns(machine_.now()); }

  // Feeds until `lines` have been sent, or everything is acknowledged. The first thing wrong, or nothing.
  std::string boot_and_feed(std::uint64_t lines,
                            const std::function<void(std::uint64_t batch)>& before = {}) {
    if (const Status booted = machine_.boot(config_of(scenario_)); !booted)
      return "P4: the start refused: " + booted.error().message;
    plant_.serve(machine_.network(), "plant:9999");
    // In some runs nothing comes in at first: checkpoints are then taken of what the replay made.
    if (idle_first_) pass(700ms);
    if (!device_.connect(machine_.network())) return "nobody listens";
    // Long enough for many checkpoints without a journal, where each acknowledgement waits for one.
    for (std::uint64_t batch = 0; batch < 600; ++batch) {
      if (before) before(batch);
      device_.turn(kBatch);
      pass(110ms);
      if (device_.all_acknowledged() || device_.memory().sent >= lines) return {};
    }
    return format("P6: only {} of {} lines were acknowledged within a minute", device_.memory().acknowledged,
                  device_.measured());
  }

  // Until the other machine has everything.
  std::string deliver() {
    for (int i = 0; i < 600; ++i) {
      bool waits = false;
      for (const SinkReport& sink : machine_.appliance().status().sinks) waits = waits || sink.waiting != 0;
      if (!waits) return {};
      pass(110ms);
    }
    return "P6: results wait for a minute for sinks that are there";
  }

  std::string stop() {
    if (const Status stopped = machine_.stop(); !stopped)
      return "the stop failed: " + stopped.error().message;
    device_.turn();
    device_.disconnect();
    return {};
  }

 private:
  void pass(Duration duration) {
    plant_.turn();
    machine_.advance(duration / 2);
    plant_.turn(7);  // in the middle of something
    machine_.advance(duration / 2);
  }

  const CrashScenario& scenario_;
  Machine machine_;
  SimulatedPeer device_;
  LineReceiver plant_;
  bool idle_first_;
};

// Cuts the watched run before its operations, and judges what follows.
class CrashWatch {
 public:
  explicit CrashWatch(const CrashScenario& scenario)
      : scenario_(scenario), oracle_(scenario.seed, scenario.journal) {}

  CrashReport report;

  void run() {
    auto disk = std::make_unique<FaultFiles>();
    disk->put("/parts.csv", oracle_.parts_file());
    disk->ignore_sync(scenario_.ignore_sync);
    disk->ignore_directory_sync(scenario_.ignore_directory_sync);
    disk->record(true);
    CrashRun run(scenario_, oracle_, std::move(disk), scenario_.seed, kBegin * 1'000'000);
    run.machine().disk().before_operation([&](FaultFiles::Operation kind, const std::string& path) {
      cut_before_next(run, format("{} {}", name_of(kind), path));
    });

    // In each half one checkpoint fails and is abandoned, and both kinds of sinks are away for a while, over
    // a checkpoint that must keep their results.
    const auto fault = [&](std::uint64_t batch) {
      look_at_segments(run);
      const auto fail_writes = [&](const char* path_part, std::uint64_t times) {
        run.machine().disk().fail(
            {.operation = FaultFiles::Operation::write, .path_part = path_part, .times = times});
      };
      if (batch == 6) fail_writes("checkpoints", 1);
      if (batch == 10) fail_writes("updates.jsonl", 1);
      if (batch == 14) fail_writes("out.db", 1);
      if (batch == 4 || batch == 12) run.plant().break_connections();
      run.plant().holds_sync = batch % 4 == 1;
      if (batch == 17) run.plant().crash();
    };
    note(run.boot_and_feed(kDeviceLines / 2, fault), "the run");
    count_checkpoints(run);
    note(run.stop(), "the run");
    note(run.boot_and_feed(UINT64_MAX, fault), "the run");
    note(run.deliver(), "the run");
    count_checkpoints(run);
    note(run.stop(), "the run");
    judge(run, "the run");
    report.operations = run.machine().disk().operations();
    for (const std::string& line : run.machine().disk().recorded())
      if (line.contains(" remove ") && line.contains("/journal/")) ++report.journal_segments_trimmed;
  }

 private:
  void note(std::string what, const std::string& where) {
    if (!what.empty()) report.violations.push_back(where + ": " + what);
  }

  void judge(CrashRun& run, const std::string& where) {
    for (const std::string& violation : run.device().violations()) note(violation, where);
    for (std::string& violation : oracle_.verdict(run.machine().disk(), run.plant().memory().lines))
      note(std::move(violation), where);
  }

  void count_checkpoints(CrashRun& run) {
    const StatusReport status = run.machine().appliance().status();
    report.checkpoints += status.checkpoint.completed;
    report.abandoned += status.checkpoint.failed;
  }

  void look_at_segments(CrashRun& run) {
    run.machine().appliance().list_checkpoints([&](Result<std::vector<Appliance::Listed>> listed) {
      if (!listed) return;
      for (const Appliance::Listed& checkpoint : *listed) {
        if (!checkpoint.manifest) continue;
        if (const std::string* outbox = checkpoint.manifest->section("outbox")) pending_.insert(*outbox);
        for (const SegmentReference& segment : checkpoint.manifest->segments)
          if (segment.owner == "state/wide" && segment.base_to > segment.base_from)
            bases_.insert(segment.name);
          else if (segment.owner.starts_with("pending/"))
            pending_.insert(segment.owner);
      }
    });
    report.state_bases = bases_.size();
    report.sinks_kept_for = pending_.size();
  }

  void cut_before_next(CrashRun& run, const std::string& what) {
    run.device().listen();
    const std::uint64_t operation = run.machine().disk().operations() + 1;
    if (scenario_.only_before != 0 ? operation != scenario_.only_before : operation % scenario_.stride != 0)
      return;
    if (report.violations.size() >= scenario_.enough_violations) return;
    for (const Loss loss : scenario_.losses) {
      const std::uint64_t seed = scenario_.seed * 100'000 + operation;
      ++report.cuts;
      // What survived without having been synced may be lost by the next cut: those are cut more often.
      const std::uint64_t second_cut_every = loss == Loss::none ? 3 : 16;
      recover(run.machine().disk().after_crash(loss, seed), seed, run.wall_ns(), run.device().memory(),
              run.plant().memory(), format("cut before {} {}, lost: {}", operation, what, name_of(loss)),
              operation % second_cut_every == 0);
    }
  }

  static std::string_view name_of(Loss loss) {
    static constexpr std::string_view kNames[] = {"all unsynced", "nothing", "random"};
    return kNames[static_cast<std::size_t>(loss)];
  }
  static std::string_view name_of(FaultFiles::Operation operation) { return tidemark::name_of(operation); }

  void recover(std::unique_ptr<FaultFiles> disk, std::uint64_t seed, std::int64_t wall_ns,
               SimulatedPeer::Memory memory, LineReceiver::Memory received, const std::string& where,
               bool cut_again) {
    CrashRun run(scenario_, oracle_, std::move(disk), seed, wall_ns, memory, std::move(received));
    if (cut_again) {
      // Somewhere in the first steps of the recovery.
      const std::uint64_t at = 1 + FakeRandom(seed).below(120);
      const auto cut = [&, at](FaultFiles::Operation kind, const std::string& path) {
        if (run.machine().disk().operations() + 1 != at) return;
        run.device().listen();
        for (const Loss loss : {Loss::all_unsynced, Loss::random}) {
          ++report.second_cuts;
          recover(run.machine().disk().after_crash(loss, seed + 1), seed + 1, run.wall_ns(),
                  run.device().memory(), run.plant().memory(),
                  format("{}, and again before {} {} {}, lost: {}", where, at, name_of(kind), path,
                         name_of(loss)),
                  false);
        }
      };
      run.machine().disk().before_operation(cut);
    }
    if (std::string wrong = run.boot_and_feed(UINT64_MAX); !wrong.empty())
      return note(std::move(wrong), where);
    if (std::string wrong = run.deliver(); !wrong.empty()) return note(std::move(wrong), where);
    if (std::string wrong = run.stop(); !wrong.empty()) return note(std::move(wrong), where);
    judge(run, where);
  }

  const CrashScenario& scenario_;
  CrashOracle oracle_;
  std::set<std::string> bases_, pending_;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::vector<std::string> lines_of(const FaultFiles& disk, const std::string& path) {
  return lines_of(disk.exists(path) ? disk.content(path) : std::string());
}

// The first difference, in words; nothing when there is none.
void compare(const std::string& what, const std::vector<std::string>& is,
             const std::vector<std::string>& should, std::vector<std::string>& wrong) {
  for (std::size_t i = 0; i < std::max(is.size(), should.size()); ++i) {
    const std::string a = i < is.size() ? is[i] : "nothing", b = i < should.size() ? should[i] : "nothing";
    if (a == b) continue;
    return wrong.push_back(format("P3: {} has {} rows instead of {}; row {} is {} instead of {}", what,
                                  is.size(), should.size(), i + 1, a, b));
  }
}

}  // namespace

std::string CrashReport::text() const {
  return format(
      "{} cuts and {} second cuts over {} file operations; {} checkpoints, {} abandoned, {} bases of one "
      "state, {} journal segments trimmed",
      cuts, second_cuts, operations, checkpoints, abandoned, state_bases, journal_segments_trimmed);
}

std::string CrashReport::first_violations() const {
  std::string out;
  for (std::size_t i = 0; i < violations.size() && i < 5; ++i) out += violations[i] + "\n";
  return out;
}

CrashReport crash_everywhere(const CrashScenario& scenario) {
  CrashWatch watch(scenario);
  watch.run();
  return std::move(watch.report);
}

CrashOracle::CrashOracle(std::uint64_t seed, bool journal) : journal_(journal) {
  FakeRandom random(seed);
  const std::int64_t span = 100'000;  // of event time, of both sources
  for (std::size_t i = 0; i < kParts; ++i) {
    const Record record{format("part{}", random.below(6)), format("g{}", random.below(4)),
                        static_cast<std::int64_t>(random.below(100)),
                        kBegin + static_cast<std::int64_t>(i) * span / static_cast<std::int64_t>(kParts)};
    parts_ += format("{},{},{},{}\n", record.key, record.group, record.value, record.ts);
    count(record);
  }
  for (std::size_t i = 0; i + 1 < kDeviceLines; ++i) {
    if (random.one_in(20)) {
      broken_.push_back(format("{{\"k\":\"broken{}\",", i));
      device_.push_back(broken_.back());
      continue;
    }
    // Up to two seconds out of order.
    const std::int64_t ts = kBegin +
                            static_cast<std::int64_t>(i) * span / static_cast<std::int64_t>(kDeviceLines) +
                            static_cast<std::int64_t>(random.below(2000));
    std::string pad;
    for (std::size_t c = 0; c < kPad; ++c) pad.push_back(static_cast<char>('a' + random.below(26)));
    add_device_line({format("key{}", random.below(kKeys)), format("g{}", random.below(4)),
                     static_cast<std::int64_t>(random.below(1000)) - 300, ts},
                    pad);
  }
  // A last one, far ahead, that closes every window but its own.
  add_device_line({"key0", "last", 1, kBegin + 1'000'000}, "");
}

void CrashOracle::add_device_line(const Record& record, const std::string& pad) {
  device_.push_back(format(R"({{"k":"{}","g":"{}","v":{},"ts":{},"pad":"{}"}})", record.key, record.group,
                           record.value, record.ts, pad));
  count(record);
}

void CrashOracle::count(const Record& record) {
  values_[record.key].push_back(record.value);
  if (record.group == "last") return;
  Window& window = windows_[{record.ts / kWindow * kWindow, record.group}];
  window.least = window.n == 0 ? record.value : std::min(window.least, record.value);
  window.most = window.n == 0 ? record.value : std::max(window.most, record.value);
  ++window.n;
  window.total += record.value;
}

std::vector<std::string> CrashOracle::verdict(const FaultFiles& disk, const std::string& received) const {
  std::vector<std::string> wrong;
  check_updates(
      lines_of(disk, "/data/updates.jsonl"), "totals", "updates.jsonl", [](std::int64_t) { return true; },
      wrong);
  check_updates(
      lines_of(received), "totals", "the other machine", [](std::int64_t) { return true; }, wrong);
  if (journal_) {
    check_updates(
        lines_of(disk, "/data/strict.jsonl"), "strict", "strict.jsonl",
        [](std::int64_t v) { return !fails_strict(v); }, wrong);
    check_poison(disk, wrong);
  }
  check_rows(disk, wrong);
  return wrong;
}

// Every update of every key once, in order, and every number of a result once, in order.
void CrashOracle::check_updates(const std::vector<std::string>& lines, const std::string& pipeline,
                                const std::string& where, bool (*counted)(std::int64_t value),
                                std::vector<std::string>& wrong) const {
  std::map<std::string, std::vector<std::int64_t>> values;
  std::size_t records = 0;
  for (const auto& [key, all] : values_)
    for (const std::int64_t value : all)
      if (counted(value)) {
        values[key].push_back(value);
        ++records;
      }
  std::map<std::string, std::size_t> seen;
  std::map<std::string, std::int64_t> totals;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto row = JsonValue::parse(lines[i]);
    if (!row) return wrong.push_back(format("P3: {}: line {} is {}", where, i + 1, lines[i]));
    const std::string key(row->text_of("k"));
    const auto known = values.find(key);
    const std::size_t n = ++seen[key];
    if (known == values.end() || n > known->second.size())
      return wrong.push_back(format("P2: {}: {} counts what was never fed", where, lines[i]));
    totals[key] += known->second[n - 1];
    if (row->integer_of("n") != static_cast<std::int64_t>(n) || row->integer_of("total") != totals[key])
      return wrong.push_back(format("P2: {}: line {} is {}, but update {} of {} makes {}", where, i + 1,
                                    lines[i], n, key, totals[key]));
    if (const std::string id = format("sim/1/{}/{}", pipeline, i + 1); row->text_of("_id") != id)
      return wrong.push_back(
          format("P3: {}: line {} has _id {} instead of {}", where, i + 1, row->text_of("_id"), id));
  }
  if (lines.size() != records)
    wrong.push_back(format("P3: {} has {} rows instead of {}", where, lines.size(), records));
}

// Each record that fails is set aside once.
void CrashOracle::check_poison(const FaultFiles& disk, std::vector<std::string>& wrong) const {
  std::size_t failing = 0;
  for (const auto& [key, all] : values_)
    failing += static_cast<std::size_t>(std::ranges::count_if(all, fails_strict));
  std::set<std::string> letters;
  const std::vector<std::string> lines = lines_of(disk, "/data/poison.jsonl");
  for (const std::string& line : lines)
    if (const auto row = JsonValue::parse(line)) letters.insert(std::string(row->text_of("payload")));
  if (letters.size() != lines.size() || lines.size() != failing)
    wrong.push_back(format("P3: poison.jsonl has {} rows, {} different ones, instead of {}", lines.size(),
                           letters.size(), failing));
}

void CrashOracle::check_rows(const FaultFiles& disk, std::vector<std::string>& wrong) const {
  std::vector<std::string> latest;
  for (const auto& [key, values] : values_) {
    std::int64_t total = 0;
    for (const std::int64_t value : values) total += value;
    latest.push_back(format("{}|{}|{}", key, values.size(), total));
  }
  compare("table latest",
          query_database(disk, "/data/out.db", "SELECT k || '|' || n || '|' || total FROM latest ORDER BY k"),
          latest, wrong);

  std::vector<std::string> closed{"g,window_start,window_end,n,total,least,most"}, history;
  for (const auto& [at, window] : windows_) {
    closed.push_back(format("{},{},{},{},{},{},{}", at.second, at.first, at.first + kWindow, window.n,
                            window.total, window.least, window.most));
    history.push_back(closed.back());
  }
  compare("closed.csv", lines_of(disk, "/data/closed.csv"), closed, wrong);
  compare(
      "table history",
      query_database(disk, "/data/out.db",
                     "SELECT g || ',' || window_start || ',' || window_end || ',' || n || ',' || total || "
                     "',' || least || ',' || most FROM history ORDER BY rowid"),
      history, wrong);

  std::vector<std::string> dead;
  for (const std::string& line : lines_of(disk, "/data/dead.jsonl")) {
    const auto row = JsonValue::parse(line);
    dead.push_back(row ? std::string(row->text_of("payload")) : line);
  }
  compare("dead.jsonl", dead, broken_, wrong);
}

}  // namespace tidemark
