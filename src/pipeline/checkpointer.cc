#include "pipeline/checkpointer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/format.h"
#include "base/invariant.h"
#include "base/pace.h"
#include "pipeline/segment_chain.h"

namespace tidemark {

namespace {

// A segment being written: the bulk lane's own, in the order of its jobs. The loop looks at the reference
// after the last.
struct Output {
  std::shared_ptr<CheckpointStore> store;
  CheckpointId id;
  Lineage lineage;
  std::string name, owner;
  std::unique_ptr<SegmentWriter> writer;
  SegmentReference reference;

  Status write(std::string_view rows, bool last) {
    if (!writer) {
      auto made = store->create_segment(id, lineage, name, owner);
      if (!made) return pass_on(made);
      writer = std::move(*made);
    }
    if (Status appended = append_in_blocks(*writer, rows); !appended) return appended;
    if (!last) return {};
    auto finished = writer->finish();
    if (!finished) return pass_on(finished);
    reference = std::move(*finished);
    return {};
  }
};

}  // namespace

struct Checkpointer::Capture {
  struct Part {
    Engine::Table table;
    EntryTable::Base base;
    bool captured = false;
    bool written = false;  // it has a segment
    std::shared_ptr<Output> output;
    bool whole_base() const { return base.to - base.from == EntryTable::kPartitions; }
  };
  CheckpointId id;
  Manifest manifest;
  std::vector<Part> parts;
  std::size_t at = 0;         // the part being captured
  std::size_t in_flight = 0;  // jobs on the lane
  bool pending_written = false;
  std::vector<SegmentReference> pending;
  std::uint64_t bytes = 0;
};

Checkpointer::Checkpointer(Doors doors, Parts parts, Events events, CheckpointId next)
    : doors_(doors), parts_(parts), events_(std::move(events)), next_(next) {}

Checkpointer::~Checkpointer() {
  *alive_ = false;
}

void Checkpointer::adopt(std::vector<Manifest> retained, std::optional<Manifest> resumed,
                         std::vector<CheckpointId> damaged, std::vector<CheckpointId> left_behind) {
  damaged_ = std::move(damaged);
  left_behind_ = std::move(left_behind);
  retained_ = std::move(retained);
  last_ = std::move(resumed);
  if (!last_) return;
  report_.last = last_->id;
  report_.position = last_->position;
  report_.wall_ns = last_->wall_ns;
  report_.duration = last_->duration;
}

void Checkpointer::use(Engine& engine, const std::vector<std::string>& rewritten) {
  invariant(stage_ == Stage::idle, "tables change hands between two checkpoints");
  parts_.engine = &engine;
  rewritten_.insert(rewritten.begin(), rewritten.end());
}

void Checkpointer::run() {
  running_ = true;
  schedule(doors_.loop.now() + *parts_.settings.checkpoint.interval);
}

void Checkpointer::hurry() {
  if (!running_ || stage_ != Stage::idle) return;
  const MonotonicTime soonest = std::max(doors_.loop.now(), ended_ + parts_.settings.checkpoint.min_pause);
  if (!timer_ || soonest < due_) schedule(soonest);
}

void Checkpointer::schedule(MonotonicTime when) {
  due_ = when;
  timer_ = doors_.loop.at(when, [this] {
    timer_.reset();
    if (stage_ != Stage::idle) return;  // finish() schedules the next
    // Nothing has come in since the last one: an idle appliance writes nothing.
    const Position covered = last_ ? last_->position : Position{};
    if (parts_.engine->position() == covered && !parts_.engine->busy())
      return schedule(doors_.loop.now() + *parts_.settings.checkpoint.interval);
    request();
  });
}

void Checkpointer::request(std::function<void(Result<CheckpointId>)> done) {
  if (done) asking_.push_back(std::move(done));
  wanted_ = true;
  doors_.loop.post([this, alive = alive_] {
    if (*alive) turn();
  });
}

void Checkpointer::turn() {
  if (stage_ == Stage::idle && wanted_ && !retiring_ && events_.settled()) barrier();
  if (stage_ == Stage::capturing) capture_slice();
}

bool Checkpointer::over_budget() const {
  if (stage_ != Stage::capturing) return false;
  std::size_t waiting = 0;
  for (const Capture::Part& part : capture_->parts)
    if (!part.captured) waiting += part.table.table->captured_waiting();
  return waiting > kCaptureBudget;
}

void Checkpointer::barrier() {
  wanted_ = false;
  waiting_ = std::exchange(asking_, {});
  capture_ = std::make_unique<Capture>();
  Capture& capture = *capture_;
  capture.id = next_;
  next_ = next_.next();
  begun_ = doors_.clock.monotonic();
  report_.under_way = true;
  stage_ = Stage::capturing;

  Manifest& manifest = capture.manifest;
  manifest.id = capture.id;
  manifest.position = parts_.engine->position();
  manifest.journal_time = parts_.engine->time();
  manifest.wall_ns = doors_.clock.wall_ns();
  manifest.semantics = Engine::kSemantics;
  parts_.engine->save(manifest.sections);
  manifest.pipelines = parts_.engine->summaries();
  events_.describe(manifest);

  for (const Engine::Table& table : parts_.engine->tables()) {
    Capture::Part part;
    part.table = table;
    part.output = std::make_shared<Output>();
    part.output->store = parts_.store;
    part.output->id = capture.id;
    part.output->lineage = manifest.lineage;
    part.output->name = format("{}-{}-{}", capture.id.value, manifest.run.value, capture.parts.size() + 1);
    part.output->owner = table.owner;
    capture.parts.push_back(std::move(part));
  }
  plan_bases();
  for (Capture::Part& part : capture.parts) part.table.table->begin_snapshot(part.base);

  events_.hurry_journal();
  for (auto& delivery : parts_.deliveries) delivery->flush_through(manifest.position);
  timeout_ = doors_.loop.at(doors_.loop.now() + parts_.settings.checkpoint.timeout, [this] {
    if (stage_ == Stage::committing) return;  // too late to take it back
    if (std::ranges::any_of(capture_->parts, [](const Capture::Part& part) { return part.base.to != 0; }))
      base_share_ = std::min(base_share_ * 4, EntryTable::kPartitions);
    fail_with(Error{
        format("not done within checkpoint.timeout ({})", to_text(parts_.settings.checkpoint.timeout))});
  });
}

// Which tables get a base now: those never written, and those whose segments together have grown to 9/4 of
// the size of a base. With several shares, a part of the partitions at a time, in turn.
void Checkpointer::plan_bases() {
  const unsigned step = EntryTable::kPartitions / base_share_;
  const EntryTable::Base share{next_partition_, next_partition_ + step};
  bool any = false;
  for (Capture::Part& part : capture_->parts) {
    std::uint64_t all = 0, base = 0;
    std::size_t segments = 0;
    bool whole = false;
    if (last_ && !rewritten_.contains(part.output->owner))
      for (const SegmentReference& segment : last_->segments) {
        if (segment.owner != part.output->owner) continue;
        ++segments;
        all += segment.bytes;
        if (segment.base_to > segment.base_from) base += segment.bytes;
        whole = true;
      }
    constexpr std::uint64_t kSmall = 64u << 10;  // below it a base costs no more than an increment
    constexpr std::size_t kManySegments = 80;
    if (!whole) {
      part.base = {0, EntryTable::kPartitions};
    } else if (4 * all > 9 * base + 4 * kSmall || segments > kManySegments) {
      part.base = share;
      any = true;
    }
  }
  // The same share for all tables, so that each of them comes round to all of its partitions.
  if (any) next_partition_ = (next_partition_ + step) % EntryTable::kPartitions;
}

void Checkpointer::capture_slice() {
  Capture& capture = *capture_;
  if (capture.in_flight >= kInFlight) return;  // the lane's answer calls again
  while (capture.at < capture.parts.size()) {
    const std::size_t index = capture.at;
    Capture::Part& part = capture.parts[index];
    std::string rows;
    const MonotonicTime begun = doors_.loop.now();
    do {
      part.captured = part.table.table->capture(rows, kPiece);
    } while (!part.captured && rows.size() < kSlice && doors_.loop.now() - begun < kLoopSlice);
    if (part.captured) ++capture.at;
    // No segment for nothing, except where part of the key space begins anew, empty.
    const bool begins_anew = part.base.to != part.base.from && !part.whole_base();
    if (rows.empty() && !part.written && !(part.captured && begins_anew)) continue;
    part.written = true;
    ++capture.in_flight;
    auto status = std::make_shared<Status>();
    doors_.lane.submit([status, output = part.output, rows = std::move(rows),
                        last = part.captured] { *status = output->write(rows, last); },
                       [this, status, index, id = capture.id, last = part.captured, alive = alive_] {
                         if (*alive) slice_written(id, index, last, std::move(*status));
                       });
    return;
  }
  stage_ = Stage::waiting;
  progress();
}

void Checkpointer::slice_written(CheckpointId id, std::size_t part, bool last, Status written) {
  if (!capture_ || capture_->id != id) return;  // abandoned meanwhile
  --capture_->in_flight;
  if (!written) return fail_with(std::move(written.error()));
  if (last) {
    const EntryTable::Base base = capture_->parts[part].base;
    SegmentReference& reference = capture_->parts[part].output->reference;
    reference.base_from = base.from;
    reference.base_to = base.to;
    capture_->bytes += reference.bytes;
  }
  if (stage_ == Stage::capturing)
    doors_.loop.post([this, alive = alive_] {
      if (*alive) turn();
    });
  progress();
}

void Checkpointer::progress() {
  if (stage_ != Stage::waiting || capture_->in_flight != 0) return;
  const Position barrier = capture_->manifest.position;
  if (events_.journal_durable() < barrier) return;
  for (const auto& delivery : parts_.deliveries)
    if (!delivery->delivered_through(barrier) && !delivery->away()) return;
  if (!capture_->pending_written) return write_pending();
  commit();
}

// Results that neither their sinks nor their outboxes hold durably become part of the checkpoint: after it,
// the journal could no longer make them again.
void Checkpointer::write_pending() {
  Capture& capture = *capture_;
  capture.pending_written = true;
  struct Job {
    std::vector<std::pair<std::shared_ptr<Output>, std::unique_ptr<PendingRows>>> pending;
    Status status;
  };
  auto job = std::make_shared<Job>();
  for (const auto& delivery : parts_.deliveries) {
    std::unique_ptr<PendingRows> rows = delivery->pending(capture.manifest.position);
    if (!rows) continue;
    auto output = std::make_shared<Output>();
    output->store = parts_.store;
    output->id = capture.id;
    output->lineage = capture.manifest.lineage;
    output->name = format("{}-{}-p{}", capture.id.value, capture.manifest.run.value, job->pending.size() + 1);
    output->owner = std::string(kPending) + delivery->settings().name;
    job->pending.emplace_back(std::move(output), std::move(rows));
  }
  if (job->pending.empty()) return commit();
  ++capture.in_flight;
  doors_.lane.submit(
      [job] {
        for (auto& [output, rows] : job->pending) {
          for (std::string some = rows->next(kSlice); job->status && !some.empty(); some = rows->next(kSlice))
            job->status = output->write(some, false);
          if (job->status) job->status = output->write({}, true);
          rows.reset();
        }
      },
      [this, job, id = capture.id, alive = alive_] {
        if (!*alive || !capture_ || capture_->id != id) return;
        --capture_->in_flight;
        if (!job->status) return fail_with(std::move(job->status.error()));
        for (auto& [output, rows] : job->pending) {
          capture_->bytes += output->reference.bytes;
          capture_->pending.push_back(std::move(output->reference));
        }
        progress();
      });
}

void Checkpointer::commit() {
  stage_ = Stage::committing;
  Capture& capture = *capture_;
  Manifest& manifest = capture.manifest;
  for (const Capture::Part& part : capture.parts) {
    const std::string& owner = part.output->owner;
    if (!part.whole_base() && last_)
      for (const SegmentReference& segment : last_->segments)
        if (segment.owner == owner) manifest.segments.push_back(segment);
    if (part.written) manifest.segments.push_back(part.output->reference);
    drop_superseded(manifest.segments, owner);
    manifest.incremental = manifest.incremental || !part.whole_base();
  }
  for (SegmentReference& reference : capture.pending) manifest.segments.push_back(std::move(reference));
  std::string stored;
  for (const auto& delivery : parts_.deliveries) stored += delivery->stored_line();
  if (!stored.empty()) manifest.sections.emplace_back("outbox", std::move(stored));
  manifest.duration = doors_.clock.monotonic() - begun_;
  auto status = std::make_shared<Status>();
  auto copy = std::make_shared<const Manifest>(manifest);
  doors_.lane.submit([store = parts_.store, status, copy] { *status = store->commit(*copy); },
                     [this, status, alive = alive_] {
                       if (*alive && stage_ == Stage::committing) committed(std::move(*status));
                     });
}

void Checkpointer::committed(Status done) {
  if (!done) return fail_with(std::move(done.error()));
  timeout_.reset();
  const auto kept = std::make_shared<std::vector<std::shared_ptr<void>>>();
  for (Capture::Part& part : capture_->parts) kept->push_back(part.table.table->complete_snapshot());
  doors_.lane.submit([kept] { kept->clear(); }, [] {});
  rewritten_.clear();
  last_ = std::move(capture_->manifest);
  retained_.push_back(*last_);
  report_.last = last_->id;
  report_.position = last_->position;
  report_.wall_ns = last_->wall_ns;
  report_.duration = last_->duration;
  report_.bytes = capture_->bytes;
  ++report_.completed;
  report_.failed_in_a_row = 0;
  failure_.clear();
  if (next_partition_ == 0) base_share_ = std::max(1u, base_share_ / 2);
  events_.completed(*last_);
  retire();
  finish(last_->id);
}

namespace {

// What follows a checkpoint begins behind its position, or behind that of a pipeline that stood still.
Position needed_after(const Manifest& manifest) {
  Position oldest = manifest.position;
  for (const PipelineSummary& pipeline : manifest.pipelines) oldest = std::min(oldest, pipeline.position);
  return oldest;
}

}  // namespace

// Not always the first one's: one that was made while an earlier point was replayed, or on a timeline that
// began there, is newer and stands before it.
Position Checkpointer::oldest_needed() const {
  Position oldest = retained_.front().position;
  for (const Manifest& manifest : retained_) oldest = std::min(oldest, needed_after(manifest));
  return oldest;
}

Position Checkpointer::oldest_position() const {
  if (retained_.empty()) return Position{};
  return std::ranges::min_element(retained_, {}, &Manifest::position)->position;
}

std::vector<Manifest>::iterator Checkpointer::oldest_free() {
  const auto free = std::ranges::find_if(retained_, [this](const Manifest& manifest) {
    return std::ranges::find(pinned_, manifest.id) == pinned_.end();
  });
  return free != retained_.end() && free->id == retained_.back().id ? retained_.end() : free;
}

void Checkpointer::unpin(CheckpointId id) {
  const auto at = std::ranges::find(pinned_, id);
  if (at != pinned_.end()) pinned_.erase(at);
}

// Older ones go after the new one is complete, never before; then what only they needed.
void Checkpointer::retire() {
  auto gone = std::make_shared<std::vector<CheckpointId>>(std::exchange(damaged_, {}));
  const std::size_t retain = parts_.settings.checkpoint.retain;
  while (retained_.size() > retain) {
    const auto oldest = oldest_free();
    if (oldest == retained_.end()) break;
    gone->push_back(oldest->id);
    retained_.erase(oldest);
  }
  std::erase_if(left_behind_, [&](CheckpointId left) {
    const auto newer = std::ranges::count_if(retained_, [&](const Manifest& m) { return m.id > left; });
    if (std::cmp_less(newer, retain)) return false;
    gone->push_back(left);
    return true;
  });
  const Position oldest = oldest_needed();
  if (gone->empty()) return events_.retired(oldest);
  retiring_ = true;
  auto status = std::make_shared<Status>();
  doors_.lane.submit(
      [store = parts_.store, gone, status] {
        for (const CheckpointId id : *gone)
          if (Status removed = store->remove(id); !removed && removed.error().kind != Error::Kind::not_found)
            *status = std::move(removed);
      },
      [this, status, oldest, alive = alive_] {
        if (!*alive) return;
        retiring_ = false;
        if (!*status)
          doors_.log.warning("checkpoint", "old checkpoints stay for now: " + status->error().message);
        events_.retired(*status ? std::optional(oldest) : std::nullopt);
        turn();
      });
}

void Checkpointer::shorten_history(std::string_view why) {
  const auto going = oldest_free();
  if (going == retained_.end() || retiring_) return;
  doors_.log.warning("checkpoint",
                     format("{}: {} is given up before its time so that the journal can be trimmed", why,
                            to_text(going->id)));
  auto status = std::make_shared<Status>();
  const CheckpointId id = going->id;
  retained_.erase(going);
  const Position oldest = oldest_needed();
  retiring_ = true;
  doors_.lane.submit([store = parts_.store, id, status] { *status = store->remove(id); },
                     [this, status, oldest, alive = alive_] {
                       if (!*alive) return;
                       retiring_ = false;
                       events_.retired(*status ? std::optional(oldest) : std::nullopt);
                     });
}

void Checkpointer::remove(CheckpointId id, std::function<void(Status)> done) {
  if (last_ && last_->id == id)
    return done(
        fail(format("{} is the newest, and the next checkpoint builds on it; take another one first with "
                    "`tidemark checkpoint create`",
                    to_text(id)),
             Error::Kind::usage));
  if (retiring_)
    return done(fail("older checkpoints are being removed just now; try again", Error::Kind::busy));
  std::erase_if(retained_, [id](const Manifest& manifest) { return manifest.id == id; });
  std::erase(damaged_, id);
  const std::optional<Position> oldest =
      retained_.empty() ? std::nullopt : std::optional<Position>(oldest_needed());
  retiring_ = true;
  auto status = std::make_shared<Status>();
  doors_.lane.submit([store = parts_.store, id, status] { *status = store->remove(id); },
                     [this, status, oldest, done = std::move(done), alive = alive_] {
                       if (!*alive) return;
                       retiring_ = false;
                       events_.retired(*status ? oldest : std::nullopt);
                       turn();
                       done(std::move(*status));
                     });
}

void Checkpointer::fail_with(Error error) {
  timeout_.reset();
  ++report_.failed;
  ++report_.failed_in_a_row;
  failure_ = error.message;
  doors_.log.warning("checkpoint", format("{} failed: {}", to_text(capture_->id), error.message));
  for (Capture::Part& part : capture_->parts)
    if (part.table.table->snapshot_under_way()) part.table.table->abandon_snapshot();
  const Error why = error;
  finish(std::unexpected(std::move(error)));
  events_.failed(why);
}

void Checkpointer::finish(Result<CheckpointId> result) {
  stage_ = Stage::idle;
  capture_.reset();
  report_.under_way = false;
  for (auto& waiting : std::exchange(waiting_, {})) waiting(result);
  const CheckpointSettings& settings = parts_.settings.checkpoint;
  ended_ = doors_.clock.monotonic();
  if (running_) schedule(std::max(begun_ + *settings.interval, ended_ + settings.min_pause));
  if (wanted_) request();
}

std::string Checkpointer::trouble() const {
  if (report_.failed_in_a_row == 0) return {};
  const bool unhealthy = report_.failed_in_a_row > parts_.settings.checkpoint.tolerable_failures;
  return format("{} checkpoint{} in a row failed{}: {}", report_.failed_in_a_row,
                report_.failed_in_a_row == 1 ? "" : "s", unhealthy ? ", more than tolerable_failures" : "",
                failure_);
}

}  // namespace tidemark
