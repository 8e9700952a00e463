#include "pipeline/appliance.h"

#include <algorithm>

#include "base/format.h"
#include "base/sizes.h"
#include "pipeline/set_aside.h"
#include "pipeline/wiring.h"
#include "platform/clock.h"

namespace tidemark {

Appliance::Work::Work(Platform& platform, ServiceNotifier& notifier, ApplianceOptions options)
    : platform_(platform),
      notifier_(notifier),
      options_(std::move(options)),
      settings_(options_.settings),
      data_dir_(*options_.settings.node.data_dir),
      kept_lookups_(platform.files, data_dir_),
      begun_(platform.clock.monotonic()) {}

Appliance::Work::~Work() {
  *alive_ = false;
}

void Appliance::Work::start(std::function<void(Status)> ready) {
  ready_ = std::move(ready);
  platform_.loop.post([this, alive = alive_] {
    if (*alive && phase_ == Phase::starting) procedure_ = start_up();
  });
}

void Appliance::Work::stop(bool command, std::function<void(Status)> stopped, bool drain) {
  if (phase_ == Phase::stopping || phase_ == Phase::stopped) return;
  stopped_ = std::move(stopped);
  platform_.loop.post([this, command, drain, alive = alive_] {
    if (!*alive) return;
    if (reloading_) {  // it comes to its end soon
      stop_after_reload_ = [this, command, drain] { stop(command, std::exchange(stopped_, {}), drain); };
      return;
    }
    notifier_.stopping();
    // A start that is not through has accepted nothing: it is simply given up.
    if (phase_ != Phase::running) {
      procedure_ = Procedure();
      phase_ = Phase::stopped;
      return finish_stop({});
    }
    procedure_ = shut_down(command, drain);
  });
}

Procedure Appliance::Work::shut_down(bool command, bool drain) {
  phase_ = Phase::stopping;
  notifier_.status(phase_text());
  const auto timer = std::make_shared<std::unique_ptr<Timer>>();
  const MonotonicTime latest = platform_.loop.now() + settings_.checkpoint.timeout;

  // --- Sources stop reading. What they have handed over is applied and made durable; they acknowledge it
  // themselves.
  sources_stopping_ = sources_.size();
  for (auto& source : sources_) source->stop([this] { --sources_stopping_; });
  flow_->stop();
  restarts_->stop();
  checkpointer_->stop_timer();
  if (journal_) journal_->sync_now();
  Later<bool> applied = until(
      platform_.loop, latest,
      [this] { return flow_->settled() && (!journal_ || journal_->durable() == journal_->appended()); },
      timer);
  bool all_applied = co_await applied;

  // --- For a permanent end every open window is closed. It may take its time, a slice after another, with
  // the sinks; results leave only once the entry that closed them is durable.
  if (drain && all_applied) {
    flow_->control(EntryKind::drain, {});
    if (journal_) journal_->sync_now();
    Later<bool> drained = until(
        platform_.loop, platform_.loop.now() + settings_.checkpoint.timeout,
        [this] { return flow_->settled() && (!journal_ || journal_->durable() == journal_->appended()); },
        timer);
    all_applied = co_await drained;
  }

  // --- The last checkpoint. The results up to it are in their sinks or in the checkpoint.
  Status saved;  // as a savepoint, if that was asked for
  bool covered = all_applied;
  if (!all_applied) {
    platform_.log.warning(
        "stop",
        "without a final checkpoint: a sink or the disk did not take what was waiting; the next "
        "start replays it from the journal");
  } else if (!covered_by_last()) {
    Later<Result<CheckpointId>> checkpoint(
        platform_.loop,
        [this](std::function<void(Result<CheckpointId>)> done) { checkpointer_->request(std::move(done)); });
    const Result<CheckpointId> taken = co_await checkpoint;
    if (!taken) platform_.log.warning("stop", "without a final checkpoint: " + taken.error().message);
    covered = taken.has_value();
  }

  // --- Results go to the sinks that are there; without a journal it is the checkpoint that lets them go.
  // With a savepoint also what waits on disk, as far as they take it soon.
  Later<bool> delivered = until(
      platform_.loop, platform_.loop.now() + 5s,
      [this] {
        return std::ranges::all_of(deliveries_, [this](const auto& d) {
          return (final_savepoint_ ? d->drained() : d->empty()) || d->away();
        });
      },
      timer);
  if (!co_await delivered)
    platform_.log.warning("stop", "a sink did not take its results in time; they are kept");

  // --- The savepoint, before anybody is told that what it holds is safe. What is in it is not delivered from
  // here any more: where it goes on, it would come twice.
  bool sinks_closed = false;
  if (final_savepoint_) {
    saved = fail("there is no savepoint: no checkpoint could be taken; the log says why");
    if (covered) {
      sinks_closed = true;
      Later<bool> quiet = close_deliveries(every_delivery());
      co_await quiet;
      Later<Status> written(platform_.loop, [this](std::function<void(Status)> done) {
        write_savepoint(*final_savepoint_, std::move(done));
      });
      saved = co_await written;
    }
    final_savepoint_.reset();
    if (journal_)
      tell_sources_safe(journal_->durable());
    else if (checkpointer_->last())
      tell_sources_safe(checkpointer_->last()->position);
  }

  // --- Acknowledgements go out, connections close.
  Later<bool> closed = until(
      platform_.loop, platform_.loop.now() + 5s, [this] { return sources_stopping_ == 0; }, timer);
  if (!co_await closed) platform_.log.warning("stop", "a source did not close in time");
  if (!sinks_closed) {
    Later<bool> sinks = close_deliveries(every_delivery());
    co_await sinks;
  }

  for (const auto& delivery : deliveries_)
    if (delivery->report().waiting != 0)
      platform_.log.warning(
          "sinks." + delivery->settings().name,
          format("{} results wait for this sink; they are kept and delivered by the next start",
                 delivery->report().waiting));

  // --- What the directory remembers. With on_stop = "delete", and only at the user's own command, nothing.
  const bool deletes = command && settings_.checkpoint.delete_on_stop;
  identity_.accepted.clear();
  identity_.ended = deletes;  // whatever a crash leaves of the deletion is finished by the next start
  Status status = write_identity(platform_.files, data_dir_, identity_);
  if (status && deletes) {
    store_.reset();
    status = delete_state(platform_.files, data_dir_);
    if (status) status = platform_.files.remove(identity_path(data_dir_));
  }
  phase_ = Phase::stopped;
  if (checkpointer_->last())
    platform_.log.info("stop", format("stopped at position {}, {}", engine_->position().value,
                                      tidemark::to_text(checkpointer_->last()->id)));
  finish_stop(status ? std::move(saved) : std::move(status));
}

std::vector<Delivery*> Appliance::Work::every_delivery() const {
  std::vector<Delivery*> all;
  for (const auto& delivery : deliveries_) all.push_back(delivery.get());
  return all;
}

void Appliance::Work::tell_sources_safe(Position through) {
  if (!final_savepoint_) flow_->safe(through);
}

bool Appliance::Work::covered_by_last() const {
  return checkpointer_->last() && checkpointer_->last()->position == engine_->position() &&
         std::ranges::all_of(deliveries_, [](const auto& delivery) { return delivery->empty(); });
}

void Appliance::Work::finish_stop(Status status) {
  lock_.reset();
  platform_.loop.post([this, alive = alive_, result = std::make_shared<Status>(std::move(status))] {
    if (*alive && stopped_) std::exchange(stopped_, {})(std::move(*result));
  });
}

void Appliance::Work::unnumbered(const ResultSchema& schema, std::span<const Value> values) {
  if (!taps_.none()) taps_.result(schema, values);
}

// Without a journal results leave only with a checkpoint, and a barrier needs the engine between two entries:
// it is not stopped within one.
bool Appliance::Work::full() const {
  if (!settings_.journal.enabled && replay_done()) return false;
  return std::ranges::any_of(deliveries_, [](const auto& delivery) { return delivery->full(); });
}

// In the middle of an entry only what comes right by itself may hold the engine: a checkpoint, which is what
// frees the journal and, without one, the sinks' queues, waits for the entry to be over.
bool Appliance::Work::hold() const {
  if (engine_->busy()) return full() || (checkpointer_ && checkpointer_->over_budget());
  if (std::ranges::any_of(deliveries_, [](const auto& delivery) { return delivery->full(); })) return true;
  if (disk_low_ || (checkpointer_ && checkpointer_->over_budget())) return true;
  return journal_ && journal_->size_on_disk() >= settings_.journal.max_size;
}

// At most once a second while something is written, and every second while it is low. It counts as low until
// there is half as much again, so that input does not stop and go at the limit.
void Appliance::Work::look_at_free_space() {
  const MonotonicTime now = platform_.clock.monotonic();
  if (now < disk_looked_at_ + 1s) return;
  disk_looked_at_ = now;
  const auto free = platform_.files.free_space(data_dir_);
  if (!free) return;
  const std::uint64_t limit = settings_.limits.min_free;
  const bool was_low = std::exchange(disk_low_, *free < (disk_low_ ? limit + limit / 2 : limit));
  if (disk_low_)
    disk_timer_ = platform_.loop.at(platform_.loop.now() + 1s, [this] {
      look_at_free_space();
      flow_->progress();
    });
  if (disk_low_ == was_low) return;
  if (disk_low_)
    platform_.log.warning(
        "disk", format("less than limits.min_free ({}) is free in {}: sources wait until there is room",
                       size_to_text(limit), data_dir_));
  else
    platform_.log.info("disk", "there is room again: sources go on");
}

void Appliance::Work::make_room() {
  if (!checkpointer_ || phase_ != Phase::running || reloading_ || checkpointer_->under_way()) return;
  const bool journal_full = journal_ && journal_->size_on_disk() >= settings_.journal.max_size;
  const bool sinks_wait =
      !journal_ && std::ranges::any_of(deliveries_, [](const auto& d) { return d->full(); });
  const bool rescue = disk_low_ && journal_ && ballast_ && !ballast_->there();
  if (!journal_full && !sinks_wait && !rescue) return;
  if (journal_full && give_up_for_room(true)) return;
  const bool covered = checkpointer_->last() && checkpointer_->last()->position == engine_->position();
  if (!covered)
    checkpointer_->request();
  else if (journal_full && checkpointer_->retained() > 1)
    checkpointer_->shorten_history("the journal has reached journal.max_size");
  else if (rescue && checkpointer_->retained() > 1)
    checkpointer_->shorten_history("the disk is full");
  else if (journal_full)
    give_up_for_room(false);
}

// Without a journal it is a checkpoint that lets results go: the next one comes before they fill the memory.
void Appliance::Work::hurry_for_sinks() {
  if (!journal_ && checkpointer_ &&
      std::ranges::any_of(deliveries_, [](const auto& d) { return d->filling(); }))
    checkpointer_->hurry();
}

// A write found no room. With the ballast's, what is journaled becomes durable and a checkpoint complete;
// then the journal can be trimmed.
void Appliance::Work::disk_full(const Error& error) {
  if (error.kind != Error::Kind::no_space || !ballast_) return;
  ballast_->give_up([this] {
    disk_looked_at_ = {};
    look_at_free_space();
    if (journal_) journal_->sync_now();
    checkpointer_->request();
  });
}

// About as much as a base and a journal segment need; where there is room for more than that.
void Appliance::Work::lay_in_ballast(const Manifest& manifest) {
  constexpr std::uint64_t kLeast = 64u << 10, kMost = 64u << 20;
  // Not at once: a start has other things to write.
  if (!ballast_ || ballast_->there() || phase_ != Phase::running || platform_.loop.now() < begun_ + 1min)
    return;
  const std::uint64_t segment = settings_.journal.enabled ? kJournalSegment : 0;
  const std::uint64_t size = std::clamp<std::uint64_t>(
      manifest.total_bytes() + std::min(segment, settings_.journal.max_size / 4), kLeast, kMost);
  const auto free = platform_.files.free_space(data_dir_);
  const std::uint64_t limit = settings_.limits.min_free;
  if (free && *free > limit + limit / 2 + 2 * size) ballast_->lay_in(size);
}

void Appliance::Work::noticed(std::string_view subject, std::string_view kind, std::string_view text) {
  if (replay_done()) platform_.log.sampled(LogLevel::warning, subject, kind, text);
}

// Durable further, or not: what may be acknowledged and delivered follows.
void Appliance::Work::journal_moved() {
  if (phase_ == Phase::failed) return;
  if (!replay_done()) {
    if (checkpointer_) checkpointer_->progress();
    return;
  }
  look_at_free_space();
  if (journal_)
    if (const auto trouble = journal_->trouble()) disk_full(*trouble);
  if (journal_) {
    answer_resumes();
    for (auto& delivery : deliveries_) delivery->release(journal_->durable());
    tell_sources_safe(journal_->durable());
    if (journal_->size_on_disk() >= settings_.journal.max_size / 4 * 3 && !checkpointer_->under_way() &&
        !reloading_ &&
        checkpointer_->last().transform([](const Manifest& m) { return m.position; }).value_or(Position{}) !=
            engine_->position())
      checkpointer_->request();
  }
  checkpointer_->progress();
  flow_->progress();
}

void Appliance::Work::completed(const Manifest& manifest) {
  order_done();
  lay_in_ballast(manifest);
  if (journal_ || !replay_done()) return;
  for (auto& delivery : deliveries_) delivery->release(manifest.position);
  tell_sources_safe(manifest.position);
  flow_->progress();
  remove_old_journal();
}

// The journal was switched off: what it held is covered by this checkpoint, and must not be found as a gap
// when it is switched on again.
void Appliance::Work::remove_old_journal() {
  if (extent_.bytes == 0) return;
  extent_.bytes = 0;
  platform_.bulk_lane.submit(
      [&files = platform_.files, &log = platform_.log, folder = journal_folder(data_dir_)] {
        if (const Status erased = erase_journal(files, folder); !erased)
          log.warning("journal", "the old journal stays for now: " + erased.error().message);
      },
      [] {});
}

void Appliance::Work::describe(Manifest& manifest) {
  manifest.lineage = identity_.lineage;
  manifest.timeline = identity_.ancestry.current();
  manifest.run = identity_.run;
  manifest.configuration = in_force_.settings->canonical_text;
  manifest.sections.emplace_back("configuration", in_force_.name);
  if (journal_) manifest.sections.emplace_back("journal", "on");
  std::string delivered;
  for (std::size_t i = 0; i < routes_.size(); ++i)
    if (routes_[i] != nullptr && routes_[i]->can_say())
      for (const ResultSchema* schema : in_force_.plan->sink_schemas[i])
        if (routes_[i]->takes(*schema)) delivered += delivered_line(*routes_[i], *schema);
  manifest.sections.emplace_back("delivered", std::move(delivered));
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const std::string& name = in_force_.settings->sources[i].name;
    manifest.sections.emplace_back("source/" + name, memory_of(i));
    manifest.sources.push_back({name, sources_[i]->summary(), engine_->source_watermark(i)});
  }
  if (remembered_through_ > manifest.position) {
    Encoder through;
    through.u64(remembered_through_.value);
    manifest.sections.emplace_back("remembered", through.take());
  }
  // Of sources and pipelines that are not configured now: should they come back, their results are numbered
  // on, since sinks remember the numbers, and what their peers were told stays true.
  for (const auto& [name, bytes] : retired_)
    manifest.sections.emplace_back(std::string(kRetired) + name, bytes);
}

