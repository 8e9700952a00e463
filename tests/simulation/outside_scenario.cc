#include "simulation/outside_scenario.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/format.h"
#include "base/json.h"
#include "simulation/cuts.h"
#include "simulation/outside_world.h"

namespace tidemark {
namespace {

using Lines = std::vector<std::string>;

constexpr std::uint64_t kEach = OutsideWorld::kEach;

std::string config(const OutsideScenario& scenario) {
  return format(R"(
[node]
name = "sim"
data_dir = "/data"
[checkpoint]
store = "{}"
interval = "400ms"
min_pause = "10ms"
retain = 2
[journal]
enabled = {}
sync = "50ms"
)",
                scenario.store, scenario.journal) +
         R"(
[sources.device]
type = "tcp"
listen = "127.0.0.1:9999"
ack = true
format = "json"
timestamp = { field = "ts", format = "ms" }
max_out_of_orderness = "1s"
dead_letter_to = "dead"

[sources.near]
type = "unix"
path = "/run/near.sock"
ack = true
format = "csv"
delimiter = ";"
fields = ["word", "v:int"]

[sources.broker]
type = "mqtt"
url = "mqtt://127.0.0.1"
client_id = "broker"
topics = ["press/+/v"]
topic_fields = "press/{line}/v"
keep_alive = "1m"
format = "cbor"

[sources.log]
type = "file"
path = "/var/log/press.log"
follow = true
format = "text"
pattern = '(?P<word>\w+) v=(?P<v>\d+) .*'
fields = ["v:int"]

[sources.parts]
type = "file"
path = "/in/parts.csv"
format = "csv"
header = true
fields = ["v:int"]

[sources.lines]
type = "tcp"
listen = "127.0.0.1:9996"
format = "influx"

[sources.back]
type = "tcp"
connect = "10.0.0.1:7000"
format = "csv"
header = true
multiline = true
fields = ["word", "v:int"]

[sources.gauges]
type = "udp"
listen = "127.0.0.1:9997"
format = "msgpack"

[sources.pipe]
type = "stdin"
format = "csv"
header = true
multiline = true
quote = "'"
fields = ["word", "v:int"]

[sources.plant]
type = "mqtt"
url = "mqtt://127.0.0.1"
client_id = "plant"
topics = ["spBv1.0/#"]
keep_alive = "1m"
format = "sparkplug"

[pipelines.all]
from = ["back", "broker", "device", "gauges", "lines", "log", "near", "parts", "pipe", "plant"]
where = "_source <> 'plant' OR metric = 'v'"
derive = ["coalesce(v, value) AS said"]
key_by = ["_source"]
select = ["count(*) AS n", "sum(said) AS total", "max(said) AS v"]
to = ["turned", "history", "newest", "alerts", "lossy", "screen", "nowhere"]

[pipelines.limited]
from = ["device"]
key_by = ["k"]
ttl = "9s"
max_keys = 4
on_max_keys = "evict-oldest"
select = ["count(*) AS n", "last(v) AS v"]
to = ["limited"]

[pipelines.windows]
from = ["device"]
key_by = ["k"]
window = { type = "tumbling", size = "10s" }
allowed_lateness = "5s"
select = ["count(*) AS n", "max(v) AS v"]
to = ["windows"]
late_to = "late"

[sinks.turned]
type = "file"
path = "turned.csv"
format = "csv"
ids = true
rotate_size = "2KiB"
flush = "200ms"

[sinks.history]
type = "sqlite"
path = "/db/out.db"
table = "history"
ids = true
on_reject = "dead-letter"
flush = "300ms"

[sinks.newest]
type = "sqlite"
path = "/db/out.db"
table = "newest"
mode = "upsert"
flush = "300ms"

[sinks.alerts]
type = "mqtt"
url = "mqtt://127.0.0.1"
client_id = "alerts"
topic = "all/{_source}"
ids = true
buffer = "256KiB"

[sinks.lossy]
type = "mqtt"
url = "mqtt://127.0.0.1"
client_id = "lossy"
topic = "all"
ids = true
buffer = "4KiB"
full = "drop-oldest"

[sinks.screen]
type = "stdout"
ids = true

[sinks.nowhere]
type = "null"

[sinks.dead]
type = "file"
path = "dead.jsonl"

[sinks.late]
type = "file"
path = "late.jsonl"

[sinks.limited]
type = "file"
path = "limited.jsonl"
ids = true

[sinks.windows]
type = "sqlite"
path = "windows.db"
mode = "upsert"
)";
}

