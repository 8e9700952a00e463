#include "pipeline/delivery.h"

#include <algorithm>

#include "base/format.h"
#include "base/invariant.h"
#include "base/pace.h"
#include "base/sizes.h"
#include "pipeline/result_codec.h"

namespace tidemark {

Delivery::Delivery(Doors doors, const SinkSettings& settings, Options options, MakeSink make_sink,
                   Events events)
    : doors_(doors),
      settings_(settings),
      declaration_(sink_declaration(settings.type)),
      options_(std::move(options)),
      make_sink_(std::move(make_sink)),
      sink_(make_sink_()),
      events_(std::move(events)),
      stored_(doors.files, doors.lane,
              {.folder = options_.outbox_folder,
               .buffer = settings.buffer,
               .drop_oldest = settings.drop_oldest}) {}

// The sink goes first: on a lane it may still be reading the batch in flight.
Delivery::~Delivery() {
  sink_.reset();
}

void Delivery::take(const std::vector<const ResultSchema*>& schemas) {
  for (const ResultSchema* schema : schemas)
    if (!takes(*schema)) schemas_.push_back(&own_.emplace_back(*schema));
}

bool Delivery::takes(const ResultSchema& schema) const {
  return std::ranges::find(own_, schema) != own_.end();
}

void Delivery::assign(const Lineage& lineage, Timeline timeline) {
  for (ResultSchema& schema : own_) {
    schema.channel.lineage = lineage;
    schema.channel.timeline = timeline;
  }
}

void Delivery::open(const std::vector<const ResultSchema*>& schemas) {
  take(schemas);
  open_outbox();
}

void Delivery::expect(const ChannelId& channel, const ChannelMark& mark) {
  ResultQueue::Reader rows = queue_.reader();
  const Waiting* row = rows.next();
  while (row != nullptr && (row->channel->uid != channel.uid || row->channel->kind != channel.kind))
    row = rows.next();
  expected_[channel] = row == nullptr ? mark : ChannelMark{ResultNumber{row->number.value - 1}, 0};
}

const ChannelId* Delivery::issued(const ResultSchema& schema, const Lineage& lineage, Timeline timeline) {
  const ChannelId*& newest = newest_issued_[&schema];
  if (newest == nullptr || newest->timeline != timeline || newest->lineage != lineage) {
    ChannelId channel = schema.channel;
    channel.lineage = lineage;
    channel.timeline = timeline;
    newest = &*issued_.insert(std::move(channel)).first;
  }
  return newest;
}

ResultNumber Delivery::held(const ChannelId& channel) const {
  ResultNumber number;
  for (const Holdings* holdings : {&held_, &stored_marks_})
    if (const auto at = holdings->find(channel); at != holdings->end())
      number = std::max(number, at->second.number);
  return number;
}

// The journal that made the missing rows is gone: they cannot be made again, only reported.
void Delivery::note_gaps() {
  for (const auto& [channel, mark] : expected_) {
    // What was delivered before a fork stands under the timelines before it.
    ResultNumber holds;
    for (const Holdings* holdings : {&held_, &stored_marks_})
      for (const auto& [its, its_mark] : *holdings)
        if (its.lineage == channel.lineage && its.uid == channel.uid && its.kind == channel.kind)
          holds = std::max(holds, its_mark.number);
    if (holds >= mark.number) continue;
    missing_ += mark.number.value - holds.value;
    doors_.log.error(
        subject(),
        format("the sink cannot show results {} to {} of {}, which the checkpoint says it received; was it "
               "replaced by an older copy, or its cursor removed?",
               holds.value + 1, mark.number.value, channel.uid));
  }
}

void Delivery::add(const Emission& emission, std::optional<Timeline> issued_on) {
  auto known = std::ranges::find(known_, emission.schema, &Known::schema);
  if (known == known_.end())
    known = known_.insert(known_.end(), {emission.schema, known_schema(*emission.schema), nullptr});
  const bool was_empty = queue_.empty();
  const ChannelId& its = emission.schema->channel;
  const Timeline timeline = issued_on.value_or(its.timeline);
  if (known->channel == nullptr || known->channel->timeline != timeline ||
      known->channel->lineage != its.lineage)
    known->channel = issued(*known->own, its.lineage, timeline);
  queue_.push({.schema = known->own,
               .channel = known->channel,
               .number = emission.number,
               .chain = emission.chain,
               .position = emission.position,
               .bytes = emission.bytes});
  if (options_.mode == DeliveryMode::at_least_once) released_ = std::max(released_, emission.position);
  if (flight_.under_way) {
    if (bytes() >= kEarly) store_some();
    return;
  }
  if (was_empty) schedule_flush();
  if (queue_.front().position > released_) return;
  if (due()) pump();
  if (bytes() >= kEarly) store_some();
}

void Delivery::release(Position through) {
  if (through <= released_) return;
  released_ = through;
  pump();
  store_some();
  watch_barrier();
}

void Delivery::flush_through(Position position) {
  flush_through_ = std::max(flush_through_, position);
  barrier_asked_ = doors_.loop.now();
  pump();
  store_some();
  watch_barrier();
}

const Delivery::Waiting* Delivery::first_in_memory() const {
  if (flight_.stored() < flight_.rows.size()) return &flight_.rows[flight_.stored()];
  return queue_.empty() ? nullptr : &queue_.front();
}

bool Delivery::delivered_through(Position position) const {
  const Waiting* first = first_in_memory();
  return first == nullptr || first->position > position;
}

bool Delivery::sink_ready() const {
  return opened_ && sink_->status().state == SinkStatus::State::ready;
}

bool Delivery::away() const {
  const Waiting* first = first_in_memory();
  if (first == nullptr) return !sink_ready();
  if (first->position > released_) return true;
  if (!outbox_full_ && outbox_trouble_.empty()) return false;
  return !sink_ready() || !stored_.empty() || doors_.loop.now() >= barrier_asked_ + kPatience;
}

// Whether the front of memory should leave now, as far as `flush` is concerned.
bool Delivery::due() const {
  if (queue_.empty()) return false;
  if (bytes() >= kEarly || flush_due_ || queue_.front().position <= flush_through_) return true;
  return !settings_.flush && !declaration_.flushes_with_checkpoint;
}

void Delivery::schedule_flush() {
  if (!settings_.flush || flush_timer_) return;
  flush_timer_ = doors_.loop.at(doors_.loop.now() + *settings_.flush, [this] {
    flush_timer_.reset();
    flush_due_ = true;
    pump();
  });
}

bool Delivery::is_held(const Waiting& row) const {
  return row.number <= held(*row.channel);
}

void Delivery::compare_chain(const Waiting& row, const Holdings& held) {
  const auto at = held.find(*row.channel);
  if (at != held.end() && row.number == at->second.number && row.chain != at->second.chain)
    events_.diverged(*row.schema, row.number);
}

// Drops from the front of memory what the sink or the outbox holds, and what the sink never can; true when
// something was dropped.
// What ends first: what the sink holds, what was released, or the slice. Says in `over` that it was the
// slice.
bool Delivery::drop_held(bool& over) {
  constexpr std::size_t kLooks = 128;  // rows between two looks at the clock
  const MonotonicTime begun = doors_.loop.now();
  const std::size_t before = queue_.rows();
  for (std::size_t seen = 1; !queue_.empty() && queue_.front().position <= released_; ++seen) {
    const bool has_it = is_held(queue_.front());
    if (!has_it && !unfit(queue_.front())) break;
    if (has_it) {
      compare_chain(queue_.front(), held_);
      compare_chain(queue_.front(), stored_marks_);
    }
    ++(has_it ? skipped_ : given_up_);
    queue_.pop();
    over = seen % kLooks == 0 && doors_.loop.now() - begun >= kLoopSlice;
    if (over) break;
  }
  return queue_.rows() != before;
}

// What stands in the outbox goes first; while some of memory is on its way there, memory waits.
void Delivery::pump() {
  if (!opened_ || flight_.under_way || closed_) return;
  if (!stored_.empty()) return pump_outbox();
  fetched_.clear();
  if (storing_) return;
  bool over = false;
  const bool dropped = drop_held(over);
  if (over) {
    doors_.loop.post([this, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) pump();
    });
  } else if (due() && queue_.front().position <= released_) {
    if (fits_now(queue_.front()))
      write_from_memory();
    else
      take_turn_for(queue_.front().schema);
  }
  if (dropped) events_.progress();
}

