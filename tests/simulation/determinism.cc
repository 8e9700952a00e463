#include "simulation/determinism.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/format.h"
#include "base/json.h"
#include "support/fake_random.h"

namespace tidemark {
namespace {

// Everything outside the machine: peers that send lines, a server, a pipe, a log file, and a broker.
class Outside {
 public:
  Outside(Machine& machine, const Settings& settings, std::map<std::string, std::size_t>& logged)
      : machine_(machine), settings_(settings), logged_(logged) {}

  void connect(bool again) {
    machine_.settle();
    for (const SourceSettings& source : settings_.sources) {
      switch (source.type) {
        case SourceSettings::Type::mqtt:
          connect_broker(again);
          break;
        case SourceSettings::Type::tcp:
          begin(source, source.listen->empty() ? machine_.network().accepted()
                                               : machine_.network().connect(*source.listen));
          break;
        case SourceSettings::Type::unix_socket:
          begin(source, machine_.network().connect(*source.path));
          break;
        case SourceSettings::Type::standard_input:
          if (source.format.header) machine_.network().standard_input_peer().send(header_of(source));
          break;
        case SourceSettings::Type::udp:
        case SourceSettings::Type::file:
          break;
      }
    }
    machine_.settle();
  }

  // One read's worth from one source.
  void hand_over(const std::string& name, const std::vector<const Arrival*>& arrivals) {
    const SourceSettings& source = *std::ranges::find(settings_.sources, name, &SourceSettings::name);
    std::string bytes;
    for (const Arrival* arrival : arrivals) bytes.append(arrival->payload).push_back('\n');
    switch (source.type) {
      case SourceSettings::Type::mqtt:
        for (const Arrival* arrival : arrivals)
          broker_->deliver({.id = ++packet_, .qos = 1, .topic = arrival->topic, .payload = arrival->payload});
        break;
      case SourceSettings::Type::tcp:
      case SourceSettings::Type::unix_socket:
        peers_.at(name)->send(bytes);
        break;
      case SourceSettings::Type::standard_input:
        machine_.network().standard_input_peer().send(bytes);
        break;
      case SourceSettings::Type::udp:
        for (const Arrival* arrival : arrivals)
          machine_.network().send_datagram(*source.listen, arrival->payload);
        break;
      case SourceSettings::Type::file:
        log(*source.path, bytes, arrivals.size());
        break;
    }
    machine_.settle();
  }

  bool broker_waits() const {
    return broker_ != nullptr && (!broker_->held.empty() || broker_->undelivered() > 0);
  }

 private:
  static constexpr std::size_t kRecordsOfLog = 60;  // then it is rotated away

  static std::string header_of(const SourceSettings& source) {
    std::string out;
    for (const FieldSetting& field : source.format.fields)
      out += (out.empty() ? "" : std::string(1, source.format.delimiter)) + field.name;
    return out + "\n";
  }
  void begin(const SourceSettings& source, std::unique_ptr<FakePeer> peer) {
    if (source.format.header) peer->send(header_of(source));
    peers_[source.name] = std::move(peer);
  }
  void log(const std::string& path, const std::string& bytes, std::size_t records) {
    FaultFiles& disk = machine_.disk();
    std::size_t& logged = logged_[path];
    const bool rotates = logged / kRecordsOfLog != (logged + records) / kRecordsOfLog;
    if (rotates && logged != 0) {
      std::uint64_t last = 0;
      while (disk.exists(format("{}.{}", path, last + 1))) ++last;
      for (; last > 0; --last) disk.move(format("{}.{}", path, last), format("{}.{}", path, last + 1));
      disk.move(path, path + ".1");
    }
    logged += records;
    disk.put(path, (disk.exists(path) ? disk.content(path) : std::string()) + bytes);
  }
  void connect_broker(bool again) {
    const auto connecting = [&] {
      for (const auto& client : machine_.mqtt().clients)
        if (client->connecting) broker_ = client.get();
      return broker_ != nullptr && broker_->connecting;
    };
    machine_.run_until(connecting, 5s);
    broker_->connected(again);
    machine_.run_until([&] { return !broker_->subscriptions.empty(); }, 50ms);
    if (!broker_->subscriptions.empty()) broker_->grant({1});
  }

  Machine& machine_;
  const Settings& settings_;
  std::map<std::string, std::size_t>& logged_;  // records, by file; outlives crashes
  std::map<std::string, std::unique_ptr<FakePeer>> peers_;
  FakeMqtt* broker_ = nullptr;
  std::uint16_t packet_ = 0;
};

class Walk {
 public:
  Walk(const Settings& settings, const std::vector<Moment>& input, const Way& way, const FilesBefore& files)
      : settings_(settings),
        input_(input),
        way_(way),
        random_(way.seed),
        machine_({.seed = way.seed, .lanes = way.lanes}) {
    for (const auto& [path, content] : files) machine_.disk().put(path, content);
    for (const SourceSettings& source : settings.sources)
      if (!source.connect->empty()) machine_.serve(*source.connect);
  }

