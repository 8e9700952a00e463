// From an empty process to the first connection, and back. Read start_up() first; every step stands in its
// order, and the order is the point: nothing is promised before what the promise stands on is in place.

#include <algorithm>
#include <sstream>

#include "base/format.h"
#include "checkpoint/stores.h"
#include "pipeline/segment_chain.h"
#include "pipeline/set_aside.h"
#include "pipeline/wiring.h"
#include "platform/clock.h"
#include "platform/random.h"
#include "sinks/outbox.h"
#include "sinks/sqlite_connections.h"

namespace tidemark {

Procedure Appliance::Work::start_up() {
  // --- What runs: the configuration as expressions, slots and schemas. Nothing outside has been touched yet.
  if (Status done = compile_plan(); !done) co_return started(std::move(done));

  // --- Whose data: one instance a directory. After this, the directory is ours until we die.
  if (Status done = take_directory(); !done) co_return started(std::move(done));
  // The run number goes up, durably: what this start writes can be told from what earlier ones left.
  if (Status done = know_identity(); !done) co_return started(std::move(done));

  // --- From where: the newest checkpoint of the present's history that verifies, read whole.
  if (Status done = choose_checkpoint(); !done) co_return started(std::move(done));
  co_await turn_of_others(platform_.loop);

  // --- What followed: the journal, its torn tail cut off. It must join the checkpoint.
  if (Status done = open_journal_tail(); !done) co_return started(std::move(done));
  assign_channels(*plan_, identity_.lineage, identity_.ancestry.current());
  if (Status done = store_configuration(); !done) co_return started(std::move(done));

  // --- Sinks are asked what they hold. Those that are away answer later; their results wait for them
  // meanwhile.
  if (Status done = restore_pending(); !done) co_return started(std::move(done));
  note_other_outboxes();
  for (std::size_t i = 0; i < deliveries_.size(); ++i) deliveries_[i]->open(plan_->sink_schemas[i]);
  ballast_ =
      std::make_unique<Ballast>(platform_.files, platform_.bulk_lane, platform_.log, ballast_path(data_dir_));
  make_checkpointer();

  // --- The replay: the same function over the same entries makes the same results, and sinks skip what they
  // have.
  phase_ = Phase::replaying;
  checkpointer_->run();
  const auto looks = std::make_shared<std::unique_ptr<Timer>>();
  const JournalFolder folder{platform_.files, journal_folder(data_dir_), identity_.lineage,
                             identity_.ancestry};
  if (extent_.end > barrier_) {
    auto reader = JournalReader::open(folder, barrier_, names_);
    if (!reader) co_return started(pass_on(reader));
    constexpr std::size_t kEntriesPerSlice = 1024;
    for (bool done = false; !done;) {
      if (Status replayed = replay_some(**reader, kEntriesPerSlice, done); !replayed)
        co_return started(std::move(replayed));
      notifier_.extend_timeout(30s);
      notifier_.watchdog();
      notifier_.status(phase_text());
      checkpointer_->turn();
      co_await turn_of_others(platform_.loop);
      if (Status usable = check_sinks_usable(); !usable) co_return started(std::move(usable));
      if (!full()) continue;
      // A sink takes its time: nothing to do until it has made room.
      Later<bool> room = until(
          platform_.loop, platform_.loop.now() + 50ms, [this] { return !full(); }, looks);
      co_await room;
    }
  }
  for (auto& delivery : deliveries_) delivery->release(extent_.end);

  // --- Results leave only after their inputs are durable: a sink that holds more than the replay has made
  // knows of entries that are gone. A sink that does not answer now (somebody locks its database) is not
  // waited for long.
  Later<bool> answered = until(
      platform_.loop, platform_.loop.now() + 2s,
      [this] { return std::ranges::all_of(deliveries_, [](const auto& d) { return d->answered(); }); },
      looks);
  co_await answered;
  if (Status usable = check_sinks_usable(); !usable) co_return started(std::move(usable));
  if (Status complete = check_nothing_lost(); !complete) {
    if (journal_) co_return started(std::move(complete));
    // Without a journal, going back to an older checkpoint means that what followed it is not made again:
    // other results would get the numbers that the sink holds.
    platform_.log.error("start", complete.error().message);
    reports_.push_back(complete.error().message);
    if (Status forked = fork_durably(barrier_); !forked) co_return started(std::move(forked));
    assign_channels(*plan_, identity_.lineage, identity_.ancestry.current());
    forked_ = true;
  }

  // --- A new timeline becomes the only one before anything new is accepted: a crash from here on cannot
  // bring the abandoned branch back. Likewise a state that was gone back to.
  if (forked_ || identity_.restore) {
    Later<Result<CheckpointId>> checkpoint(
        platform_.loop,
        [this](std::function<void(Result<CheckpointId>)> done) { checkpointer_->request(std::move(done)); });
    Result<CheckpointId> taken = co_await checkpoint;
    if (!taken) co_return started(pass_on(taken, "the first checkpoint after going back"));
    if (identity_.restore)
      co_return started(
          fail("the restore is carried out, but that could not be noted in " + identity_path(data_dir_)));
  }

  // --- The present begins: time passes, sources connect, results flow. After this line everything is driven
  // by events.
  resumed_text_ = resumed_         ? format("{}, {} entries replayed", to_text(resumed_->id), replayed_)
                  : replayed_ != 0 ? format("the journal's beginning, {} entries replayed", replayed_)
                                   : std::string("nothing");
  phase_ = Phase::running;
  flow_->run();
  journal_configuration();
  watch_pipelines();
  journal_moved();
  if (Status done = connect_sources(); !done) co_return started(std::move(done));
  started({});
}

void Appliance::Work::started(Status status) {
  if (!status) {
    phase_ = Phase::failed;
    start_error_ = status.error().message;
  } else {
    platform_.log.info("start", format("running, resumed from {}", resumed_text_));
    notifier_.ready();
    notifier_.status(phase_text());
  }
  platform_.loop.post([this, alive = alive_, result = std::make_shared<Status>(std::move(status))] {
    if (*alive && ready_) std::exchange(ready_, {})(std::move(*result));
  });
}

Status Appliance::Work::compile_plan() {
  Diagnostics diagnostics;
  plan_ = make_plan(settings_, diagnostics);
  if (!plan_) return fail("the configuration does not hold:\n" + diagnostics.to_text(), Error::Kind::usage);
  for (const SourceSettings& source : settings_.sources) names_.number(source.name);
  return {};
}

Status Appliance::Work::make_engine() {
  auto engine = Engine::make(
      {.plan = *plan_, .settings = settings_, .output = *this, .hash_seed = platform_.random.next()});
  if (!engine) return pass_on(engine);
  engine_ = std::move(*engine);
  return {};
}

Status Appliance::Work::make_sources() {
  flow_ = std::make_unique<Flow>(
      Flow::Parts{platform_.loop, platform_.clock, *engine_},
      Flow::Events{.turn =
                       [this] {
                         if (checkpointer_) checkpointer_->turn();
                         if (restarts_) restarts_->look();
                       },
                   .feed_missed = [this] { feed_missed(); },
                   .hold = [this] { return hold(); },
                   .hold_overcome = [this] { make_room(); },
                   .hurry_checkpoint =
                       [this] {
                         if (checkpointer_) checkpointer_->hurry();
                       },
                   .all_ended =
                       [this] {
                         if (ended_) platform_.loop.post(ended_);
                       },
                   .passing =
                       [this](std::size_t source, Position position, const Entry& entry) {
                         if (!taps_.none()) taps_.record(settings_.sources[source].name, position, entry);
                       }},
      settings_);
  for (std::size_t i = 0; i < settings_.sources.size(); ++i) {
    const SourceSettings& source = settings_.sources[i];
    const auto id = identity_.client_ids.find("sources." + source.name);
    sources_.push_back(make_source(
        {.platform = platform_,
         .settings = source,
         .limits = settings_.limits,
         .intake = flow_->intake(i),
         .client_id =
             !source.client_id.empty() || id == identity_.client_ids.end() ? source.client_id : id->second,
         .longest_hold = settings_.journal.enabled ? settings_.journal.sync : *settings_.checkpoint.interval,
         .replayable_from_checkpoint = !settings_.journal.enabled}));
    flow_->attach(i, *sources_.back());
  }
  return {};
}

void Appliance::Work::make_deliveries() {
  const auto connections = std::make_shared<SqliteConnections>(platform_.sqlite, platform_.files);
  const bool exactly_once = settings_.checkpoint.mode == DeliveryMode::exactly_once;
  for (const SinkSettings& sink : settings_.sinks) {
    const auto id = identity_.client_ids.find("sinks." + sink.name);
    std::string prefix = *settings_.node.name;
    if (!exactly_once) prefix += format("/{}", identity_.run.value);
    auto made =
        make_sink({.platform = platform_,
                   .settings = sink,
                   .cursor_folder = join_path(data_dir_, "sinks"),
                   .id_prefix = prefix,
                   .client_id = !sink.client_id.empty() || id == identity_.client_ids.end() ? sink.client_id
                                                                                            : id->second,
                   .remembers = exactly_once,
                   .connections = connections});
    Delivery::Events events{
        .progress =
            [this] {
              if (checkpointer_) checkpointer_->progress();
              if (flow_) flow_->progress();
            },
        .diverged = [this](const ResultSchema& schema, ResultNumber number) { diverged(schema, number); },
        .failed =
            [this, name = sink.name](const Error& error) {
              if (replay_done() || error.kind != Error::Kind::usage)  // else the start refuses, and says it
                platform_.log.error("sinks." + name, error.message);
            }};
    Delivery::Options options{.mode = settings_.checkpoint.mode,
                              .outbox_folder = join_path(outbox_folder(data_dir_), sink.name),
                              .id_prefix = prefix,
                              .belongs = [this](Timeline timeline, Position position) {
                                return identity_.ancestry.contains(timeline, position);
                              }};
    deliveries_.push_back(std::make_unique<Delivery>(
        Delivery::Doors{platform_.loop, platform_.log, platform_.files, platform_.bulk_lane}, sink,
        std::move(options), std::move(made), std::move(events)));
  }
}

// A table without the UNIQUE that an upsert needs, columns that do not fit: waiting does not mend it.
Status Appliance::Work::check_sinks_usable() const {
  for (const auto& delivery : deliveries_)
    if (const auto& failure = delivery->failure(); failure && failure->kind == Error::Kind::usage)
      return fail("sink \"" + delivery->settings().name + "\": " + failure->message, Error::Kind::usage);
  return {};
}

Status Appliance::Work::check_nothing_lost() const {
  const std::string from = resumed_ ? to_text(resumed_->id) : std::string("the beginning");
  for (const auto& delivery : deliveries_)
    for (const auto& [schema, mark] : engine_->marks()) {
      const ResultNumber held = delivery->held(schema->channel);
      if (held <= mark.number) continue;
      const std::string found = format("sink \"{}\" holds {} results of \"{}\"", delivery->settings().name,
                                       held.value, schema->pipeline);
      if (!settings_.journal.enabled)
        return fail(
            format("{}, {} knows of {}: what came after it is lost, and results from here on belong to a new "
                   "timeline",
                   found, from, mark.number.value));
      return fail(
          format("{}, but the journal in {} only leads to {}: entries that were durable are missing from its "
                 "end. Put them back from a copy, or go on from {} without them: `tidemark run "
                 "--abandon-replay`",
                 found, journal_folder(data_dir_), mark.number.value, from),
          Error::Kind::corrupt);
    }
  return {};
}

Status Appliance::Work::restore_pending() {
  const auto find = [this](const std::string& uid, ChannelKind kind) -> const ResultSchema* {
    for (const auto& schemas : plan_->sink_schemas)
      for (const ResultSchema* schema : schemas)
        if (schema->channel.uid == uid && schema->channel.kind == kind) return schema;
    return nullptr;
  };
  if (!resumed_) return {};
  for (auto& delivery : deliveries_) {
    for (const SegmentReference& segment : resumed_->segments) {
      if (segment.owner != "pending/" + delivery->settings().name) continue;
      const Status read = store_->read_segment(
          *resumed_, segment, [&](std::string_view rows) { return delivery->restore_pending(rows, find); });
      if (!read) return read;
    }
    delivery->release(barrier_);
  }
  for (const SegmentReference& segment : resumed_->segments) {
    constexpr std::string_view kPending = "pending/";
    const auto named = [&](const SinkSettings& sink) {
      return segment.owner == format("{}{}", kPending, sink.name);
    };
    if (!segment.owner.starts_with(kPending) || std::ranges::any_of(settings_.sinks, named)) continue;
    const std::string text = format(
        "{} results wait in {} for sink \"{}\", which is not in the configuration: they are given up "
        "with the next checkpoint",
        segment.rows, to_text(resumed_->id), segment.owner.substr(kPending.size()));
    platform_.log.error("sinks", text);
    reports_.push_back(text);
  }
  if (const std::string* outbox = resumed_->section("outbox"))
    for (auto& delivery : deliveries_) {
      const std::string name = delivery->settings().name + " ";
      std::uint64_t first = 0, end = 0;
      std::istringstream lines(*outbox);
      for (std::string line; std::getline(lines, line);)
        if (line.starts_with(name) && std::istringstream(line.substr(name.size())) >> first >> end)
          delivery->expect_stored(first, end);
    }
  // A sink that receives a channel since before this checkpoint must hold what was delivered by then.
  const std::string* delivered = resumed_->section("delivered");
  for (auto& delivery : deliveries_)
    for (const auto& [schema, mark] : engine_->marks())
      if (delivered != nullptr && delivered->contains(delivered_line(*delivery, *schema)))
        delivery->expect(schema->channel, mark);
  return {};
}

// Results that wait for a sink which is not configured stay, until one of that name is, or somebody removes
// them.
void Appliance::Work::note_other_outboxes() {
  auto names = platform_.files.list(outbox_folder(data_dir_));
  if (!names) return;
  for (const std::string& name : *names) {
    if (std::ranges::find(settings_.sinks, name, &SinkSettings::name) != settings_.sinks.end()) continue;
    const std::string folder = join_path(outbox_folder(data_dir_), name);
    Outbox outbox(platform_.files, {.folder = folder});
    if (!outbox.open() || outbox.extent().first >= outbox.extent().end) continue;
    const std::string text = format(
        "{} results wait in {} for sink \"{}\", which is not in the configuration: they stay there "
        "until a sink of that name is; remove the folder to give them up",
        outbox.extent().end - outbox.extent().first, folder, name);
    platform_.log.warning("sinks", text);
    reports_.push_back(text);
  }
}

Status Appliance::Work::store_configuration() {
  const std::string folder = join_path(data_dir_, "config");
  const std::string path = join_path(folder, configuration_name());
  if (Status made = platform_.files.make_directories(folder); !made) return made;
  auto there = read_file(platform_.files, path);
  if (there && *there == settings_.canonical_text) return platform_.files.sync_directory(folder);
  return write_file_atomically(platform_.files, path, settings_.canonical_text);
}

// The journal says under which configuration its entries were applied: at its beginning, and wherever that
// changes.
void Appliance::Work::journal_configuration() {
  const std::string* before = resumed_ ? resumed_->section("configuration") : nullptr;
  const bool known = before != nullptr ? *before == configuration_name() : extent_.end != Position{};
  if (!known) flow_->control(EntryKind::configuration, configuration_name());
}

void Appliance::Work::make_checkpointer() {
  checkpointer_ = std::make_unique<Checkpointer>(
      Checkpointer::Doors{platform_.loop, platform_.bulk_lane, platform_.clock, platform_.log},
      Checkpointer::Parts{settings_, store_, *engine_, deliveries_},
      Checkpointer::Events{.settled = [this] { return flow_->settled(); },
                           .journal_durable =
                               [this] {
                                 if (phase_ == Phase::replaying) return engine_->position();
                                 return journal_ ? journal_->durable() : engine_->position();
                               },
                           .hurry_journal =
                               [this] {
                                 if (journal_) journal_->sync_now();
                               },
                           .describe = [this](Manifest& manifest) { describe(manifest); },
                           .completed = [this](const Manifest& manifest) { completed(manifest); },
                           .failed = [this](const Error& error) { disk_full(error); },
                           .trim =
                               [this](Position oldest) {
                                 if (journal_) journal_->trim(oldest);
                               }},
      identity_.next_checkpoint);
  checkpointer_->adopt(retained_, resumed_, damaged_, left_behind_);
}

Status Appliance::Work::replay_some(JournalReader& reader, std::size_t entries, bool& done) {
  if (engine_->busy()) {
    if (full()) return {};
    if (engine_->missed()) return replay_missed();
    engine_->go_on();
    return {};
  }
  for (; entries > 0 && !full(); --entries) {
    auto item = reader.next();
    if (!item) return pass_on(item);
    if (!*item) {
      done = true;
      return {};
    }
    const Entry& entry = (*item)->entry;
    const std::size_t source = entry.source - std::size_t{1};
    const bool of_source = entry.source != 0;
    ++replayed_;
    if (entry.kind == EntryKind::configuration && entry.payload != configuration_name())
      return fail(
          format(
              "position {} of the journal begins another configuration ({}), which this start cannot replay. "
              "Go on without what follows: `tidemark run --abandon-replay`",
              (*item)->position.value, entry.payload),
          Error::Kind::usage);
    // A source that is no longer configured: its entries are past, and only take their place.
    Entry seen = entry;
    if (of_source && source >= sources_.size()) seen.kind = EntryKind::source_event;
    const bool finished = engine_->apply((*item)->position, seen, source);
    if ((*item)->position > remembered_through_) remember((*item)->position, entry);
    if (!finished) break;
  }
  // What is replayed is durable; its results may leave, as far as their sinks do not hold them.
  for (auto& delivery : deliveries_) delivery->release(engine_->position());
  return {};
}

Status Appliance::Work::connect_sources() {
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (Status begun = sources_[i]->start(); !begun) {
      const SourceSettings& source = settings_.sources[i];
      const bool absent = begun.error().kind == Error::Kind::not_found;
      return fail(format("source \"{}\": {}{}", source.name, begun.error().message,
                         absent && source.type == SourceSettings::Type::file
                             ? format("; put the file there, or correct `path` in [sources.{}]", source.name)
                             : std::string()),
                  begun.error().kind);
    }
  return {};
}

}  // namespace tidemark