// The replay made another result than the sink holds under the same number: another program, or a defect.
// Skipping by number would lose rows without a trace; from here on results are numbered on a new timeline.
void Appliance::Work::diverged(const ResultSchema& schema, ResultNumber number) {
  const std::string text = format(
      "result {} of {} ({}) differs from the one that the sink holds: results from here on belong to a new "
      "timeline",
      number.value, schema.pipeline, tidemark::to_text(schema.channel.kind));
  platform_.log.error("delivery", text);
  reports_.push_back(text);
  platform_.loop.post([this, alive = alive_] {
    if (*alive) fork_timeline(extent_.end);
  });
}

void Appliance::Work::fork_timeline(Position at) {
  if (forked_) return;  // one branch is enough for everything that differs
  forked_ = true;
  at = std::max(at, engine_->position());
  if (journal_) at = std::max(at, journal_->appended());
  if (const Status forked = fork_durably(at); !forked) {
    reports_.push_back(forked.error().message);
    return;
  }
  number_on_present_timeline();
  if (journal_) journal_->set_timeline(identity_.ancestry.current());
  if (checkpointer_) checkpointer_->request();
}

Status Appliance::Work::fork_durably(Position at) {
  identity_.ancestry = identity_.ancestry.forked(at);
  return write_identity(platform_.files, data_dir_, identity_);
}