// A batch is large, so that a sink writes it at once, but not longer in the making than others on the loop
// can wait.
bool Delivery::flight_has_room(MonotonicTime begun) const {
  constexpr std::size_t kLooks = 128;  // rows between two looks at the clock
  const std::size_t rows = flight_.rows.size();
  if (rows >= kBatchRows || flight_.bytes.size() >= kBatchBytes) return false;
  return rows % kLooks != kLooks - 1 || doors_.loop.now() - begun < kLoopSlice;
}

void Delivery::write_from_memory() {
  // Most rows are of the channel and form of the one before.
  const ChannelId* channel = nullptr;
  const ResultSchema* schema = nullptr;
  ResultNumber holds;
  const MonotonicTime begun = doors_.loop.now();
  while (!queue_.empty() && flight_has_room(begun)) {
    const Waiting& row = queue_.front();
    if (row.channel != channel) {
      channel = row.channel;
      holds = held(*channel);
    }
    if (row.schema != schema && !fits_now(row)) break;
    schema = row.schema;
    if (row.position > released_ || row.number <= holds) break;
    flight_.rows.push_back(row);
    flight_.bytes.append(row.bytes);
    queue_.pop();
  }
  flight_bytes_ = flight_.bytes.size();
  write_flight();
}

void Delivery::write_from_outbox() {
  const MonotonicTime begun = doors_.loop.now();
  while (!fetched_.empty() && flight_has_room(begun)) {
    Fetched& next = fetched_.front();
    if (!may_leave(next.row) || !fits_now(next.row)) break;
    flight_.rows.push_back(next.row);
    flight_.rows.back().bytes = next.bytes;
    flight_.bytes.append(next.bytes);
    flight_.sequences.push_back(next.sequence);
    flight_.views.push_back({});
    if (next.id_prefix != nullptr) flight_.views.back().id_prefix = *next.id_prefix;
    fetched_.pop_front();
  }
  write_flight();
}

