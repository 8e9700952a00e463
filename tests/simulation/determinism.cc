#include "simulation/determinism.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/format.h"
#include "base/json.h"
#include "support/fake_random.h"

namespace tidemark {
namespace {

// Everything outside the machine: peers that send lines, and a broker.
class Outside {
 public:
  Outside(Machine& machine, const Settings& settings) : machine_(machine), settings_(settings) {}

  void connect(bool again) {
    for (const SourceSettings& source : settings_.sources) {
      if (source.type == SourceSettings::Type::mqtt)
        connect_broker(source, again);
      else
        peers_[source.name] = machine_.network().connect(*source.listen);
    }
    machine_.settle();
  }

  // One read's worth from one source.
  void hand_over(const std::string& source, const std::vector<const Arrival*>& arrivals) {
    if (const auto peer = peers_.find(source); peer != peers_.end()) {
      std::string bytes;
      for (const Arrival* arrival : arrivals) bytes.append(arrival->payload).push_back('\n');
      peer->second->send(bytes);
    } else {
      for (const Arrival* arrival : arrivals)
        broker_->deliver({.id = ++packet_, .qos = 1, .topic = arrival->topic, .payload = arrival->payload});
    }
    machine_.settle();
  }

  bool broker_waits() const {
    return broker_ != nullptr && (!broker_->held.empty() || broker_->undelivered() > 0);
  }

 private:
  void connect_broker(const SourceSettings&, bool again) {
    machine_.settle();
    for (const auto& client : machine_.mqtt().clients)
      if (client->connecting) broker_ = client.get();
    broker_->connected(again);
    machine_.run_until([&] { return !broker_->subscriptions.empty(); }, 50ms);
    if (!broker_->subscriptions.empty()) broker_->grant({1});
  }

  Machine& machine_;
  const Settings& settings_;
  std::map<std::string, std::unique_ptr<FakePeer>> peers_;
  FakeMqtt* broker_ = nullptr;
  std::uint16_t packet_ = 0;
};

class Walk {
 public:
  Walk(const Settings& settings, const std::vector<Moment>& input, const Way& way)
      : settings_(settings),
        input_(input),
        way_(way),
        random_(way.seed),
        machine_({.seed = way.seed, .lanes = way.lanes}) {}

  Outcome run() {
    begin_ = machine_.now();
    boot();
    for (const Moment& moment : input_) {
      if (!error_.empty()) break;
      if (machine_.now() > begin_ + moment.at) error_ = "a restart took longer than it may";
      if (machine_.running()) machine_.advance(begin_ + moment.at - machine_.now());
      take(moment);
      if (way_.restart_every != 0 && records_ >= restarted_at_ + way_.restart_every) restart();
    }
    if (machine_.running())
      if (const Status stopped = machine_.stop(); !stopped) error_ = stopped.error().message;
    return outcome();
  }

 private:
  void boot() {
    const Status booted = machine_.boot(settings_);
    if (!booted) {
      error_ = "the start refused: " + booted.error().message;
      return;
    }
    outside_.emplace(machine_, settings_);
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
  static std::string without_places(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) {
      const auto row = JsonValue::parse(line);
      const bool letter = row && row->find("position") != nullptr;
      out +=
          (letter ? std::string(row->text_of("error")) + " " + std::string(row->text_of("payload")) : line) +
          "\n";
    }
    return out;
  }

  Outcome outcome() {
    Outcome out;
    for (const SinkSettings& sink : settings_.sinks) {
      if (sink.type == SinkSettings::Type::file) {
        out[sink.name] =
            places_vary() ? without_places(machine_.lines(*sink.path)) : machine_.file(*sink.path);
      } else if (sink.type == SinkSettings::Type::sqlite) {
        std::string& text = out[sink.name];
        const auto add = [&](const std::string& sql) {
          for (const std::string& row : machine_.query(*sink.path, sql)) text.append(row).push_back('\n');
        };
        for (const std::string& table : machine_.query(
                 *sink.path, "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> '_tidemark'")) {
          std::string columns;
          for (const std::string& column :
               machine_.query(*sink.path, format("SELECT name FROM pragma_table_info('{}')", table)))
            columns += format("{}quote(\"{}\")", columns.empty() ? "" : " || ',' || ", column);
          text += table + "\n";
          add(format("SELECT {} FROM \"{}\" ORDER BY rowid", columns, table));
        }
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
  std::size_t records_ = 0, restarted_at_ = 0;
  std::uint64_t boots_ = 0;
  std::string error_;
};

}  // namespace

std::string Way::text() const {
  return format("cut {}, {}, seed {}, {}", cut,
                lanes == Lanes::at_once ? "lanes at once" : "interleaved lanes", seed,
                restart_every == 0 ? "no restart" : format("a restart every {} records", restart_every));
}

Outcome go(const Settings& settings, const std::vector<Moment>& input, const Way& way) {
  return Walk(settings, input, way).run();
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
                                     const std::vector<Moment>& fine, std::uint64_t seed) {
  std::vector<std::string> out;
  const auto compare = [&](const std::vector<Moment>& input, const std::vector<Way>& ways) {
    const Outcome once = go(settings, input, {.seed = seed});
    if (const auto error = once.find("error"); error != once.end()) {
      out.push_back("uninterrupted: " + error->second);
      return;
    }
    for (const auto& [sink, text] : once)
      if (text.empty()) out.push_back("nothing arrived in sink " + sink);
    for (const Way& way : ways)
      if (const std::string differs = difference(once, go(settings, input, way)); !differs.empty())
        out.push_back(way.text() + ": " + differs);
  };
  compare(broad, {{.cut = 1, .seed = seed + 1},
                  {.cut = 2, .lanes = Lanes::interleaved, .seed = seed + 2},
                  {.cut = 7, .seed = seed + 3},
                  {.cut = 64, .lanes = Lanes::interleaved, .seed = seed + 4}});
  compare(fine, {{.seed = seed + 5, .restart_every = 1},
                 {.lanes = Lanes::interleaved, .seed = seed + 6, .restart_every = 1},
                 {.cut = 2, .seed = seed + 7, .restart_every = 3},
                 {.lanes = Lanes::interleaved, .seed = seed + 8, .restart_every = 7}});
  return out;
}

}  // namespace tidemark