Lines lines_of(const std::string& text) {
  Lines out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}
Lines lines_of(const FaultFiles& disk, const std::string& path) {
  return lines_of(disk.exists(path) ? disk.content(path) : std::string());
}

// "SOURCE,N,TOTAL,V,ID" of a result of `all`, as the csv sink writes it.
std::string row_of(const std::string& json) {
  const auto row = JsonValue::parse(json);
  if (!row) return "no result: " + json;
  return format("{},{},{},{},{}", row->text_of("_source"), row->integer_of("n"), row->integer_of("total"),
                row->integer_of("v"), row->text_of("_id"));
}

// What came of the run in each place.
struct Found {
  Lines turned;             // all files, in order
  std::uint64_t files = 0;  // of it
  Lines history, rejected, newest;
  std::map<std::string, Lines> received;
  Lines dead, late, limited, windows;
};

Found look(const FaultFiles& disk, const OutsideWorld::Memory& world) {
  Found found;
  for (std::uint64_t n = 1;; ++n) {
    const std::string rotated = format("/data/turned.csv.{}", n);
    const bool last = !disk.exists(rotated);
    Lines lines = lines_of(disk, last ? "/data/turned.csv" : rotated);
    if (!lines.empty() && lines.front() == "_source,n,total,v,_id") lines.erase(lines.begin());
    found.turned.insert(found.turned.end(), lines.begin(), lines.end());
    found.files = n;
    if (last) break;
  }
  const std::string row = "_source || ',' || n || ',' || total || ',' || v";
  found.history =
      query_database(disk, "/db/out.db", "SELECT " + row + " || ',' || _id FROM history ORDER BY rowid");
  for (const std::string& json :
       query_database(disk, "/db/out.db", "SELECT result FROM _tidemark_rejected ORDER BY rowid"))
    if (!json.starts_with("error")) found.rejected.push_back(row_of(json));
  found.newest = query_database(disk, "/db/out.db", "SELECT " + row + " FROM newest ORDER BY _source");
  for (const auto& [sink, results] : world.received)
    for (const std::string& json : results) found.received[sink].push_back(row_of(json));
  for (const std::string& line : lines_of(disk, "/data/dead.jsonl")) {
    const auto letter = JsonValue::parse(line);
    found.dead.push_back(letter ? std::string(letter->text_of("payload")) : line);
  }
  found.late = lines_of(disk, "/data/late.jsonl");
  found.limited = lines_of(disk, "/data/limited.jsonl");
  found.windows =
      query_database(disk, "/data/windows.db",
                     "SELECT k || ' ' || window_start || ' ' || n || ' ' || v FROM windows ORDER BY 1");
  return found;
}

// One machine and its world, from some moment to the end.
class OutsideRun {
 public:
  struct Memory {
    std::int64_t wall_ns = 1'740'830'400'000'000'000;
    OutsideWorld::Memory world;
    std::map<std::string, std::uint64_t> durable;  // at least so many of each source that may lose some
  };

  OutsideRun(const OutsideScenario& scenario, std::unique_ptr<FaultFiles> disk, std::uint64_t seed,
             Memory memory)
      : scenario_(scenario),
        machine_({.seed = seed, .lanes = scenario.lanes, .wall_ns = memory.wall_ns}, std::move(disk)),
        world_(memory.world),
        durable_before_(memory.durable),
        durable_(std::move(memory.durable)) {
    machine_.serve("10.0.0.1:7000");
    for (const std::string& source : OutsideWorld::sources()) sent_before_[source] = world_.sent(source);
  }