std::string Appliance::Work::phase_text() const {
  switch (phase_) {
    case Phase::starting:
      return "starting";
    case Phase::replaying: {
      const std::uint64_t all = extent_.end.value - barrier_.value;
      return format("replaying {}%", all == 0 ? 100 : replayed_ * 100 / all);
    }
    case Phase::running:
      return "running";
    case Phase::stopping:
      return "stopping";
    case Phase::stopped:
      return "stopped";
    case Phase::failed:
      return "failed: " + start_error_;
  }
  return {};
}

std::string type_name_of(SourceSettings::Type type) {
  for (const SourceDeclaration& declaration : source_registry())
    if (declaration.type == type) return std::string(declaration.name);
  return {};
}

StatusReport Appliance::Work::status() const {
  static constexpr std::string_view kSourceStates[] = {"starting", "connected", "waiting",
                                                       "paused",   "ended",     "stopped"};
  StatusReport report;
  report.node = *settings_.node.name;
  report.version = options_.version;
  report.phase = phase_text();
  report.uptime = platform_.clock.monotonic() - begun_;
  report.longest_stall = platform_.loop.longest_delay();
  report.longest_slice = platform_.loop.longest_slice();
  report.lineage = identity_.lineage;
  report.timeline = identity_.ancestry.current();
  report.run = identity_.run;
  report.resumed_from = resumed_text_;
  report.configuration = in_force_.name;
  report.configuration_loaded_ns = loaded_ns_;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const SourceStatus status = sources_[i]->status();
    SourceReport& to = report.sources.emplace_back();
    const SourceSettings& settings = in_force_.settings->sources[i];
    to.name = settings.name;
    to.type = std::string(source_type_name(settings.type));
    to.state = std::string(kSourceStates[static_cast<std::size_t>(status.state)]);
    to.detail = status.detail;
    to.degraded = status.degraded;
    to.records = engine_->source_counters(i).records;
    to.bad = engine_->source_counters(i).bad;
    if (engine_->source_watermark(i) != kEventTimeMin) to.watermark = engine_->source_watermark(i);
    to.counters = status.counters;
    for (auto& counter : engine_->format_counters(i)) to.counters.push_back(std::move(counter));
  }
  if (lookup_watch_) report.lookups = lookup_watch_->reports();
  for (std::size_t i = 0; engine_ && i < in_force_.settings->pipelines.size(); ++i) {
    const PipelineCounters counters = engine_->pipeline_counters(i);
    const EntryTable* table = engine_->pipeline_table(i);
    report.pipelines.push_back({.name = in_force_.settings->pipelines[i].name,
                                .records = counters.records,
                                .results = counters.results,
                                .late = counters.late,
                                .errors = counters.errors,
                                .keys = table != nullptr ? table->size() : 0,
                                .memory = table != nullptr ? table->memory_bytes() : 0,
                                .watermark = engine_->pipeline_watermark(i)});
    PipelineReport& to = report.pipelines.back();
    to.refused = counters.refused;
    to.evicted = counters.evicted;
    to.expired = counters.expired;
    if (restarts_) restarts_->describe(i, to);
  }
  for (const auto& delivery : deliveries_) report.sinks.push_back(delivery->report());
  if (checkpointer_) report.checkpoint = checkpointer_->report();
  report.journal.enabled = settings_.journal.enabled;
  if (journal_) {
    report.journal.appended = journal_->appended();
    report.journal.written = journal_->written();
    report.journal.durable = journal_->durable();
    report.journal.bytes_on_disk = journal_->size_on_disk();
    report.journal.bytes_written = journal_->bytes_written();
  }
  report.written.received = flow_ ? flow_->received_bytes() : 0;
  if (platform_.written != nullptr) {
    report.written.journal = platform_.written->of(WrittenFor::journal);
    report.written.checkpoints = platform_.written->of(WrittenFor::checkpoints);
    report.written.outbox = platform_.written->of(WrittenFor::outbox);
    report.written.sinks = platform_.written->of(WrittenFor::sinks);
    report.written.other = platform_.written->of(WrittenFor::other);
  }
  add_degraded(report);
  return report;
}