  Outcome run() {
    begin_ = machine_.now();
    boot();
    for (const Moment& moment : input_) {
      if (!error_.empty()) break;
      if (machine_.now() > begin_ + moment.at) error_ = "a restart took longer than it may";
      if (machine_.running()) machine_.advance(begin_ + moment.at - machine_.now());
      if (way_.disturbed) disturb(&moment < &input_[input_.size() / 2]);
      take(moment);
      if (way_.restart_every != 0 && records_ >= restarted_at_ + way_.restart_every) restart();
    }
    if (machine_.running()) {
      if (follows()) machine_.advance(3min);  // a second or so for each file that was rotated away
      if (const Status stopped = machine_.stop(); !stopped) error_ = stopped.error().message;
    }
    return outcome();
  }

 private:
  void boot() {
    const Status booted = machine_.boot(settings_);
    if (!booted) {
      error_ = "the start refused: " + booted.error().message;
      return;
    }
    outside_.emplace(machine_, settings_, logged_);
    outside_->connect(boots_++ > 0);
  }

  void take(const Moment& moment) {
    std::vector<const Arrival*> read;
    const auto hand_over = [&] {
      if (!read.empty()) outside_->hand_over(read.front()->source, read);
      read.clear();
    };
    for (const Arrival& arrival : moment.arrivals) {
      if (!read.empty() && (read.front()->source != arrival.source || read.size() == way_.cut)) hand_over();
      read.push_back(&arrival);
      ++records_;
    }
    hand_over();
  }

  // One sink cannot write a few times: it is away meanwhile, and its results wait on disk. In the second half
  // it catches up, in its own time.
  void disturb(bool first_half) {
    if (!first_half) return machine_.disk().heal();
    if (!random_.one_in(3)) return;
    const SinkSettings& sink = settings_.sinks[random_.below(settings_.sinks.size())];
    machine_.disk().fail(
        {.operation = FaultFiles::Operation::write, .path_part = *sink.path, .times = 1 + random_.below(3)});
  }
  bool follows() const {
    return std::ranges::any_of(settings_.sources, [](const SourceSettings& source) { return source.follow; });
  }

  // Everything that has arrived is durable; then the power goes, mostly right after a checkpoint.
  void restart() {
    restarted_at_ = records_;
    const auto durable = [&] {
      const JournalReport journal = machine_.appliance().status().journal;
      return journal.durable == journal.appended && !outside_->broker_waits();
    };
    if (!machine_.run_until(durable, 100ms)) error_ = "what arrived does not become durable";
    if (!random_.one_in(3))
      if (const auto taken = machine_.create_checkpoint(); !taken) error_ = taken.error().message;
    static constexpr Loss kLosses[] = {Loss::all_unsynced, Loss::none, Loss::random};
    outside_.reset();
    machine_.crash(kLosses[random_.below(3)], random_.next());
    boot();
  }

  bool places_vary() const {
    return std::ranges::any_of(
               settings_.sources,
               [](const SourceSettings& source) { return source.type == SourceSettings::Type::mqtt; }) ||
           std::ranges::any_of(settings_.pipelines, [](const PipelineSettings& pipeline) {
             return pipeline.on_error == OnError::fail;
           });
  }

  // With a broker a restart has entries of its own in the journal (the session's), and reading waits for
  // acknowledgements: dead letters stand at other positions then, and may be milliseconds later. So do those
  // of a machine with pipelines that stand still: their attempts are entries.
  static std::string without_place(const std::string& line) {
    const auto row = JsonValue::parse(line);
    const bool letter = row && row->find("position") != nullptr;
    return letter ? std::string(row->text_of("error")) + " " + std::string(row->text_of("payload")) : line;
  }

  // Of all its files, oldest first. Where one ends and the next begins is a matter of batches.
  std::vector<std::string> lines_of(const SinkSettings& sink) const {
    std::vector<std::string> out;
    for (std::uint64_t n = 1;; ++n) {
      const std::string rotated = format("{}.{}", *sink.path, n);
      const bool newest = !machine_.disk_has(rotated);
      for (std::string& line : machine_.lines(newest ? *sink.path : rotated))
        if (out.empty() || sink.format != FormatSettings::Type::csv || line != out.front())
          out.push_back(std::move(line));
      if (newest) return out;
    }
  }

