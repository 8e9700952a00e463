#include "pipeline/delivery.h"

#include <algorithm>

#include "base/format.h"
#include "base/invariant.h"
#include "base/sizes.h"
#include "pipeline/result_codec.h"

namespace tidemark {

Delivery::Delivery(Doors doors, const SinkSettings& settings, Options options, std::unique_ptr<Sink> sink,
                   Events events)
    : doors_(doors),
      settings_(settings),
      declaration_(sink_declaration(settings.type)),
      options_(std::move(options)),
      sink_(std::move(sink)),
      events_(std::move(events)),
      stored_(doors.files, doors.lane,
              {.folder = options_.outbox_folder,
               .buffer = settings.buffer,
               .drop_oldest = settings.drop_oldest}) {}

Delivery::~Delivery() = default;

void Delivery::take(const std::vector<const ResultSchema*>& schemas) {
  for (const ResultSchema* schema : schemas)
    if (!takes(*schema)) schemas_.push_back(&own_.emplace_back(*schema));
}

bool Delivery::takes(const ResultSchema& schema) const {
  return std::ranges::find(own_, schema) != own_.end();
}

// The copy that rows and the sink refer to; null when it does not take such results.
const ResultSchema* Delivery::own(const ResultSchema& schema) {
  if (options_.only_keeps) take({&schema});
  const auto at = std::ranges::find(own_, schema);
  return at == own_.end() ? nullptr : &*at;
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
  const auto first = std::ranges::find_if(queue_, [&](const Waiting& row) {
    return row.channel->uid == channel.uid && row.channel->kind == channel.kind;
  });
  expected_[channel] = first == queue_.end() ? mark : ChannelMark{ResultNumber{first->number.value - 1}, 0};
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

void Delivery::opened(Result<std::optional<Holdings>> held) {
  if (!held) {
    failure_ = held.error();
    events_.failed(std::move(held.error()));
    return;
  }
  opened_ = true;
  if (*held && options_.mode == DeliveryMode::exactly_once) {
    held_ = std::move(**held);
    if (!sink_->status().forgot) note_gaps();
  }
  pump();
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

bool Delivery::add(const Emission& emission, std::optional<Timeline> issued_on) {
  auto known = std::ranges::find(known_, emission.schema, &decltype(known_)::value_type::first);
  if (known == known_.end()) known = known_.insert(known_.end(), {emission.schema, own(*emission.schema)});
  if (known->second == nullptr) return false;
  const bool was_empty = queue_.empty();
  const ChannelId& its = emission.schema->channel;
  queue_.push_back({known->second, issued(*known->second, its.lineage, issued_on.value_or(its.timeline)),
                    emission.number, emission.chain, emission.position, std::string(emission.bytes)});
  bytes_ += cost(queue_.back());
  if (options_.mode == DeliveryMode::at_least_once) released_ = std::max(released_, emission.position);
  if (!in_flight_ && was_empty) schedule_flush();
  if (due()) pump();
  if (bytes_ >= kEarly) store_some();
  return true;
}

void Delivery::release(Position through) {
  if (through <= released_) return;
  released_ = through;
  pump();
  store_some();
}

void Delivery::flush_through(Position position) {
  flush_through_ = std::max(flush_through_, position);
  barrier_asked_ = doors_.loop.now();
  pump();
  store_some();
  watch_barrier();
}

const Delivery::Waiting* Delivery::first_in_memory() const {
  if (flight_stored_ < flight_.size()) return &flight_[flight_stored_];
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
  if (bytes_ >= kEarly || flush_due_ || queue_.front().position <= flush_through_) return true;
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

// Drops what the sink or the outbox holds from the front of memory; true when something was dropped.
bool Delivery::drop_held() {
  const std::size_t before = queue_.size();
  while (!queue_.empty() && queue_.front().position <= released_ && is_held(queue_.front())) {
    const Waiting& row = queue_.front();
    compare_chain(row, held_);
    compare_chain(row, stored_marks_);
    ++skipped_;
    bytes_ -= cost(row);
    queue_.pop_front();
  }
  return queue_.size() != before;
}

// What stands in the outbox goes first; while some of memory is on its way there, memory waits.
void Delivery::pump() {
  if (!opened_ || in_flight_) return;
  if (!stored_.empty()) return pump_outbox();
  fetched_.clear();
  if (storing_) return;
  const bool dropped = drop_held();
  if (due() && queue_.front().position <= released_) write_batch(queue_);
  if (dropped) events_.progress();
}

void Delivery::write_batch(std::deque<Waiting>& from) {
  const bool of_outbox = &from == &fetched_;
  std::size_t value_count = 0;
  flight_.clear();
  while (!from.empty() && flight_.size() < kBatchRows) {
    Waiting& row = from.front();
    if (of_outbox ? !may_leave(row) : row.position > released_ || is_held(row)) break;
    value_count += row.schema->columns.size();
    flight_.push_back(std::move(row));
    from.pop_front();
  }
  flight_stored_ = of_outbox ? flight_.size() : 0;
  in_flight_ = true;
  values_.assign(value_count, Value());
  rows_.clear();
  std::size_t at = 0;
  for (const Waiting& row : flight_) {
    const std::span<Value> values = std::span(values_).subspan(at, row.schema->columns.size());
    at += values.size();
    invariant(decode_values(row.bytes, values), "a waiting result decodes to its columns");
    rows_.push_back({.schema = row.schema,
                     .number = row.number,
                     .chain = row.chain,
                     .values = values,
                     .issued = row.channel,
                     .id_prefix = row.id_prefix != nullptr ? *row.id_prefix : std::string_view()});
  }
  sink_->write(rows_, [this] { batch_done(); });
}

void Delivery::batch_done() {
  delivered_ += flight_.size();
  for (std::size_t i = flight_stored_; i < flight_.size(); ++i) bytes_ -= cost(flight_[i]);
  if (storing_of_flight_) delivered_while_storing_ = flight_.size();
  if (flight_stored_ != 0) consume(flight_[flight_stored_ - 1].sequence + 1);
  flight_.clear();
  flight_stored_ = 0;
  in_flight_ = false;
  // The rest of what was released when the flush came due goes on; what came later waits for its own.
  if (queue_.empty() || queue_.front().position > released_) flush_due_ = false;
  if (!queue_.empty() && !flush_due_) schedule_flush();
  pump();
  events_.progress();
}

void Delivery::close(std::function<void()> closed) {
  opened_ = false;  // what still waits is kept: a sink that has been told to close takes no more
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
  SinkReport report{.name = settings_.name,
                    .type = std::string(declaration_.name),
                    .state = std::string(kStates[static_cast<std::size_t>(status.state)]),
                    .detail = status.detail,
                    .degraded = failure_ ? failure_->message : status.degraded,
                    .delivered = delivered_,
                    .waiting = queue_.size() + (flight_.size() - flight_stored_) + on_disk,
                    .waiting_bytes = bytes_ + (on_disk != 0 ? extent.bytes : 0),
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
  return report;
}

}  // namespace tidemark
