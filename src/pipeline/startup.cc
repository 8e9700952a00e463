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

  // --- What followed: the journal, its torn tail cut off. It must join the checkpoint. The engine goes on
  // from there under the configuration that this was recorded under.
  if (Status done = open_journal_tail(); !done) co_return started(std::move(done));
  if (Status done = store_configuration(*present_, extent_.end); !done) co_return started(std::move(done));

  // --- Sinks are asked what they hold. Those that are away answer later; their results wait for them
  // meanwhile.
  number_on_present_timeline();
  remake_deliveries({});
  if (Status done = restore_pending(); !done) co_return started(std::move(done));
  note_other_outboxes();
  open_deliveries();
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
    constexpr Duration kTellEvery = 100ms;  // the service manager's queue is short
    MonotonicTime told = platform_.loop.now();
    for (bool done = false; !done;) {
      if (Status replayed = replay_some(**reader, kEntriesPerSlice, done); !replayed)
        co_return started(std::move(replayed));
      if (switch_) {
        // From here on another configuration. State changes hands between two checkpoints.
        while (checkpointer_->under_way()) {
          Later<bool> idle = until(
              platform_.loop, platform_.loop.now() + 50ms, [this] { return !checkpointer_->under_way(); },
              looks);
          co_await idle;
          checkpointer_->turn();
          notifier_.watchdog();
        }
        const Switch at = *std::exchange(switch_, {});
        auto next = configuration(at.to);
        if (!next) co_return started(pass_on(next));
        if (Status done_so = put_in_force(std::move(*next)); !done_so) co_return started(std::move(done_so));
        if (const std::vector<Delivery*> stale = stale_deliveries(); !stale.empty()) {
          for (Delivery* delivery : stale) delivery->flush_through(engine_->position());
          Later<bool> quiet = until(
              platform_.loop, platform_.loop.now() + settings_.checkpoint.timeout,
              [stale] { return idle(stale); }, looks);
          if (!co_await quiet)
            co_return started(
                fail("a sink and its outbox do not take the results of an earlier configuration"));
          Later<bool> closed = close_deliveries(stale);
          co_await closed;
          remake_deliveries(stale);
          open_deliveries();
        }
        replay_entry(at.position, {.kind = EntryKind::configuration,
                                   .source = 0,
                                   .time = at.time,
                                   .resume = {},
                                   .topic = {},
                                   .payload = at.to});
      }
      if (platform_.loop.now() - told >= kTellEvery) {
        told = platform_.loop.now();
        notifier_.extend_timeout(30s);
        notifier_.watchdog();
        notifier_.status(phase_text());
      }
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
    number_on_present_timeline();
    forked_ = true;
  }

  // --- The present configuration takes over what the earlier one has come to; the journal says where.
  if (in_force_.name != present_name()) {
    if (Status fits = check_evolution(present_plan()); !fits) co_return started(std::move(fits));
    while (checkpointer_->under_way()) {
      checkpointer_->turn();
      Later<bool> idle = until(
          platform_.loop, platform_.loop.now() + 50ms, [this] { return !checkpointer_->under_way(); }, looks);
      co_await idle;
    }
    auto next = configuration(present_name());
    if (!next) co_return started(pass_on(next));
    if (Status done = put_in_force(std::move(*next)); !done) co_return started(std::move(done));
    route();
  }
  journal_configuration();

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
  watch_pipelines();
  watch_lookups();
  journal_moved();
  if (configuration_changed_) checkpointer_->request();
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
  present_ = std::make_shared<const Settings>(settings_);
  loaded_ns_ = platform_.clock.wall_ns();
  Diagnostics diagnostics;
  present_plan_ = make_plan(*present_, diagnostics);
  if (!present_plan_)
    return fail("the configuration does not hold:\n" + diagnostics.to_text(), Error::Kind::usage);
  return {};
}

void Appliance::Work::make_flow() {
  flow_ = std::make_unique<Flow>(
      Flow::Parts{platform_.loop, platform_.clock},
      Flow::Events{.turn =
                       [this] {
                         hurry_for_sinks();
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
                         if (!taps_.none())
                           taps_.record(in_force_.settings->sources[source], position, entry);
                       }});
}

