#include "pipeline/flow.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "base/pace.h"
#include "pipeline/event_time.h"

namespace tidemark {

class Flow::SourceIntake final : public Intake {
 public:
  SourceIntake(Flow& flow, std::uint16_t number) : flow_(flow), number_(number) {}

  void begin_read() override {
    flow_.slice_begun_ = flow_.parts_.clock.monotonic();
    flow_.check_clock();
    flow_.stamp_ = flow_.clock_.stamp();
  }
  void expect(std::string_view bytes) override { flow_.engine_->expect(index_, bytes); }
  Position record(std::string_view payload, std::string_view topic, std::string_view resume) override {
    flow_.received_ += payload.size() + topic.size();
    const Position position = flow_.append(EntryKind::record, this, payload, topic, resume);
    source_->remember_record(position, topic, payload, resume);
    return position;
  }
  Position oversized(std::string_view beginning, std::string_view topic, std::string_view resume) override {
    const Position position = flow_.append(EntryKind::oversized, this, beginning, topic, resume);
    source_->remember_record(position, topic, beginning, resume);
    return position;
  }
  Position event(std::string_view payload) override {
    begin_read();
    const Position position = flow_.append(EntryKind::source_event, this, payload, {}, {});
    source_->remember_event(position, payload);
    return position;
  }
  bool open() const override {
    const bool is_open = flow_.open();
    flow_.refused_ = flow_.refused_ || !is_open;
    return is_open;
  }
  Position safe() const override { return flow_.safe_; }
  void hurry() override {
    if (flow_.journal_ != nullptr)
      flow_.journal_->sync_now();
    else
      flow_.events_.hurry_checkpoint();
  }
  void ended() override {
    if (ended_) return;
    ended_ = true;
    begin_read();
    flow_.append(EntryKind::source_ended, this, {}, {}, {});
    if (std::ranges::all_of(flow_.intakes_, [](const auto& intake) { return intake->ended_; }))
      flow_.events_.all_ended();
  }

  // By use().
  void attach(std::size_t index, Source& source) {
    index_ = index;
    source_ = &source;
  }
  std::size_t index() const { return index_; }
  std::uint16_t number() const { return number_; }