  Machine& machine() { return machine_; }
  OutsideWorld& world() { return world_; }
  Memory memory() { return {to_ns(machine_.wall()), world_.memory(machine_), durable_}; }
  StatusReport& last_status() { return last_status_; }

  std::string boot() {
    if (const Status booted = machine_.boot(config(scenario_)); !booted)
      return "P4: the start refused: " + booted.error().message;
    noted_.clear();
    for (const SourceReport& source : machine_.appliance().status().sources)
      restored_.emplace(source.name, source.records);
    world_.connect(machine_);
    return {};
  }

  std::string feed(std::uint64_t each, const std::function<void(int turn)>& before = {}) {
    for (int turn = 0; turn < 300; ++turn) {
      if (before) before(turn);
      world_.turn(machine_, each);
      machine_.advance(150ms);
      note();
      if (world_.done(each) && all_read(each)) return {};
    }
    return "P6: not everything that was sent is acknowledged";
  }

  // Every sink has what there is for it.
  std::string deliver() {
    for (int turn = 0; turn < 300; ++turn) {
      if (const auto taken = machine_.create_checkpoint(); !taken) {
        return "P6: no checkpoint can be taken: " + taken.error().message;
      }
      world_.turn(machine_, kEach);
      machine_.advance(500ms);
      last_status_ = machine_.appliance().status();
      if (std::ranges::all_of(last_status_.sinks, [](const SinkReport& sink) { return sink.waiting == 0; }))
        return {};
    }
    return "P3: results wait for a sink that is there";
  }

  std::string stop() {
    const Status stopped = machine_.stop();
    world_.disconnect();
    return stopped ? "" : "does not stop: " + stopped.error().message;
  }

  // Which v's of a source must be counted, in order.
  std::vector<std::int64_t> expected(const std::string& source, Lines& wrong) const {
    std::vector<std::int64_t> out;
    const std::uint64_t sent = sent_before_.at(source);
    std::uint64_t kept = sent;
    if (OutsideWorld::lossy(source)) {
      const auto restored = restored_.find(source), durable = durable_before_.find(source);
      kept = restored != restored_.end() ? restored->second : 0;
      if (durable != durable_before_.end() && kept < durable->second)
        wrong.push_back(
            format("P2: {} records of {} were durable, and {} are left", durable->second, source, kept));
      if (kept > sent) wrong.push_back(format("P2: {} records of {}, and {} were sent", kept, source, sent));
    }
    for (std::uint64_t v = 1; v <= kEach; ++v)
      if ((v <= kept || v > sent) && !(source == "device" && v % 9 == 4))
        out.push_back(static_cast<std::int64_t>(v));
    return out;
  }

 private:
  // Records that were applied by a moment are safe once everything appended by then is.
  void note() {
    const StatusReport status = machine_.appliance().status();
    Noted& now = noted_.emplace_back();
    now.appended = status.journal.appended;
    now.completed = status.checkpoint.completed;
    for (const SourceReport& source : status.sources) now.records[source.name] = source.records;
    for (const Noted& then : noted_) {
      // Without a journal: the second checkpoint since then was begun since then.
      const bool safe = scenario_.journal ? then.appended <= status.journal.durable
                                          : then.completed + 2 <= status.checkpoint.completed;
      if (!safe) continue;
      for (const auto& [source, records] : then.records)
        if (OutsideWorld::lossy(source)) durable_[source] = std::max(durable_[source], records);
    }
  }
  bool all_read(std::uint64_t each) {
    const std::map<std::string, std::uint64_t>& now = noted_.back().records;
    return std::ranges::all_of(OutsideWorld::sources(), [&](const std::string& source) {
      if (source == "parts") return now.at(source) == kEach;
      const std::uint64_t before = OutsideWorld::lossy(source) ? sent_before_.at(source) : 0;
      const std::uint64_t kept = OutsideWorld::lossy(source) ? restored_.at(source) : 0;
      return now.at(source) >= OutsideWorld::records(source, each) - before + kept;
    });
  }

