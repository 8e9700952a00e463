#include "trial/trial.h"

#include <algorithm>
#include <list>
#include <optional>
#include <set>
#include <utility>

#include "base/format.h"
#include "base/hex.h"
#include "trial/outside.h"
#include "trial/simulated_machine.h"

namespace tidemark {
namespace {

using Event = TestStep::Event;

// No sink of a configuration can be called so.
std::string watcher_of(const std::string& pipeline) {
  return "pipeline:" + pipeline;
}

// What a trial changes of the configuration: a watcher at each pipeline that the test looks at, and what has
// to do with a real disk.
Settings settings_for(const Settings& settings, const TestSettings& test) {
  Settings out = settings;
  out.node.data_dir = std::string("/data");
  out.checkpoint.store = StoreType::files;
  out.limits.min_free = 0;
  std::set<std::string> watched;
  for (const TestStep& step : test.steps)
    if (!step.pipeline->empty()) watched.insert(*step.pipeline);
  for (PipelineSettings& pipeline : out.pipelines) {
    if (!watched.contains(pipeline.name)) continue;
    SinkSettings& watcher = out.sinks.emplace_back();
    watcher.name = watcher_of(pipeline.name);
    watcher.type = SinkSettings::Type::file;
    pipeline.to.emplace_back(watcher.name);
  }
  for (SinkSettings& sink : out.sinks) sink.flush = 0s;
  for (LookupSettings& lookup : out.lookups) lookup.check_every = 0s;
  return out;
}

// Whether who sends to it learns what is durable, and sends the rest again.
bool tells_its_peer(const SourceSettings& source) {
  return source.type == SourceSettings::Type::file || source.ack ||
         (source.type == SourceSettings::Type::mqtt && source.qos > 0);
}

class Trial {
 public:
  Trial(const Settings& settings, const TestSettings& test)
      : test_(test),
        settings_(settings_for(settings, test)),
        machine_(settings_, test.start_ns,
                 {.make_source = [this](SourceContext context) -> std::unique_ptr<Source> {
                    TrialPeer& peer = peer_of(context.settings.name);
                    return std::make_unique<TrialSource>(std::move(context), peer);
                  },
                  .make_sink =
                      [this](SinkContext context) {
                        Receiver& receiver = receiver_of(context.settings.name);
                        return make_trial_sink(std::move(context), receiver);
                      }}) {
    for (const SourceSettings& source : settings_.sources)
      peers_.push_back({.name = source.name, .is_told = tells_its_peer(source), .sent = {}});
    for (const SinkSettings& sink : settings_.sinks)
      receivers_.push_back({.name = sink.name,
                            .takes_once = settings_.checkpoint.mode == DeliveryMode::exactly_once,
                            .remembers = sink_declaration(sink.type).remembers,
                            .rows = {},
                            .holds = {}});
  }

  TrialOutcome run() {
    Place at = test_.place;
    Status going = machine_.boot();
    for (std::size_t i = 0; i < test_.steps.size() && going; ++i) {
      at = test_.steps[i].place;
      step_ = i + 1;
      going = take(test_.steps[i]);
    }
    step_ = 0;
    if (going) {
      at = test_.place;
      going = settle();
    }
    if (going)
      look_at_the_rest();
    else
      break_off(going.error().message, at);
    gather();
    return std::move(outcome_);
  }

 private:
  TrialPeer& peer_of(const std::string& name) { return *std::ranges::find(peers_, name, &TrialPeer::name); }
  Receiver& receiver_of(const std::string& name) {
    return *std::ranges::find(receivers_, name, &Receiver::name);
  }
  Receiver& looked_at(const TestStep& step) {
    return receiver_of(step.sink->empty() ? watcher_of(*step.pipeline) : *step.sink);
  }
  static std::string name_of(const TestStep& step) {
    return step.sink->empty() ? "pipeline " + *step.pipeline : "sink " + *step.sink;
  }