 private:
  Flow& flow_;
  std::uint16_t number_;
  std::size_t index_ = 0;  // in the settings of the plan in force
  Source* source_ = nullptr;
  bool ended_ = false;
};

Flow::Flow(Parts parts, Events events) : parts_(parts), events_(std::move(events)), clock_(parts.clock) {}

Flow::~Flow() {
  *alive_ = false;
}

void Flow::resume_at(JournalWriter* journal, Position after, JournalTime last_time) {
  journal_ = journal;
  appended_ = safe_ = after;
  clock_.set(last_time);
}

Intake& Flow::make_intake(std::uint16_t number) {
  return *intakes_.emplace_back(std::make_unique<SourceIntake>(*this, number));
}

void Flow::use(Engine& engine, const std::vector<Inlet>& inlets) {
  invariant(engine_ == nullptr || backlog_.empty(), "a plan comes into force between two entries");
  engine_ = &engine;
  engine.on_slice_over([this] { return parts_.clock.monotonic() - slice_begun_ > kLoopSlice; });
  std::vector<std::unique_ptr<SourceIntake>> intakes;
  sources_.clear();
  for (const Inlet& inlet : inlets) {
    const auto at = std::ranges::find_if(
        intakes_, [&](const std::unique_ptr<SourceIntake>& its) { return its.get() == inlet.intake; });
    invariant(at != intakes_.end(), "a source's intake is one of the flow's");
    (*at)->attach(sources_.size(), *inlet.source);
    intakes.push_back(std::move(*at));
    sources_.push_back(inlet.source);
  }
  intakes_ = std::move(intakes);
}

Position Flow::control(EntryKind kind, std::string_view payload) {
  stamp_ = clock_.stamp();
  return append(kind, nullptr, payload, {}, {});
}

Position Flow::append(EntryKind kind, const SourceIntake* source, std::string_view payload,
                      std::string_view topic, std::string_view resume) {
  const Entry entry{.kind = kind,
                    .source = source != nullptr ? source->number() : std::uint16_t{0},
                    .time = stamp_,
                    .resume = resume,
                    .topic = topic,
                    .payload = payload};
  appended_ = journal_ != nullptr ? journal_->append(entry) : appended_.next();
  const std::size_t index = source != nullptr ? source->index() : 0;
  if (kind == EntryKind::record || kind == EntryKind::oversized) events_.passing(index, appended_, entry);
  show(appended_, entry, index);
  return appended_;
}

// Straight to the engine, unless it is still busy with an earlier entry.
void Flow::show(Position position, const Entry& entry, std::size_t source) {
  if (!settled()) return keep(position, entry, source);
  if (!engine_->apply(position, entry, source)) {
    set_paused(true);
    return post_work();
  }
  if (!work_posted_) post_work();  // once for all that one read hands over: a barrier, the next tick, …
}

void Flow::keep(Position position, const Entry& entry, std::size_t source) {
  Kept& kept = backlog_.emplace_back(Kept{position, entry, source, {}});
  kept.bytes.reserve(entry.resume.size() + entry.topic.size() + entry.payload.size());
  kept.bytes.append(entry.topic).append(entry.payload);
  const std::string_view bytes = kept.bytes;
  kept.entry.resume = {};
  kept.entry.topic = bytes.substr(0, entry.topic.size());
  kept.entry.payload = bytes.substr(entry.topic.size());
}

void Flow::post_work() {
  if (work_posted_) return;
  work_posted_ = true;
  parts_.loop.post([this, alive = alive_] {
    if (!*alive) return;
    work_posted_ = false;
    work_on();
  });
}

// One slice: the engine's unfinished entry, or some of what was kept; then the others on the loop have their
// turn.
void Flow::work_on() {
  Engine& engine = *engine_;
  constexpr int kKeptPerSlice = 256;
  slice_begun_ = parts_.clock.monotonic();
  for (int i = 0; i < kKeptPerSlice; ++i) {
    if (i % 16 == 15 && parts_.clock.monotonic() - slice_begun_ > kLoopSlice) break;
    if (engine.busy()) {
      if (engine.missed()) {
        events_.turn();
        if (!events_.hold()) events_.feed_missed();  // else progress() goes on
        if (engine.busy() && engine.missed()) return;
      } else if (!engine.go_on()) {
        events_.turn();
        if (!events_.hold()) post_work();  // else progress() goes on
        return;
      }
    } else if (!backlog_.empty()) {
      // Moved out first: its bytes must stay where they are while the engine reads them.
      const auto kept = std::make_unique<Kept>(std::move(backlog_.front()));
      const std::string_view bytes = kept->bytes;
      kept->entry.topic = bytes.substr(0, kept->entry.topic.size());
      kept->entry.payload = bytes.substr(kept->entry.topic.size());
      backlog_.pop_front();
      if (!engine.apply(kept->position, kept->entry, kept->source)) return post_work();
    } else {
      break;
    }
  }
  events_.turn();
  if (!settled()) return post_work();
  schedule_tick();
  progress();
}

bool Flow::open() const {
  return running_ && settled() && !events_.hold() && (journal_ == nullptr || !journal_->full());
}

void Flow::progress() {
  if (engine_->busy() && !events_.hold()) post_work();
  if (!running_) return;
  if (open()) {
    // A source that was told "not open" waits for resume() by itself, whether or not it was paused from here.
    if (std::exchange(refused_, false)) paused_ = true;
    set_paused(false);
  } else {
    set_paused(true);
    events_.hold_overcome();
  }
}

void Flow::set_paused(bool paused) {
  if (paused == paused_ || !running_) return;
  paused_ = paused;
  for (Source* source : sources_) {
    if (source == nullptr) continue;
    if (paused)
      source->pause();
    else
      source->resume();
    if (paused_ != paused) return;  // a source that went on reading has filled something up
  }
}

void Flow::safe(Position position) {
  if (position <= safe_) return;
  safe_ = position;
  for (Source* source : sources_)
    if (source != nullptr) source->safe_moved();
}

void Flow::run() {
  running_ = true;
  paused_ = false;
  schedule_tick();
}

void Flow::suspend() {
  set_paused(true);
  stop();
}

void Flow::go_on() {
  running_ = true;
  schedule_tick();
  progress();
}

void Flow::stop() {
  running_ = false;
  paused_ = true;
  tick_.reset();
  tick_due_.reset();
}

// Whether the wall clock is believed, and that it was set back, are facts that a replay must meet at the same
// place.
void Flow::check_clock() {
  if (clock_.synchronised() != engine_->clock_believed() && settled())
    control(EntryKind::clock_step,
            to_payload(clock_.synchronised() ? ClockEvent::believed : ClockEvent::not_believed));
  if (const auto back = clock_.step_needed()) {
    clock_.set(*back);
    stamp_ = *back;
    append(EntryKind::clock_step, nullptr, to_payload(ClockEvent::step_back), {}, {});
  }
}

void Flow::schedule_tick() {
  if (!running_) return;
  const auto due = engine_->next_due();
  if (due == tick_due_) return;
  tick_due_ = due;
  tick_.reset();
  if (!due) return;
  tick_ = parts_.loop.at(clock_.monotonic_of(*due), [this] {
    tick_.reset();
    tick_due_.reset();
    if (!running_) return;
    const auto still_due = engine_->next_due();
    if (!settled()) return;  // work_on() looks again when everything taken is applied
    if (still_due && *still_due <= clock_.now())
      control(EntryKind::tick, {});
    else
      schedule_tick();
  });
}

}  // namespace tidemark