std::unique_ptr<Delivery> Appliance::Work::new_delivery(std::size_t index) {
  const std::shared_ptr<const SinkSettings> sink(present_, &present_->sinks[index]);
  const bool exactly_once = settings_.checkpoint.mode == DeliveryMode::exactly_once;
  if (!connections_) connections_ = std::make_shared<SqliteConnections>(platform_.sqlite, platform_.files);
  const auto id = identity_.client_ids.find("sinks." + sink->name);
  const std::string client_id =
      !sink->client_id.empty() || id == identity_.client_ids.end() ? sink->client_id : id->second;
  auto make = [this, sink, exactly_once, client_id] {
    return options_.make_sink({.platform = platform_,
                               .settings = *sink,
                               .cursor_folder = sinks_folder(data_dir_),
                               .id_prefix = id_prefix(),
                               .client_id = client_id,
                               .remembers = exactly_once,
                               .connections = connections_});
  };
  return make_delivery(sink, std::move(make), false);
}

std::string Appliance::Work::id_prefix() const {
  std::string prefix = *settings_.node.name;
  if (settings_.checkpoint.mode != DeliveryMode::exactly_once) prefix += format("/{}", identity_.run.value);
  return prefix;
}

std::unique_ptr<Delivery> Appliance::Work::make_delivery(std::shared_ptr<const SinkSettings> settings,
                                                         Delivery::MakeSink make_sink, bool only_keeps) {
  Delivery::Events events{
      .progress =
          [this] {
            if (checkpointer_) checkpointer_->progress();
            if (flow_) flow_->progress();
          },
      .diverged = [this](const ResultSchema& schema, ResultNumber number) { diverged(schema, number); },
      .failed =
          [this, name = settings->name](const Error& error) {
            if (replay_done() || error.kind != Error::Kind::usage)  // else the start refuses, and says it
              platform_.log.error("sinks." + name, error.message);
          }};
  Delivery::Options options{
      .mode = settings_.checkpoint.mode,
      .outbox_folder = join_path(outbox_folder(data_dir_), settings->name),
      .id_prefix = id_prefix(),
      .belongs = [this](Timeline timeline,
                        Position position) { return identity_.ancestry.contains(timeline, position); },
      .only_keeps = only_keeps,
      .gives_up_unfit = options_.allow_non_restored_state,
      .keeps_alive = settings};
  return std::make_unique<Delivery>(
      Delivery::Doors{platform_.loop, platform_.log, platform_.files, platform_.bulk_lane}, *settings,
      std::move(options), std::move(make_sink), std::move(events));
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

// Results that waited when the checkpoint was taken, for their sinks; or kept on, where there is none of that
// name.
Status Appliance::Work::restore_pending() {
  if (!resumed_) return {};
  const auto find = [this](const std::string& uid, ChannelKind kind) -> const ResultSchema* {
    for (const Plan* plan : {static_cast<const Plan*>(in_force_.plan.get()), &present_plan()})
      for (const auto& schemas : plan->sink_schemas)
        for (const ResultSchema* schema : schemas)
          if (schema->channel.uid == uid && schema->channel.kind == kind) return schema;
    return nullptr;
  };
  for (const SegmentReference& segment : resumed_->segments) {
    if (!segment.owner.starts_with(kPending)) continue;
    const std::string name = segment.owner.substr(kPending.size());
    const auto at =
        std::ranges::find_if(deliveries_, [&](const auto& d) { return d->settings().name == name; });
    if (at == deliveries_.end() && options_.allow_non_restored_state) {
      platform_.log.warning("sinks." + name,
                            format("{} results that waited in {} are given up: the configuration "
                                   "has no such sink",
                                   segment.rows, to_text(resumed_->id)));
      continue;
    }
    if (at == deliveries_.end())
      platform_.log.warning(
          "sinks." + name,
          format("{} results wait in {} for sink \"{}\", which is not in the configuration: they "
                 "are kept until it is; `tidemark run --allow-non-restored-state` gives them up",
                 segment.rows, to_text(resumed_->id), name));
    Delivery& delivery = at == deliveries_.end() ? keeping_for(name) : **at;
    const Status read = store_->read_segment(
        *resumed_, segment, [&](std::string_view rows) { return delivery.restore_pending(rows, find); });
    if (!read) return read;
  }
  for (auto& delivery : deliveries_) delivery->release(barrier_);
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
      if (!delivery->only_keeps() && delivered != nullptr &&
          delivered->contains(delivered_line(*delivery, *schema)))
        delivery->expect(schema->channel, mark);
  return {};
}

// Results that wait for a sink which is not configured stay, until one of that name is, or somebody removes
// them.
void Appliance::Work::note_other_outboxes() {
  auto names = platform_.files.list(outbox_folder(data_dir_));
  if (!names) return;
  for (const std::string& name : *names) {
    const auto named = [&](const auto& delivery) { return delivery->settings().name == name; };
    if (std::ranges::any_of(deliveries_, named)) continue;
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

// `at`: entries up to there are none of its.
Status Appliance::Work::store_configuration(const Settings& settings, Position at) {
  if (Status kept = kept_lookups_.keep(settings, at); !kept) return kept;
  const std::string folder = join_path(data_dir_, "config");
  const std::string path = join_path(folder, format("{:016x}", settings.fingerprint));
  if (Status made = platform_.files.make_directories(folder); !made) return made;
  auto there = read_file(platform_.files, path);
  if (there && *there == settings.canonical_text) return platform_.files.sync_directory(folder);
  return write_file_atomically(platform_.files, path, settings.canonical_text);
}

// The journal says under which configuration its entries were applied: at its beginning, and wherever that
// changes.
void Appliance::Work::journal_configuration() {
  if (recorded_ == present_name()) return;
  configuration_changed_ = !recorded_.empty();
  if (configuration_changed_)
    platform_.log.info("configuration", format("{} takes over from {} at position {}", present_name(),
                                               recorded_, extent_.end.next().value));
  flow_->control(EntryKind::configuration, present_name());
  recorded_ = present_name();
}

void Appliance::Work::make_checkpointer() {
  checkpointer_ = std::make_unique<Checkpointer>(
      Checkpointer::Doors{platform_.loop, platform_.bulk_lane, platform_.clock, platform_.log},
      Checkpointer::Parts{settings_, store_, engine_.get(), deliveries_},
      Checkpointer::Events{
          .settled = [this] { return flow_->settled(); },
          .journal_durable = [this] { return journal_ ? journal_->durable() : engine_->position(); },
          .hurry_journal =
              [this] {
                if (journal_) journal_->sync_now();
              },
          .describe = [this](Manifest& manifest) { describe(manifest); },
          .completed = [this](const Manifest& manifest) { completed(manifest); },
          .failed = [this](const Error& error) { disk_full(error); },
          .retired =
              [this, alive = alive_](std::optional<Position> oldest) {
                if (journal_ && oldest) journal_->trim(*oldest);
                if (oldest) trim_lookups(*oldest);
                // Where that makes no room, somebody else has to let go of the journal.
                platform_.loop.post([this, alive] {
                  if (*alive && phase_ == Phase::running) flow_->progress();
                });
              }},
      identity_.next_checkpoint);
  checkpointer_->adopt(retained_, resumed_, damaged_, left_behind_);
  checkpointer_->use(*engine_, std::exchange(rewritten_, {}));
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
    if (entry.kind == EntryKind::configuration) {
      recorded_ = entry.payload;
      if (recorded_ != in_force_.name) {
        switch_ = Switch{(*item)->position, entry.time, recorded_};
        break;
      }
    }
    if (!replay_entry((*item)->position, entry)) break;
  }
  // What is replayed is durable; its results may leave, as far as their sinks do not hold them.
  for (auto& delivery : deliveries_) delivery->release(engine_->position());
  return {};
}

// False: the engine is not through with it.
bool Appliance::Work::replay_entry(Position position, const Entry& entry) {
  ++replayed_;
  const std::size_t source = source_index(entry);
  // A source that is not configured: its entries only take their place.
  Entry seen = entry;
  if (entry.source != 0 && source == kNoSource) seen.kind = EntryKind::source_event;
  const bool finished = engine_->apply(position, seen, source == kNoSource ? 0 : source);
  if (position > remembered_through_) remember(position, entry);
  return finished;
}

Status Appliance::Work::connect_sources() {
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (Status begun = sources_[i]->start(); !begun) {
      const SourceSettings& source = in_force_.settings->sources[i];
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