  struct Noted {
    Position appended;
    std::uint64_t completed = 0;
    std::map<std::string, std::uint64_t> records;
  };

  const OutsideScenario& scenario_;
  Machine machine_;
  OutsideWorld world_;
  std::map<std::string, std::uint64_t> durable_before_, durable_, restored_, sent_before_;
  std::vector<Noted> noted_;
  StatusReport last_status_;
};

void compare(const std::string& what, const Lines& is, const Lines& should, Lines& wrong) {
  for (std::size_t i = 0; i < std::max(is.size(), should.size()); ++i) {
    const std::string a = i < is.size() ? is[i] : "nothing", b = i < should.size() ? should[i] : "nothing";
    if (a == b) continue;
    return wrong.push_back(format("P3: {} has {} rows instead of {}; row {} is {} instead of {}", what,
                                  is.size(), should.size(), i + 1, a, b));
  }
}

// In the order in which they first came.
Lines without_repetitions(const Lines& lines) {
  Lines out;
  std::set<std::string> seen;
  for (const std::string& line : lines)
    if (seen.insert(line).second) out.push_back(line);
  return out;
}

class OutsideWatch {
 public:
  explicit OutsideWatch(const OutsideScenario& scenario) : scenario_(scenario) {}

  OutsideReport report;

  void run() {
    // What comes of the device alone is a function of its lines, whatever else happens: that of a run without
    // a cut is what is expected of all.
    {
      OutsideRun calm(scenario_, new_disk(), 1, {});
      go(calm, "a run without cuts", true);
      reference_ = look(calm.machine().disk(), calm.memory().world);
      if (!report.violations.empty()) return;
    }
    OutsideRun watched(scenario_, new_disk(), 2, {});
    const auto cuts = cut_before_operations(watched.machine().disk(), scenario_.stride, [&](Cut cut) {
      if (report.violations.size() >= scenario_.enough_violations) return;
      OutsideRun after(scenario_, std::move(cut.disk), cut.seed(), watched.memory());
      go(after, cut.where, false);
    });
    go(watched, "the run", true);
    report.cuts = *cuts;
    const Found found = look(watched.machine().disk(), watched.memory().world);
    report.rejected = found.rejected.size();
    report.rotated = found.files - 1;
    report.late = found.late.size();
    for (const SinkReport& sink : watched.last_status().sinks)
      for (const auto& [name, count] : sink.counters)
        if (sink.name == "lossy" && name == "dropped") report.dropped = count;
    for (const PipelineReport& pipeline : watched.last_status().pipelines) {
      report.expired += pipeline.expired;
      report.evicted += pipeline.evicted;
    }
  }

 private:
  static std::unique_ptr<FaultFiles> new_disk() {
    auto disk = std::make_unique<FaultFiles>();
    OutsideWorld::put_files(*disk);
    return disk;
  }

  // From where it is to the end. `whole`: from the beginning, with a start in between; brokers and the
  // terminal are away for a while.
  void go(OutsideRun& run, const std::string& where, bool whole) {
    std::string wrong = run.boot();
    if (whole) {
      const auto away = [&](int turn) { run.world().away(run.machine(), turn >= 2); };
      if (wrong.empty()) wrong = run.feed(kEach / 2, away);
      if (wrong.empty()) wrong = run.stop();
      if (wrong.empty()) wrong = run.boot();
      const auto back = [&](int turn) { run.world().away(run.machine(), turn < 3); };
      if (wrong.empty()) wrong = run.feed(kEach, back);
    }
    if (wrong.empty()) wrong = run.feed(kEach);
    if (wrong.empty()) wrong = run.deliver();
    const StatusReport status = run.last_status();
    if (wrong.empty()) wrong = run.stop();
    Lines all = run.world().violations();
    if (!wrong.empty())
      all.push_back(wrong);
    else
      judge(run, status, all);
    for (const std::string& text : all) report.violations.push_back(where + ": " + text);
  }