  Status take(const TestStep& step) {
    // A start or a stop may have taken some of the time.
    if (step.at && *step.at > machine_.passed()) machine_.advance(*step.at - machine_.passed());
    if (!step.input.empty()) {
      come_in(step);
    } else if (step.advance != 0s) {
      machine_.advance(step.advance);
    } else if (step.event != Event::none) {
      return happen(step);
    } else if (step.expect) {
      if (Status settled = settle(); !settled) return settled;
      look(step);
    }
    return {};
  }

  void come_in(const TestStep& step) {
    const auto source = step.source->empty()
                            ? settings_.sources.begin()
                            : std::ranges::find(settings_.sources, *step.source, &SourceSettings::name);
    TrialPeer& peer = peer_of(source->name);
    for (const Located<std::string>& record : step.input) {
      ++outcome_.records;
      peer.sent.push_back(
          {step.topic, source->format.is_binary() ? from_hex(*record).value_or(std::string()) : *record});
    }
    if (peer.source != nullptr) peer.source->deliver();
    machine_.settle();
  }

  Status happen(const TestStep& step) {
    switch (step.event) {
      case Event::checkpoint:
        return machine_.take_checkpoint();
      case Event::drain:
        return machine_.drain();
      case Event::restart:
        if (Status stopped = machine_.stop(); !stopped) return stopped;
        break;
      case Event::power_cut:
        machine_.crash(SimulatedFiles::Left::synced);
        break;
      case Event::kill:
        machine_.crash(SimulatedFiles::Left::everything);
        break;
      case Event::none:
        return {};
    }
    machine_.advance(step.down);
    return machine_.boot();
  }

  // What came in becomes durable, and its results leave.
  Status settle() {
    if (!machine_.running()) return {};
    machine_.settle();
    for (TrialPeer& peer : peers_)
      if (peer.source != nullptr) peer.source->hurry();
    machine_.settle();
    if (settings_.journal.enabled) return {};
    return machine_.take_checkpoint();
  }

  void look(const TestStep& step) {
    Receiver& receiver = looked_at(step);
    compare(step.place, name_of(step), *step.expect, receiver);
  }

  void compare(Place place, std::string at, const std::vector<Located<std::string>>& expected,
               Receiver& receiver) {
    const std::vector<std::string> came(
        receiver.rows.begin() + static_cast<std::ptrdiff_t>(receiver.looked_at), receiver.rows.end());
    receiver.looked_at = receiver.rows.size();
    std::vector<ComparedRow> rows = compare_rows(expected, came);
    if (!all_met(rows)) outcome_.differences.push_back({place, step_, std::move(at), std::move(rows)});
  }

  void look_at_the_rest() {
    for (const TestStep& step : test_.steps)
      if (step.expect) compare(test_.place, name_of(step), {}, looked_at(step));
  }

  void break_off(std::string why, Place at) {
    outcome_.broken = std::move(why);
    outcome_.broken_at = at;
  }

  void gather() {
    outcome_.log = machine_.log().take();
    for (const TrialPeer& peer : peers_)
      if (peer.lost != 0)
        outcome_.log.push_back(
            format("sources.{}: {} record{} not yet durable {} lost: who sends to this source is not told "
                   "what is, and does not send again",
                   peer.name, peer.lost, peer.lost == 1 ? "" : "s", peer.lost == 1 ? "was" : "were"));
    for (const Receiver& receiver : receivers_) outcome_.results += receiver.rows.size();
  }

  const TestSettings& test_;
  Settings settings_;
  std::list<TrialPeer> peers_;  // lists: sources and sinks refer to them
  std::list<Receiver> receivers_;
  TrialOutcome outcome_;
  std::size_t step_ = 0;
  SimulatedMachine machine_;
};

}  // namespace

TrialOutcome run_trial(const Settings& settings, const TestSettings& test) {
  return Trial(settings, test).run();
}

}  // namespace tidemark