// The rows' bytes now stand in the flight's own, one behind another, and stay there.
void Delivery::write_flight() {
  std::size_t value_count = 0, at = 0;
  for (Waiting& row : flight_.rows) {
    row.bytes = std::string_view(flight_.bytes).substr(at, row.bytes.size());
    at += row.bytes.size();
    value_count += row.schema->columns.size();
  }
  flight_.values.resize(value_count);
  flight_.views.resize(flight_.rows.size());
  std::span<Value> values = flight_.values;
  for (std::size_t i = 0; i < flight_.rows.size(); ++i) {
    const Waiting& row = flight_.rows[i];
    const std::span<Value> its = values.first(row.schema->columns.size());
    values = values.subspan(its.size());
    invariant(decode_values(row.bytes, its), "a waiting result decodes to its columns");
    ResultView& view = flight_.views[i];
    view.schema = row.schema;
    view.number = row.number;
    view.chain = row.chain;
    view.values = its;
    view.issued = row.channel;
  }
  flight_.under_way = true;
  sink_->write(flight_.views, [this] { batch_done(); });
  watch_barrier();
}

void Delivery::batch_done() {
  delivered_ += flight_.rows.size();
  flight_bytes_ = 0;
  if (storing_of_flight_) delivered_while_storing_ = flight_.rows.size();
  if (flight_.stored() != 0) consume(flight_.sequences.back() + 1);
  flight_.rows.clear();
  flight_.bytes.clear();
  flight_.views.clear();
  flight_.sequences.clear();
  flight_.under_way = false;
  // The rest of what was released when the flush came due goes on; what came later waits for its own.
  if (queue_.empty() || queue_.front().position > released_) flush_due_ = false;
  if (!queue_.empty() && !flush_due_) schedule_flush();
  pump();
  events_.progress();
}

void Delivery::close(std::function<void()> closed) {
  turn_.reset();
  closed_ = true;  // what still waits is kept: a sink that has been told to close takes no more
  sink_->close([this, closed = std::move(closed)] { stored_.close(closed); });
}

std::string Delivery::limit() const {
  const std::string waiting =
      format("{} of results wait for sink \"{}\"", size_to_text(kMemory), settings_.name);
  if (!outbox_full_) return waiting;
  return format("{}, and its outbox is full (sinks.{}.buffer, {})", waiting, settings_.name,
                size_to_text(settings_.buffer));
}

SinkReport Delivery::report() const {
  static constexpr std::string_view kStates[] = {"starting", "ready", "away", "stopped"};
  const SinkStatus status = sink_->status();
  const Outbox::Extent& extent = stored_.extent();
  const std::uint64_t on_disk = extent.end - std::min(extent.first, extent.end);
  // What the sink has been given, and the outbox gave up for lack of room, is in memory alone again.
  const auto given_up = static_cast<std::size_t>(std::ranges::count_if(
      flight_.sequences, [&](std::uint64_t sequence) { return sequence < extent.first; }));
  const std::uint64_t in_memory = flight_.rows.size() - flight_.stored() + given_up;
  SinkReport report{.name = settings_.name,
                    .type = std::string(declaration_.name),
                    .state = std::string(kStates[static_cast<std::size_t>(status.state)]),
                    .detail = status.detail,
                    .degraded = failure_ ? failure_->message : status.degraded,
                    .delivered = delivered_,
                    .waiting = queue_.rows() + in_memory + on_disk,
                    .waiting_bytes = bytes() + (on_disk != 0 ? extent.bytes : 0),
                    .skipped = skipped_,
                    .counters = status.counters};
  const auto also = [&](const std::string& text) {
    report.degraded += (report.degraded.empty() ? "" : "; ") + text;
  };
  if (!outbox_trouble_.empty()) also(outbox_trouble_);
  if (outbox_full_ && !settings_.drop_oldest)
    also(format("its outbox is full (sinks.{}.buffer, {})", settings_.name, size_to_text(settings_.buffer)));
  report.counters.emplace_back("in its outbox", on_disk);
  report.counters.emplace_back("dropped", extent.dropped);
  report.counters.emplace_back("missing", missing_);
  report.counters.emplace_back("of an abandoned branch", abandoned_);
  report.counters.emplace_back("given up", given_up_);
  return report;
}

}  // namespace tidemark