void Appliance::Work::add_degraded(StatusReport& report) const {
  report.degraded = reports_;
  const auto add = [&](std::string text) { report.degraded.push_back(std::move(text)); };
  if (!reload_refused_.empty())
    add("the configuration file was read again and refused, the one before goes on: " + reload_refused_);
  if (journal_)
    if (const auto trouble = journal_->trouble()) add("journal: " + trouble->message);
  if (journal_ && !journal_->trouble())
    if (const auto since = journal_->waiting_since())
      if (const Duration waits = platform_.clock.monotonic() - *since; waits > settings_.journal.sync + 1s)
        add(format("journal: the disk is slow, the oldest input has waited {} for its fsync",
                   to_text(std::chrono::duration_cast<std::chrono::milliseconds>(waits))));
  if (checkpointer_)
    if (std::string trouble = checkpointer_->trouble(); !trouble.empty()) add("checkpoint: " + trouble);
  if (phase_ == Phase::running && !reloading_ && flow_->waiting()) {
    std::string why = "the disk has too much waiting";
    for (const auto& delivery : deliveries_)
      if (delivery->full()) why = delivery->limit();
    if (journal_ && journal_->size_on_disk() >= settings_.journal.max_size)
      why = format("the journal has reached journal.max_size ({})", size_to_text(settings_.journal.max_size));
    if (disk_low_)
      add(format("sources are paused: less than limits.min_free ({}) is free in {}",
                 size_to_text(settings_.limits.min_free), data_dir_));
    else
      add("sources are paused: " + why);
  }
  for (std::size_t i = 0; i < report.pipelines.size(); ++i) {
    const PipelineSettings& settings = settings_.pipelines[i];
    const std::uint64_t most = settings.max_keys != 0 ? settings.max_keys : settings_.limits.max_keys;
    if (report.pipelines[i].keys >= most && *settings.on_max_keys == OnMaxKeys::refuse)
      add(format("pipeline \"{}\" holds max_keys ({}) keys: records with new ones are refused, {} so far",
                 settings.name, most, report.pipelines[i].refused));
  }
  if (engine_ && engine_->state_bytes() + 1024 > settings_.limits.memory)
    add(format("the state of the pipelines has reached limits.memory ({}): records with new keys are refused",
               size_to_text(settings_.limits.memory)));
  for (const PipelineReport& pipeline : report.pipelines)
    if (pipeline.position)
      add(format("pipeline \"{}\" {} at position {}: {}", pipeline.name,
                 pipeline.state == "FAILED" ? "is FAILED and stands still" : "stands still",
                 pipeline.position->value + 1, pipeline.last_error));
  if (missed_ && !missed_->trouble().empty())
    add("journal: what a pipeline has missed cannot be read: " + missed_->trouble());
  for (const LookupReport& lookup : report.lookups)
    if (!lookup.trouble.empty())
      add(format("lookup \"{}\" goes on with the table it had: {}", lookup.name, lookup.trouble));
  for (const SourceReport& source : report.sources)
    if (!source.degraded.empty()) add("source \"" + source.name + "\": " + source.degraded);
  for (const SinkReport& sink : report.sinks)
    if (!sink.degraded.empty()) add("sink \"" + sink.name + "\": " + sink.degraded);
}

