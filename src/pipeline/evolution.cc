// One configuration after another: which one is in force, how the next one takes over what the one before has
// come to, and when that is refused.
//
// There are two to tell apart. The present one is what the configuration file says: its sinks are the ones
// that are open. The one in force made the plan, the engine and the sources' memory. They differ only during
// a replay, of entries that came in under an earlier configuration: its sources and sinks are not opened, its
// results go to the present sinks of the same names, as far as these can take them; what they cannot is kept
// in the checkpoints.
//
// A configuration entry in the journal says from where on another one is in force. It is the next engine that
// applies that entry, live and in a replay alike.
#include <algorithm>

#include "base/format.h"
#include "checkpoint/stores.h"
#include "config/loader.h"
#include "pipeline/wiring.h"
#include "platform/random.h"
#include "sources/source.h"

namespace tidemark {
namespace {

std::string hex(std::uint64_t fingerprint) {
  return format("{:016x}", fingerprint);
}

constexpr std::string_view kMemory = "source/";

// Where there is no sink: it never answers.
class AbsentSink final : public Sink {
 public:
  void open(std::vector<const ResultSchema*>, std::function<void(Result<std::optional<Holdings>>)>) override {
  }
  void write(std::span<const ResultView>, std::function<void()>) override {}
  void close(std::function<void()> closed) override { closed(); }
  SinkStatus status() const override {
    return {.state = SinkStatus::State::away,
            .detail = "not in the configuration: its results are kept",
            .degraded = {},
            .counters = {}};
  }
};

// Whether a sink that was opened for `known` can take results of another schema as they are.
bool fits(const SinkSettings& sink, const std::vector<const ResultSchema*>& known,
          const ResultSchema& schema) {
  using Type = SinkSettings::Type;
  const bool names_columns = sink.type == Type::sqlite || sink.type == Type::mqtt;
  if (!names_columns && sink.format == FormatSettings::Type::json) return true;
  return std::ranges::any_of(known, [&](const ResultSchema* its) {
    if (its->pipeline != schema.pipeline || its->channel.kind != schema.channel.kind) return false;
    if (its->columns == schema.columns && its->identity == schema.identity) return true;
    const auto has = [&](const ResultColumn& column) {
      return std::ranges::find(its->columns, column) != its->columns.end();
    };
    return sink.type == Type::sqlite && its->identity == schema.identity &&
           std::ranges::all_of(schema.columns, has);
  });
}

}  // namespace

// The channels of every schema that is in use.
void Appliance::Work::number_on_present_timeline() {
  const Timeline timeline = identity_.ancestry.current();
  if (in_force_.plan) assign_channels(*in_force_.plan, identity_.lineage, timeline);
  if (present_plan_) assign_channels(*present_plan_, identity_.lineage, timeline);
  for (const auto& delivery : deliveries_) delivery->assign(identity_.lineage, timeline);
}

std::string Appliance::Work::present_name() const {
  return hex(present_->fingerprint);
}

const Plan& Appliance::Work::present_plan() const {
  return in_force_.name == present_name() ? *in_force_.plan : *present_plan_;
}

// The plan of a configuration that the journal or a checkpoint names.
Result<Appliance::Work::Configured> Appliance::Work::configuration(const std::string& name) {
  if (name == present_name()) return Configured{present_, std::move(present_plan_), name};
  const std::string path = join_path(join_path(data_dir_, "config"), name);
  const std::string way_out =
      ". Entries that came in under it are still to be replayed: go on without them with " +
      way_without_replay();
  std::string text;
  if (resumed_ && resumed_->section("configuration") != nullptr &&
      *resumed_->section("configuration") == name) {
    text = resumed_->configuration;
  } else {
    auto read = read_file(platform_.files, path);
    if (!read)
      return fail(format("configuration {}: {}{}", name, read.error().message, way_out), Error::Kind::usage);
    text = std::move(*read);
  }
  // Nothing that it names is opened.
  const bool compared = says_what_was_resolved(text);
  Diagnostics diagnostics;
  LoaderEnvironment environment = options_.environment;
  environment.kept_lookup = [this](const std::string& hash) { return kept_lookups_.table(hash); };
  auto settings =
      load_stored_settings({path, std::move(text)}, environment, diagnostics, StoredValues::as_they_were);
  if (!settings)
    return fail(format("the earlier configuration {} does not hold any more:\n{}{}", name,
                       diagnostics.to_text(), way_out.substr(2)),
                Error::Kind::usage);
  if (!compared && hex(settings->fingerprint) != name)
    return fail(
        format("the earlier configuration {} refers to environment variables that have other values now; "
               "set them as they were for one start{}",
               path, way_out),
        Error::Kind::usage);
  Configured out{std::make_shared<const Settings>(std::move(*settings)), nullptr, name};
  out.plan = make_plan(*out.settings, diagnostics);
  if (!out.plan)
    return fail(format("the earlier configuration {} does not hold any more:\n{}{}", name,
                       diagnostics.to_text(), way_out.substr(2)),
                Error::Kind::usage);
  return out;
}

std::vector<Engine::StateSummary> Appliance::Work::state_before() const {
  if (engine_) return engine_->state_summaries();
  std::vector<Engine::StateSummary> out;
  for (const PriorPipeline& pipeline : prior_.pipelines)
    out.push_back({pipeline.uid, pipeline.name, pipeline.layout, pipeline.keys()});
  return out;
}

// State that nobody would go on with is not dropped unasked.
Status Appliance::Work::check_evolution(const Plan& next) const {
  std::string refused;
  for (const Engine::StateSummary& before : state_before()) {
    if (before.keys == 0) continue;
    const auto after = std::ranges::find_if(
        next.pipelines, [&](const PipelinePlan& plan) { return plan.settings->uid == before.uid; });
    if (after == next.pipelines.end()) {
      if (options_.allow_non_restored_state) continue;
      refused += format(
          "pipeline \"{0}\" has state of {1} keys and is not in the configuration. Put it back, or give its "
          "uid "
          "\"{2}\" to the pipeline that goes on with its state, or forget it: `tidemark state drop {0}`, or "
          "for all at once "
          "`tidemark run --allow-non-restored-state`\n",
          before.name, before.keys, before.uid);
    } else if (const StateChange change = compare(before.layout, after->layout);
               change.kind == StateChange::Kind::other_state) {
      refused += format(
          "pipeline \"{0}\" has state of {1} keys that is kept otherwise: {2}. Go back to how it was; or "
          "forget the "
          "state: `tidemark state drop {0}`; or begin anew under another uid, once with `tidemark run "
          "--allow-non-restored-state`\n",
          before.name, before.keys, change.difference);
    }
  }
  if (refused.empty()) return {};
  refused.pop_back();
  return fail(std::move(refused), Error::Kind::usage);
}

// Between two entries, and between two checkpoints. Sources whose table has not changed go on while they run;
// deliveries are the caller's.
Status Appliance::Work::put_in_force(Configured next) {
  assign_channels(*next.plan, identity_.lineage, identity_.ancestry.current());
  auto made = Engine::make({.plan = *next.plan,
                            .settings = *next.settings,
                            .output = *this,
                            .hash_seed = platform_.random.next()});
  if (!made) return pass_on(made);
  if (engine_) {
    prior_ = engine_->take_apart();
    prior_.retired = std::move(retired_);
    for (std::size_t i = 0; i < sources_.size(); ++i)
      prior_.retired[std::string(kMemory) + in_force_.settings->sources[i].name] = memory_of(i);
  }
  auto evolution = (*made)->take_over(std::exchange(prior_, {}));
  if (!evolution) return pass_on(evolution);
  for (const std::string& note : evolution->notes) platform_.log.info("configuration", note);
  retired_ = std::move(evolution->retired);
  if (Status remade = remake_sources(next); !remade) return remade;

  Configured before = std::exchange(in_force_, std::move(next));
  const std::unique_ptr<Engine> engine_before = std::exchange(engine_, std::move(*made));
  if (before.plan && before.name == present_name() && in_force_.name != before.name)
    present_plan_ = std::move(before.plan);
  index_of_name_.clear();
  std::vector<Flow::Inlet> inlets;
  for (std::size_t i = 0; i < sources_.size(); ++i) inlets.push_back({intakes_[i], sources_[i].get()});
  flow_->use(*engine_, inlets);
  if (checkpointer_)
    checkpointer_->use(*engine_, evolution->rewritten);
  else
    rewritten_.insert(rewritten_.end(), evolution->rewritten.begin(), evolution->rewritten.end());
  route();
  return {};
}

// What a source remembers belongs to its name and type.
std::string Appliance::Work::memory_of(std::size_t source) const {
  Encoder memory, out;
  sources_[source]->save(memory);
  out.bytes(source_type_name(in_force_.settings->sources[source].type));
  out.bytes(memory.view());
  return out.take();
}

Status Appliance::Work::remake_sources(const Configured& next) {
  std::vector<std::unique_ptr<Source>> sources;
  std::vector<Intake*> intakes;
  std::vector<std::shared_ptr<const Settings>> made_from;
  for (const SourceSettings& settings : next.settings->sources) {
    auto memory = retired_.extract(std::string(kMemory) + settings.name);
    if (const auto at = kept_source(*next.settings, settings)) {
      sources.push_back(std::move(sources_[*at]));
      intakes.push_back(intakes_[*at]);
      made_from.push_back(sources_made_from_[*at]);
      continue;
    }
    intakes.push_back(&flow_->make_intake(names_.number(settings.name)));
    sources.push_back(new_source(*next.settings, settings, *intakes.back()));
    made_from.push_back(next.settings);
    if (!memory) continue;
    Decoder in(memory.mapped());
    const std::string before(in.bytes());
    if (before != source_type_name(settings.type)) {
      platform_.log.warning(
          "sources." + settings.name,
          format("it was of type \"{}\"{}, now it is \"{}\": it begins without what it remembered of its "
                 "peers and "
                 "files",
                 before, resumed_ ? " when " + to_text(resumed_->id) + " was taken" : std::string(),
                 source_type_name(settings.type)));
      continue;
    }
    Decoder its(in.bytes());
    if (!sources.back()->load(its) || !its.complete() || !in.complete())
      return fail("what source \"" + settings.name + "\" remembers does not decode", Error::Kind::corrupt);
  }
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (const std::string& name = in_force_.settings->sources[i].name;
        sources_[i] && retired_.contains(std::string(kMemory) + name))
      platform_.log.info(
          "configuration",
          format("source \"{}\" is no longer configured: what it remembers of its peers is kept, "
                 "should it come back",
                 name));
  sources_ = std::move(sources);
  intakes_ = std::move(intakes);
  sources_made_from_ = std::move(made_from);
  return {};
}

// A source that runs and of which nothing has changed, with its connections. In a replay none runs.
std::optional<std::size_t> Appliance::Work::kept_source(const Settings& next,
                                                        const SourceSettings& settings) const {
  if (phase_ != Phase::running) return std::nullopt;
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (sources_[i] && in_force_.settings->sources[i].name == settings.name && stays(i, next)) return i;
  return std::nullopt;
}

std::unique_ptr<Source> Appliance::Work::new_source(const Settings& whole, const SourceSettings& settings,
                                                    Intake& intake) {
  const auto id = identity_.client_ids.find("sources." + settings.name);
  return options_.make_source(
      {.platform = platform_,
       .settings = settings,
       .limits = whole.limits,
       .intake = intake,
       .client_id =
           !settings.client_id.empty() || id == identity_.client_ids.end() ? settings.client_id : id->second,
       .longest_hold = settings_.journal.enabled ? settings_.journal.sync : *settings_.checkpoint.interval,
       .replayable_from_checkpoint = !settings_.journal.enabled});
}

// ---- where results go

// What the present sink with this index must be able to take: what the present plan sends it, and what an
// earlier plan sends or has sent to a sink of its name, as far as it can.
std::vector<const ResultSchema*> Appliance::Work::schemas_for(std::size_t sink) const {
  const SinkSettings& settings = present_->sinks[sink];
  const std::vector<const ResultSchema*>& present = present_plan().sink_schemas[sink];
  std::vector<const ResultSchema*> all = present;
  const auto add = [&](const ResultSchema* schema) {
    const bool known = std::ranges::any_of(all, [&](const ResultSchema* its) { return *its == *schema; });
    if (!known && fits(settings, present, *schema)) all.push_back(schema);
  };
  if (in_force_.name != present_name())
    for (std::size_t i = 0; i < in_force_.settings->sinks.size(); ++i)
      if (in_force_.settings->sinks[i].name == settings.name)
        for (const ResultSchema* schema : in_force_.plan->sink_schemas[i]) add(schema);
  return all;
}

// By sink of the plan in force: the present one of its name; none when there is none.
void Appliance::Work::route() {
  routes_.clear();
  for (const SinkSettings& sink : in_force_.settings->sinks) {
    Delivery*& to = routes_.emplace_back(nullptr);
    for (const auto& delivery : deliveries_)
      if (!delivery->only_keeps() && delivery->settings().name == sink.name) to = delivery.get();
  }
  for (const auto& delivery : deliveries_) delivery->plan_changed();
}

void Appliance::Work::result(const Emission& emission) {
  if (!taps_.none()) taps_.result(emission);
  // A result belongs to the timeline of its entry: what a replay makes up to where a branch began, sinks may
  // hold from before.
  std::optional<Timeline> issued_on;
  const std::vector<Fork>& forks = identity_.ancestry.forks();
  if (!forks.empty() && emission.position <= forks.back().at)
    issued_on = identity_.ancestry.timeline_at(emission.position);
  for (const std::size_t sink : emission.sinks) {
    if (routes_[sink] != nullptr)
      routes_[sink]->add(emission, issued_on);
    else
      keep_result(in_force_.settings->sinks[sink].name, emission, issued_on);
  }
}

// For a sink that is not there: in an outbox, until one of that name is configured.
void Appliance::Work::keep_result(const std::string& sink, const Emission& emission,
                                  std::optional<Timeline> issued_on) {
  Delivery& keeps = keeping_for(sink);
  if (keeps.empty())
    platform_.log.warning("sinks." + sink, format("it is not configured: results for it wait in {}",
                                                  join_path(outbox_folder(data_dir_), sink)));
  keeps.add(emission, issued_on);
}

Delivery& Appliance::Work::keeping_for(const std::string& sink) {
  for (const auto& delivery : deliveries_)
    if (delivery->only_keeps() && delivery->settings().name == sink) return *delivery;
  SinkSettings settings;
  settings.name = sink;
  deliveries_.push_back(make_delivery(
      std::make_shared<const SinkSettings>(std::move(settings)),
      [] { return std::make_unique<AbsentSink>(); }, true));
  deliveries_.back()->open({});
  return *deliveries_.back();
}

// The present sinks that must be made anew: their table has changed, or results come that they were not
// opened for. A sink that is gone is among them.
std::vector<Delivery*> Appliance::Work::stale_deliveries() const {
  std::vector<Delivery*> stale;
  for (const auto& delivery : deliveries_) {
    const auto sink = std::ranges::find(present_->sinks, delivery->settings().name, &SinkSettings::name);
    if (delivery->only_keeps()) {
      if (sink != present_->sinks.end()) stale.push_back(delivery.get());
      continue;
    }
    const bool stays =
        sink != present_->sinks.end() && sink->digest == delivery->settings().digest &&
        std::ranges::all_of(schemas_for(static_cast<std::size_t>(sink - present_->sinks.begin())),
                            [&](const ResultSchema* schema) { return delivery->takes(*schema); });
    if (!stays) stale.push_back(delivery.get());
  }
  return stale;
}

// Makes the deliveries of the present sinks; those that stay, stay. The others are idle and closed: what
// waits for them stands in their outboxes. open_deliveries() follows.
void Appliance::Work::remake_deliveries(const std::vector<Delivery*>& stale) {
  std::vector<std::unique_ptr<Delivery>> made;
  for (std::size_t i = 0; i < present_->sinks.size(); ++i) {
    const auto at = std::ranges::find_if(deliveries_, [&](const auto& delivery) {
      return delivery && delivery->settings().name == present_->sinks[i].name;
    });
    if (at != deliveries_.end() && std::ranges::find(stale, at->get()) == stale.end()) {
      made.push_back(std::move(*at));
      continue;
    }
    made.push_back(new_delivery(i));
    made.back()->take(schemas_for(i));
    to_open_.push_back(made.back().get());
  }
  for (auto& delivery : deliveries_)
    if (delivery && delivery->only_keeps() && std::ranges::find(stale, delivery.get()) == stale.end())
      made.push_back(std::move(delivery));
  std::swap(made, deliveries_);
  route();
}

void Appliance::Work::open_deliveries() {
  for (Delivery* delivery : std::exchange(to_open_, {})) delivery->open({});
}

bool Appliance::Work::idle(const std::vector<Delivery*>& deliveries) {
  return std::ranges::none_of(deliveries, [](const Delivery* delivery) { return !delivery->idle(); });
}

Later<bool> Appliance::Work::close_deliveries(std::vector<Delivery*> stale) {
  return Later<bool>(platform_.loop, [stale = std::move(stale)](const std::function<void(bool)>& done) {
    if (stale.empty()) return done(true);
    auto left = std::make_shared<std::size_t>(stale.size());
    for (Delivery* delivery : stale)
      delivery->close([left, done] {
        if (--*left == 0) done(true);
      });
  });
}

}  // namespace tidemark
