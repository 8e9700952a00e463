// From an empty process to the first connection, and back. Read start_up() first; every step stands in its
// order, and the order is the point: nothing is promised before what the promise stands on is in place.

#include <algorithm>

#include "base/format.h"
#include "checkpoint/stores.h"
#include "pipeline/segment_chain.h"
#include "pipeline/set_aside.h"
#include "pipeline/wiring.h"
#include "platform/clock.h"
#include "platform/random.h"
#include "sinks/sqlite_connections.h"

namespace tidemark {

namespace {

void remember(Source& source, Position position, const Entry& entry) {
  if (entry.kind == EntryKind::record || entry.kind == EntryKind::oversized)
    source.remember_record(position, entry.topic, entry.payload, entry.resume);
  else if (entry.kind == EntryKind::source_event)
    source.remember_event(position, entry.payload);
}

}  // namespace

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
  for (std::size_t i = 0; i < deliveries_.size(); ++i) deliveries_[i]->open(plan_->sink_schemas[i]);
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
  // bring the abandoned branch back.
  if (forked_) {
    Later<Result<CheckpointId>> checkpoint(
        platform_.loop,
        [this](std::function<void(Result<CheckpointId>)> done) { checkpointer_->request(std::move(done)); });
    Result<CheckpointId> taken = co_await checkpoint;
    if (!taken) co_return started(pass_on(taken, "the first checkpoint of the new timeline"));
  }