  void judge(OutsideRun& run, const StatusReport& status, Lines& wrong) {
    const Found found = look(run.machine().disk(), run.memory().world);
    judge_counts(run, found, wrong);

    Lines accepted, rejected;
    std::map<std::string, std::string> newest;
    for (const std::string& row : found.turned) {
      const std::size_t id = row.rfind(',');
      const bool fits = (row[id - 1] - '0') % 5 != 3;
      (fits ? accepted : rejected).push_back(row);
      newest[row.substr(0, row.find(','))] = row.substr(0, id);
    }
    compare("table history", found.history, accepted, wrong);
    compare("the table of what it rejects", found.rejected, rejected, wrong);
    Lines last;
    for (const auto& [source, row] : newest) last.push_back(row);
    compare("table newest", found.newest, last, wrong);

    for (const std::string sink : {"alerts", "screen"}) {
      const auto at = found.received.find(sink);
      const Lines received = at == found.received.end() ? Lines() : at->second;
      const Lines once = without_repetitions(received);
      compare("sink " + sink, once, found.turned, wrong);
      report.repeated += received.size() - once.size();
    }
    judge_lossy(found, status, wrong);
    for (const SourceReport& source : status.sources)
      for (const auto& [name, count] : source.counters)
        if (name == "sequence gaps" && count != 0)
          wrong.push_back(format("P3: {} gaps in the sequence of {}, which had none", count, source.name));

    compare("dead.jsonl", found.dead, run.world().broken(), wrong);
    if (reference_) {
      compare("late.jsonl", found.late, reference_->late, wrong);
      compare("limited.jsonl", found.limited, reference_->limited, wrong);
      compare("windows.db", found.windows, reference_->windows, wrong);
    }
  }

  // Each update of each source follows from the one before it.
  void judge_counts(OutsideRun& run, const Found& found, Lines& wrong) {
    std::map<std::string, Lines> by_source;
    for (std::size_t i = 0; i < found.turned.size(); ++i) {
      const std::string& row = found.turned[i];
      const std::size_t id = row.rfind(',');
      if (id == std::string::npos || row.substr(id + 1) != format("sim/1/all/{}", i + 1))
        return wrong.push_back(format("P3: turned.csv: row {} is {}", i + 1, row));
      by_source[row.substr(0, row.find(','))].push_back(row.substr(0, id));
    }
    for (const std::string& source : OutsideWorld::sources()) {
      Lines should;
      std::int64_t n = 0, total = 0;
      for (const std::int64_t v : run.expected(source, wrong)) {
        total += v;
        should.push_back(format("{},{},{},{}", source, ++n, total, v));
      }
      report.lost += kEach - static_cast<std::uint64_t>(n);
      compare("source " + source, by_source[source], should, wrong);
    }
  }

  // Some of it, in order, and what is missing is counted.
  void judge_lossy(const Found& found, const StatusReport& status, Lines& wrong) {
    std::uint64_t dropped = 0;
    for (const SinkReport& sink : status.sinks)
      for (const auto& [name, count] : sink.counters)
        if (sink.name == "lossy" && name == "dropped") dropped = count;
    const auto at = found.received.find("lossy");
    const Lines once = without_repetitions(at == found.received.end() ? Lines() : at->second);
    std::size_t next = 0;
    for (const std::string& row : found.turned)
      if (next < once.size() && once[next] == row) ++next;
    if (next != once.size())
      wrong.push_back(format("P3: sink lossy got {} out of turn, or never issued", once[next]));
    if (once.size() + dropped < found.turned.size())
      wrong.push_back(format("P6: sink lossy lacks {} results, and {} are said to be dropped",
                             found.turned.size() - once.size(), dropped));
  }

  const OutsideScenario& scenario_;
  std::optional<Found> reference_;
};

}  // namespace

OutsideReport cut_off_everywhere(const OutsideScenario& scenario) {
  OutsideWatch watch(scenario);
  watch.run();
  return std::move(watch.report);
}

}  // namespace tidemark