Appliance::Appliance(Platform& platform, ServiceNotifier& notifier, ApplianceOptions options)
    : work_(std::make_unique<Work>(platform, notifier, std::move(options))) {}
Appliance::~Appliance() = default;

void Appliance::start(std::function<void(Status)> ready) {
  work_->start(std::move(ready));
}
void Appliance::stop(bool command, std::function<void(Status)> stopped) {
  work_->stop(command, std::move(stopped));
}
void Appliance::drain(std::function<void(Status)> stopped) {
  if (!work_->accepts_checkpoints())
    return stopped(
        fail("nothing can be drained while the instance is " + work_->status().phase, Error::Kind::busy));
  work_->stop(true, std::move(stopped), true);
}
void Appliance::on_ended(std::function<void()> ended) {
  work_->on_ended(std::move(ended));
}
bool Appliance::running() const {
  return work_->accepts_checkpoints();
}
void Appliance::reload(Settings settings, std::function<void(Status)> done) {
  work_->reload(std::move(settings), std::move(done));
}
void Appliance::reload_refused(const std::string& why) {
  work_->reload_refused(why);
}
StatusReport Appliance::status() const {
  return work_->status();
}

void Appliance::create_checkpoint(std::function<void(Result<CheckpointId>)> done) {
  if (work_->checkpointer() == nullptr || !work_->accepts_checkpoints())
    return done(fail("no checkpoint can be taken while " + work_->status().phase, Error::Kind::busy));
  work_->checkpointer()->request(std::move(done));
}