  Outcome outcome() {
    Outcome out;
    for (const SinkSettings& sink : settings_.sinks) {
      if (sink.type == SinkSettings::Type::file) {
        const std::vector<std::string> lines = lines_of(sink);
        for (const std::string& line : lines)
          out[sink.name] += (places_vary() ? without_place(line) : line) + "\n";
      } else if (sink.type == SinkSettings::Type::sqlite) {
        std::string& text = out[sink.name];
        const auto add = [&](const std::string& sql) {
          for (const std::string& row : machine_.query(*sink.path, sql)) text.append(row).push_back('\n');
        };
        for (const std::string& table : machine_.query(*sink.path,
                                                       "SELECT name FROM sqlite_master WHERE type = 'table' "
                                                       "AND name NOT LIKE '!_tidemark%' ESCAPE '!'")) {
          std::string columns;
          for (const std::string& column :
               machine_.query(*sink.path, format("SELECT name FROM pragma_table_info('{}')", table)))
            columns += format("{}quote(\"{}\")", columns.empty() ? "" : " || ',' || ", column);
          text += table + "\n";
          add(format("SELECT {} FROM \"{}\" ORDER BY rowid", columns, table));
        }
        if (sink.keep_rejected)
          add("SELECT number || ' ' || reason || ' ' || result FROM _tidemark_rejected ORDER BY rowid");
        // Without the lineage, which is each run's own.
        add("SELECT \"table\" || substr(channel, 33) || ' ' || number || ' ' || chain FROM _tidemark ORDER "
            "BY 1");
      }
    }
    if (!error_.empty()) out["error"] = error_;
    return out;
  }

  const Settings& settings_;
  const std::vector<Moment>& input_;
  const Way& way_;
  FakeRandom random_;
  Machine machine_;
  std::optional<Outside> outside_;
  MonotonicTime begin_{};
  std::map<std::string, std::size_t> logged_;
  std::size_t records_ = 0, restarted_at_ = 0;
  std::uint64_t boots_ = 0;
  std::string error_;
};

}  // namespace

std::string Way::text() const {
  return format("cut {}, {}, seed {}, {}{}", cut,
                lanes == Lanes::at_once ? "lanes at once" : "interleaved lanes", seed,
                restart_every == 0 ? "no restart" : format("a restart every {} records", restart_every),
                disturbed ? ", sinks that fail" : "");
}

Outcome go(const Settings& settings, const std::vector<Moment>& input, const Way& way,
           const FilesBefore& files) {
  return Walk(settings, input, way, files).run();
}

std::string difference(const Outcome& a, const Outcome& b) {
  if (const auto error = b.find("error"); error != b.end()) return error->second;
  for (const auto& [sink, text] : a) {
    const auto other = b.find(sink);
    const std::string_view theirs = other == b.end() ? std::string_view() : std::string_view(other->second);
    if (theirs == text) continue;
    const auto [at, at_theirs] = std::ranges::mismatch(text, theirs);
    const std::size_t from = text.rfind('\n', static_cast<std::size_t>(at - text.begin()));
    const std::size_t begin = from == std::string::npos ? 0 : from + 1;
    const auto line = [&](std::string_view all) {
      return begin >= all.size() ? std::string("nothing")
                                 : std::string(all.substr(begin, all.find('\n', begin) - begin));
    };
    return format("sink {} ({} and {} bytes): {} became {}", sink, text.size(), theirs.size(), line(text),
                  line(theirs));
  }
  return {};
}

std::vector<std::string> differences(const Settings& settings, const std::vector<Moment>& broad,
                                     const std::vector<Moment>& fine, std::uint64_t seed,
                                     const FilesBefore& files) {
  std::vector<std::string> out;
  const auto compare = [&](const std::vector<Moment>& input, const std::vector<Way>& ways) {
    const Outcome once = go(settings, input, {.seed = seed}, files);
    if (const auto error = once.find("error"); error != once.end()) {
      out.push_back("uninterrupted: " + error->second);
      return;
    }
    for (const auto& [sink, text] : once)
      if (text.empty()) out.push_back("nothing arrived in sink " + sink);
    for (const Way& way : ways)
      if (const std::string differs = difference(once, go(settings, input, way, files)); !differs.empty())
        out.push_back(way.text() + ": " + differs);
  };
  compare(broad, {{.cut = 1, .seed = seed + 1},
                  {.cut = 2, .lanes = Lanes::interleaved, .seed = seed + 2},
                  {.cut = 7, .seed = seed + 3, .disturbed = true},
                  {.cut = 64, .lanes = Lanes::interleaved, .seed = seed + 4}});
  compare(fine, {{.seed = seed + 5, .restart_every = 1},
                 {.lanes = Lanes::interleaved, .seed = seed + 6, .restart_every = 1},
                 {.cut = 2, .seed = seed + 7, .restart_every = 3},
                 {.lanes = Lanes::interleaved, .seed = seed + 8, .restart_every = 7, .disturbed = true}});
  return out;
}

}  // namespace tidemark