  // --- The present begins: time passes, sources connect, results flow. After this line everything is driven
  // by events.
  resumed_text_ = resumed_         ? format("{}, {} entries replayed", to_text(resumed_->id), replayed_)
                  : replayed_ != 0 ? format("the journal's beginning, {} entries replayed", replayed_)
                                   : std::string("nothing");
  phase_ = Phase::running;
  flow_->run();
  journal_configuration();
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

Status Appliance::Work::take_directory() {
  if (Status made = platform_.files.make_directories(data_dir_); !made) return made;
  const std::string note = options_.control_socket + "\n";
  auto lock = platform_.files.lock(lock_path(data_dir_), note);
  if (!lock) {
    if (lock.error().kind != Error::Kind::busy) return pass_on(lock);
    return fail(format("another instance runs on {}; stop it with `tidemark stop`, or give this one its own "
                       "node.data_dir",
                       data_dir_),
                Error::Kind::busy);
  }
  lock_ = std::move(*lock);
  return {};
}

Result<bool> Appliance::Work::state_exists() {
  for (const char* name : {"journal", "checkpoints", "checkpoints.db"}) {
    const std::string path = join_path(data_dir_, name);
    auto status = platform_.files.status(path);
    if (!status && status.error().kind == Error::Kind::not_found) continue;
    if (!status) return pass_on(status);
    if (!status->is_directory) return true;
    auto inside = platform_.files.list(path);
    if (!inside) return pass_on(inside);
    if (!inside->empty()) return true;
  }
  return false;
}

Status Appliance::Work::know_identity() {
  auto known = read_identity(platform_.files, data_dir_);
  const bool absent = !known && known.error().kind == Error::Kind::not_found;
  const bool from_none = options_.from.kind == StartPoint::Kind::none;
  std::optional<Identity> previous;
  if (known) previous = std::move(*known);
  if (!previous && !absent && !from_none) return pass_on(known);
  auto exists = state_exists();
  if (!exists) return pass_on(exists);
  if (absent && !from_none && *exists)
    return fail(
        format("{} is missing, but there are checkpoints or a journal beside it. Restore it from a copy, or "
               "begin anew with `tidemark run --from none`",
               identity_path(data_dir_)),
        Error::Kind::corrupt);

  // A service manager that starts `run --from none` again after a crash must not wipe what has come since. A
  // lineage of which nothing is left (a deletion that a crash cut short) has ended: its numbers would begin
  // anew, and sinks would take the results for ones that they hold.
  if (!previous || !*exists || (from_none && !previous->from_none)) {
    if (Status begun = begin_lineage(previous); !begun) return begun;
  } else {
    identity_ = std::move(*previous);
  }
  // Likewise `run --abandon-replay`: only the first start of it gives something up.
  if (options_.abandon_replay && identity_.abandoned) {
    options_.abandon_replay = false;
    platform_.log.warning("start",
                          "the replay was abandoned by an earlier start; what came since is replayed");
  }
  identity_.abandoned = identity_.abandoned || options_.abandon_replay;
  identity_.run = identity_.run.next();
  for (const SourceSettings& source : settings_.sources)
    if (source.type == SourceSettings::Type::mqtt)
      client_id_of(identity_, "sources." + source.name, platform_.random);
  for (const SinkSettings& sink : settings_.sinks)
    if (sink.type == SinkSettings::Type::mqtt)
      client_id_of(identity_, "sinks." + sink.name, platform_.random);
  return write_identity(platform_.files, data_dir_, identity_);
}

// What another lineage left is set aside, not deleted: one older generation is kept under the name
// "previous".
Status Appliance::Work::begin_lineage(const std::optional<Identity>& previous) {
  const auto exists = state_exists();
  if (!exists) return fail(exists.error().message, exists.error().kind);
  if (*exists)
    if (Status moved = set_aside_state(platform_.files, data_dir_); !moved) return moved;
  identity_ = new_identity(platform_.random, previous);
  identity_.from_none = options_.from.kind == StartPoint::Kind::none;
  return {};
}

Status Appliance::Work::choose_checkpoint() {
  auto store = open_store(settings_.checkpoint.store, {platform_.files, platform_.sqlite}, data_dir_);
  if (!store) return pass_on(store);
  store_ = std::move(*store);
  auto ids = store_->list();
  if (!ids) return pass_on(ids);
  if (!ids->empty()) identity_.next_checkpoint = std::max(identity_.next_checkpoint, ids->back().next());

  std::vector<Manifest> candidates;
  for (const CheckpointId id : *ids) {
    auto manifest = store_->read_manifest(id);
    // One of a newer program, or one that the disk does not give out, is no damaged one: it is not passed
    // over.
    if (!manifest && manifest.error().kind != Error::Kind::corrupt) return pass_on(manifest);
    if (!manifest) {
      platform_.log.error("checkpoint", format("{} is damaged: {}", to_text(id), manifest.error().message));
      reports_.push_back(format("{} is damaged: {}", to_text(id), manifest.error().message));
      damaged_.push_back(id);
      continue;
    }
    const bool present = manifest->lineage == identity_.lineage &&
                         identity_.ancestry.contains(manifest->timeline, manifest->position);
    if (present) candidates.push_back(std::move(*manifest));
  }
  const bool named = options_.from.kind == StartPoint::Kind::checkpoint;
  if (named) {
    const auto at = std::ranges::find(candidates, options_.from.id, &Manifest::id);
    if (at == candidates.end())
      return fail(
          format("there is no {} to start from; see `tidemark checkpoint list`", to_text(options_.from.id)),
          Error::Kind::not_found);
  }

  // Read whole, newest first: only what was read and verified is a checkpoint to stand on.
  retained_ = candidates;
  while (!candidates.empty()) {
    Manifest manifest = std::move(candidates.back());
    candidates.pop_back();
    if (named && manifest.id != options_.from.id) continue;
    const Status loaded = load_checkpoint(manifest);
    if (loaded) {
      barrier_ = manifest.position;
      resumed_ = std::move(manifest);
      return {};
    }
    if (loaded.error().kind != Error::Kind::corrupt || named) return loaded;
    platform_.log.error("checkpoint", format("{} is damaged, the one before it is taken: {}",
                                             to_text(manifest.id), loaded.error().message));
    reports_.push_back(format("{} is damaged: {}", to_text(manifest.id), loaded.error().message));
    damaged_.push_back(manifest.id);
    std::erase_if(retained_, [&](const Manifest& m) { return m.id == manifest.id; });
  }
  if (!damaged_.empty())
    return fail(
        format(
            "none of the {} checkpoints in {} verifies, and starting empty would lose their counts. Look at "
            "them with `tidemark checkpoint verify`; to begin anew all the same, `tidemark run --from none`",
            damaged_.size(), data_dir_),
        Error::Kind::corrupt);
  if (!ids->empty())
    return fail(
        format(
            "the {} checkpoints in {} belong to another history than {} names, and starting empty would "
            "lose their counts. Bring back what belongs together; to begin anew all the same, `tidemark run "
            "--from none`",
            ids->size(), data_dir_, identity_path(data_dir_)),
        Error::Kind::corrupt);
  if (Status made = make_engine(); !made) return made;
  if (Status made = make_sources(); !made) return made;
  make_deliveries();
  return engine_->restored();
}

Status Appliance::Work::load_checkpoint(const Manifest& manifest) {
  if (manifest.semantics != Engine::kSemantics)
    return fail(format(
        "{} was made by a version of Tidemark whose results mean something else (semantics {}, this one "
        "has {})",
        to_text(manifest.id), manifest.semantics, Engine::kSemantics));
  for (const PipelineSummary& pipeline : manifest.pipelines) {
    const auto same = [&](const PipelineSettings& p) { return p.uid == pipeline.uid; };
    if (pipeline.keys != 0 && std::ranges::none_of(settings_.pipelines, same))
      return fail(
          format(
              "{} holds {} keys of pipeline \"{}\", which is not in the configuration; put it back, or give "
              "its uid \"{}\" to the pipeline that goes on with them",
              to_text(manifest.id), pipeline.keys, pipeline.name, pipeline.uid),
          Error::Kind::usage);
  }
  // Everything is made anew: what a damaged checkpoint half filled is thrown away.
  checkpointer_.reset();
  deliveries_.clear();
  sources_.clear();
  flow_.reset();
  if (Status made = make_engine(); !made) return made;
  if (Status loaded = engine_->load(manifest); !loaded) return loaded;
  for (const Engine::Table& table : engine_->tables())
    if (Status restored = restore_table(*store_, manifest, "state/" + *table.uid, *table.table); !restored)
      return restored;
  if (Status restored = engine_->restored(); !restored) return restored;
  if (Status made = make_sources(); !made) return made;
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (const std::string* memory = manifest.section("source/" + settings_.sources[i].name)) {
      Decoder in(*memory);
      if (!sources_[i]->load(in) || !in.complete())
        return fail(format("{}: what source \"{}\" remembers does not decode", to_text(manifest.id),
                           settings_.sources[i].name),
                    Error::Kind::corrupt);
    }
  make_deliveries();
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
  flow_ = std::make_unique<Flow>(Flow::Parts{platform_.loop, platform_.clock, *engine_},
                                 Flow::Events{.turn =
                                                  [this] {
                                                    if (checkpointer_) checkpointer_->turn();
                                                  },
                                              .hold = [this] { return hold(); },
                                              .hold_overcome = [this] { make_room(); },
                                              .hurry_checkpoint =
                                                  [this] {
                                                    if (checkpointer_) checkpointer_->hurry();
                                                  },
                                              .all_ended =
                                                  [this] {
                                                    if (ended_) platform_.loop.post(ended_);
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
              platform_.log.error("sinks." + name, error.message);
              reports_.push_back("sink \"" + name + "\": " + error.message);
            }};
    deliveries_.push_back(std::make_unique<Delivery>(Delivery::Doors{platform_.loop, platform_.log}, sink,
                                                     settings_.checkpoint.mode, std::move(made),
                                                     std::move(events)));
  }
}

Status Appliance::Work::open_journal_tail() {
  JournalFolder folder{platform_.files, journal_folder(data_dir_), identity_.lineage, identity_.ancestry};
  if (options_.abandon_replay) {
    if (Status remembered = remember_abandoned(folder); !remembered) return remembered;
    if (Status forked = fork_durably(barrier_); !forked) return forked;
    folder.ancestry = identity_.ancestry;
    forked_ = true;
  }
  Position known_durable;
  for (const Manifest& manifest : retained_)
    if (manifest.section("journal") != nullptr) known_durable = std::max(known_durable, manifest.position);
  if (options_.abandon_replay) known_durable = std::min(known_durable, barrier_);
  auto extent = open_journal(folder, known_durable, barrier_);
  if (!extent) return pass_on(extent);
  extent_ = std::move(*extent);
  for (const std::string& note : extent_.notes) platform_.log.warning("journal", note);
  if (Status joins = check_joins(extent_); !joins) return joins;
  // What a checkpoint that was never completed left behind.
  if (const Status swept = store_->sweep(); !swept)
    platform_.log.warning("checkpoint",
                          "what is left of unfinished ones stays for now: " + swept.error().message);
  const JournalTime last_time = std::max(extent_.last_time, engine_->time());
  if (settings_.journal.enabled) {
    journal_ = std::make_unique<JournalWriter>(
        JournalWriter::Doors{platform_.loop, platform_.files, platform_.journal_lane, platform_.log},
        JournalWriter::Options{
            .folder = folder.path,
            .settings = settings_.journal,
            .lineage = identity_.lineage,
            .timeline = identity_.ancestry.current(),
            .run = identity_.run,
            .ancestry = identity_.ancestry,
            .after = extent_.end,
            .last_time = last_time,
            .segment_size = std::min<std::uint64_t>(8u << 20, settings_.journal.max_size / 4)},
        names_);
    journal_->on_progress([this] { journal_moved(); });
  }
  flow_->resume_at(journal_.get(), extent_.end, last_time);
  return {};
}

// Sources remember what they have taken also where its effect is given up: a peer that was told N is never
// told less.
Status Appliance::Work::remember_abandoned(const JournalFolder& folder) {
  auto reader = JournalReader::open(folder, barrier_, names_);
  if (!reader) return {};  // what cannot be read cannot be remembered; that is why it is abandoned
  while (true) {
    auto item = (*reader)->next();
    if (!item || !*item) return {};
    const std::size_t source = (*item)->entry.source - std::size_t{1};
    if ((*item)->entry.source != 0 && source < sources_.size())
      remember(*sources_[source], std::min((*item)->position, barrier_), (*item)->entry);
  }
}

Status Appliance::Work::check_joins(const JournalExtent& extent) {
  const std::string from = resumed_ ? to_text(resumed_->id) : std::string("the beginning");
  if (extent.end.value >= extent.first.value && extent.first > barrier_.next())
    return fail(
        format(
            "the journal in {} begins at position {}, but {} ends at {}: what lies between is gone. Put the "
            "missing segments back, or go on without it: `tidemark run --abandon-replay`{}",
            journal_folder(data_dir_), extent.first.value, from, barrier_.value,
            resumed_ ? "" : ", or begin anew: `tidemark run --from none`"),
        Error::Kind::corrupt);
  const std::string* configuration = resumed_ ? resumed_->section("configuration") : nullptr;
  if (configuration != nullptr && *configuration != configuration_name() && extent.end > barrier_) {
    // A run under this configuration that was killed before its first checkpoint recorded the change in front
    // of all else.
    auto ours = configuration_follows();
    if (!ours) return pass_on(ours);
    if (*ours) return {};
    return fail(
        format(
            "the configuration has changed since {}, and {} entries after it are still to be replayed under "
            "the old one. Start once with the old configuration and stop it in order, or go on without them: "
            "`tidemark run --abandon-replay`",
            from, extent.end.value - barrier_.value),
        Error::Kind::usage);
  }
  return {};
}

// Whether what the journal holds after the checkpoint begins with the change to the present configuration.
Result<bool> Appliance::Work::configuration_follows() {
  SourceTable names;
  const JournalFolder folder{platform_.files, journal_folder(data_dir_), identity_.lineage,
                             identity_.ancestry};
  auto reader = JournalReader::open(folder, barrier_, names);
  if (!reader) return pass_on(reader);
  auto item = (*reader)->next();
  if (!item) return pass_on(item);
  return *item && (*item)->entry.kind == EntryKind::configuration &&
         (*item)->entry.payload == configuration_name();
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
      const Status read = store_->read_segment(*resumed_, segment, [&](std::string_view rows) {
        return delivery->restore_pending(rows, resumed_->timeline, find);
      });
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
  // A sink that receives a channel since before this checkpoint must hold what was delivered by then.
  const std::string* delivered = resumed_->section("delivered");
  for (auto& delivery : deliveries_)
    for (const auto& [schema, mark] : engine_->marks())
      if (delivered != nullptr && delivered->contains(delivered_line(*delivery, *schema)))
        delivery->expect(schema->channel, mark);
  return {};
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
                           .trim =
                               [this](Position oldest) {
                                 if (journal_) journal_->trim(oldest);
                               }},
      identity_.next_checkpoint);
  checkpointer_->adopt(retained_, resumed_, damaged_);
}

Status Appliance::Work::replay_some(JournalReader& reader, std::size_t entries, bool& done) {
  if (engine_->busy()) {
    if (!full()) engine_->go_on();
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
    if (of_source && source < sources_.size()) remember(*sources_[source], (*item)->position, entry);
    if (!finished) break;
  }
  // What is replayed is durable; its results may leave, as far as their sinks do not hold them.
  for (auto& delivery : deliveries_) delivery->release(engine_->position());
  return {};
}

Status Appliance::Work::connect_sources() {
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (Status begun = sources_[i]->start(); !begun)
      return pass_on(begun, "source \"" + settings_.sources[i].name + "\"");
  return {};
}

}  // namespace tidemark