void Appliance::create_savepoint(SavepointTarget target, std::function<void(Result<CheckpointId>)> done) {
  if (work_->checkpointer() == nullptr || !work_->accepts_checkpoints())
    return done(fail("no savepoint can be taken while " + work_->status().phase, Error::Kind::busy));
  work_->create_savepoint(std::move(target), std::move(done));
}
void Appliance::stop_with_savepoint(SavepointTarget target, std::function<void(Status)> stopped) {
  work_->stop_with_savepoint(std::move(target), std::move(stopped));
}

void Appliance::resume_pipeline(const std::string& name, std::function<void(Status)> done) {
  work_->resume_pipeline(name, std::move(done));
}

void check_plan(const Settings& settings, Diagnostics& diagnostics) {
  make_plan(settings, diagnostics);
}

void assign_channels(Plan& plan, const Lineage& lineage, Timeline timeline) {
  const auto assign = [&](ResultSchema& schema) {
    schema.channel.lineage = lineage;
    schema.channel.timeline = timeline;
  };
  for (SourcePlan& source : plan.sources) assign(source.dead);
  for (PipelinePlan& pipeline : plan.pipelines)
    for (ResultSchema* schema : {&pipeline.main, &pipeline.late, &pipeline.dead}) assign(*schema);
}

std::string lock_path(const std::string& data_dir) {
  return join_path(data_dir, "LOCK");
}
std::string journal_folder(const std::string& data_dir) {
  return join_path(data_dir, "journal");
}

std::string outbox_folder(const std::string& data_dir) {
  return join_path(data_dir, "outbox");
}

std::string sinks_folder(const std::string& data_dir) {
  return join_path(data_dir, "sinks");
}

std::vector<WrittenBytes::Place> written_places(const std::string& data_dir) {
  return {{journal_folder(data_dir) + "/", WrittenFor::journal},
          {join_path(data_dir, "checkpoints/"), WrittenFor::checkpoints},
          {join_path(data_dir, "checkpoints.db"), WrittenFor::checkpoints},
          {outbox_folder(data_dir) + "/", WrittenFor::outbox},
          {join_path(data_dir, "config/"), WrittenFor::other},
          {lock_path(data_dir), WrittenFor::other},
          {identity_path(data_dir), WrittenFor::other},
          {ballast_path(data_dir), WrittenFor::other}};
}

std::string delivered_line(const Delivery& delivery, const ResultSchema& schema) {
  return format("{} {} {}\n", delivery.settings().name, schema.channel.uid, to_text(schema.channel.kind));
}

}  // namespace tidemark
