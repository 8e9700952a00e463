#include "pipeline/delivery.h"

#include <algorithm>

#include "base/format.h"
#include "base/invariant.h"
#include "pipeline/result_codec.h"
#include "state/row.h"

namespace tidemark {

namespace {

constexpr std::uint8_t kPendingVersion = 1;  // of the rows that a checkpoint keeps for the sink

}  // namespace

Delivery::Delivery(Doors doors, const SinkSettings& settings, DeliveryMode mode, std::unique_ptr<Sink> sink,
                   Events events)
    : doors_(doors),
      settings_(settings),
      declaration_(sink_declaration(settings.type)),
      mode_(mode),
      sink_(std::move(sink)),
      events_(std::move(events)) {}

Delivery::~Delivery() = default;

void Delivery::open(std::vector<const ResultSchema*> schemas) {
  schemas_ = std::move(schemas);
  sink_->open(schemas_, [this](Result<std::optional<Holdings>> held) { opened(std::move(held)); });
}

void Delivery::expect(const ChannelId& channel, const ChannelMark& mark) {
  const auto first = std::ranges::find_if(queue_, [&](const Waiting& row) {
    return row.channel->uid == channel.uid && row.channel->kind == channel.kind;
  });
  expected_[channel] = first == queue_.end() ? mark : ChannelMark{ResultNumber{first->number.value - 1}, 0};
}

void Delivery::opened(Result<std::optional<Holdings>> held) {
  if (!held) {
    failure_ = held.error();
    events_.failed(std::move(held.error()));
    return;
  }
  opened_ = true;
  if (*held && mode_ == DeliveryMode::exactly_once) {
    held_ = std::move(**held);
    note_gaps();
  }
  pump();
}

ResultNumber Delivery::held(const ChannelId& channel) const {
  const auto at = held_.find(channel);
  return at == held_.end() ? ResultNumber{} : at->second.number;
}

// The journal that made the missing rows is gone: they cannot be made again, only reported.
void Delivery::note_gaps() {
  for (const auto& [channel, mark] : expected_) {
    // What was delivered before a fork stands under the timelines before it.
    ResultNumber holds;
    for (const auto& [its, its_mark] : held_)
      if (its.lineage == channel.lineage && its.uid == channel.uid && its.kind == channel.kind)
        holds = std::max(holds, its_mark.number);
    if (holds < mark.number)
      doors_.log.error(
          "sinks." + settings_.name,
          format("the sink cannot show results {} to {} of {}, which the checkpoint says it received; was it "
                 "replaced by an older copy, or its cursor removed?",
                 holds.value + 1, mark.number.value, channel.uid));
  }
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

void Delivery::add(const Emission& emission, std::optional<Timeline> issued_on) {
  const ChannelId& its = emission.schema->channel;
  queue_.push_back({emission.schema, issued(*emission.schema, its.lineage, issued_on.value_or(its.timeline)),
                    emission.number, emission.chain, emission.position, std::string(emission.bytes)});
  bytes_ += cost(queue_.back());
  if (mode_ == DeliveryMode::at_least_once) released_ = std::max(released_, emission.position);
  if (in_flight_ == 0 && queue_.size() == 1) schedule_flush();
  if (due()) pump();
}

void Delivery::release(Position through) {
  if (through <= released_) return;
  released_ = through;
  pump();
}

void Delivery::flush_through(Position position) {
  flush_through_ = std::max(flush_through_, position);
  pump();
}

bool Delivery::delivered_through(Position position) const {
  return queue_.empty() || queue_.front().position > position;
}

bool Delivery::away() const {
  return !opened_ || sink_->status().state != SinkStatus::State::ready ||
         (!queue_.empty() && queue_.front().position > released_);
}

// Whether the front of the queue should leave now, as far as `flush` is concerned.
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

// Drops what the sink holds from the front of the queue; true when something was dropped.
bool Delivery::drop_held() {
  const std::size_t before = queue_.size();
  while (!queue_.empty() && queue_.front().position <= released_) {
    const Waiting& row = queue_.front();
    const auto held = held_.find(*row.channel);
    if (held == held_.end() || row.number > held->second.number) break;
    if (row.number == held->second.number && row.chain != held->second.chain)
      events_.diverged(*row.schema, row.number);
    ++skipped_;
    bytes_ -= cost(row);
    queue_.pop_front();
  }
  return queue_.size() != before;
}

void Delivery::pump() {
  if (!opened_ || in_flight_ != 0) return;
  const bool dropped = drop_held();
  if (due() && queue_.front().position <= released_) write_batch();
  if (dropped) events_.progress();
}

void Delivery::write_batch() {
  std::size_t value_count = 0;
  while (in_flight_ < queue_.size() && in_flight_ < kBatchRows) {
    const Waiting& row = queue_[in_flight_];
    const auto held = held_.find(*row.channel);
    const bool is_held = held != held_.end() && row.number <= held->second.number;
    if (row.position > released_ || is_held) break;
    value_count += row.schema->columns.size();
    ++in_flight_;
  }
  values_.assign(value_count, Value());
  rows_.clear();
  std::size_t at = 0;
  for (std::size_t i = 0; i < in_flight_; ++i) {
    const Waiting& row = queue_[i];
    const std::span<Value> values = std::span(values_).subspan(at, row.schema->columns.size());
    at += values.size();
    invariant(decode_values(row.bytes, values), "a waiting result decodes to its columns");
    rows_.push_back({.schema = row.schema,
                     .number = row.number,
                     .chain = row.chain,
                     .values = values,
                     .issued = row.channel});
  }
  sink_->write(rows_, [this] { batch_done(); });
}

void Delivery::batch_done() {
  for (; in_flight_ > 0; --in_flight_) {
    bytes_ -= cost(queue_.front());
    queue_.pop_front();
    ++delivered_;
  }
  // The rest of what was released when the flush came due goes on; what came later waits for its own.
  if (queue_.empty() || queue_.front().position > released_) {
    flush_due_ = false;
    if (!queue_.empty()) schedule_flush();
  }
  pump();
  events_.progress();
}

std::string Delivery::pending_rows(Position through, std::uint64_t& count) const {
  std::string out;
  Encoder key, payload;
  for (const Waiting& row : queue_) {
    if (row.position > through) break;
    key.clear();
    key.bytes(row.schema->channel.uid);
    key.u8(static_cast<std::uint8_t>(row.schema->channel.kind));
    key.varint(row.number.value);
    payload.clear();
    payload.u8(kPendingVersion);
    for (const std::uint8_t byte : row.channel->lineage.bytes) payload.u8(byte);
    payload.u32(row.channel->timeline.value);
    payload.u64(row.chain);
    payload.varint(row.position.value);
    payload.bytes(row.bytes);
    append_row(out, {.key = key.view(), .erased = false, .payload = payload.view()});
    ++count;
  }
  return out;
}

Status Delivery::restore_pending(std::string_view rows, const FindSchema& find) {
  Decoder in(rows);
  Row row;
  std::uint64_t given_up = 0;
  while (take_row(in, row)) {
    Decoder key(row.key), payload(row.payload);
    const std::string uid(key.bytes());
    const auto kind = static_cast<ChannelKind>(key.u8());
    const ResultNumber number{key.varint()};
    if (const std::uint8_t version = payload.u8(); version > kPendingVersion)
      return fail(format("a waiting result of sink \"{}\" has version {}, this program reads up to {}",
                         settings_.name, version, kPendingVersion));
    Lineage lineage;
    for (std::uint8_t& byte : lineage.bytes) byte = payload.u8();
    const Timeline timeline{payload.u32()};
    const std::uint64_t chain = payload.u64();
    const Position position{payload.varint()};
    const std::string_view bytes = payload.bytes();
    if (!key.complete() || !payload.complete())
      return fail("a waiting result of sink \"" + settings_.name + "\" does not decode",
                  Error::Kind::corrupt);
    const ResultSchema* schema = find(uid, kind);
    std::vector<Value> values(schema != nullptr ? schema->columns.size() : 0);
    if (schema == nullptr || !decode_values(bytes, values)) {  // it is gone, or has other columns now
      ++given_up;
      continue;
    }
    queue_.push_back(
        {schema, issued(*schema, lineage, timeline), number, chain, position, std::string(bytes)});
    bytes_ += cost(queue_.back());
    flush_through_ = std::max(flush_through_, position);  // overdue since that checkpoint
  }
  if (in.failed())
    return fail("waiting results of sink \"" + settings_.name + "\" do not decode", Error::Kind::corrupt);
  if (given_up != 0)
    doors_.log.error("sinks." + settings_.name,
                     format("{} results that waited are given up: their pipeline is no longer configured, or "
                            "has other columns",
                            given_up));
  return {};
}

void Delivery::close(std::function<void()> closed) {
  sink_->close(std::move(closed));
}

SinkReport Delivery::report() const {
  static constexpr std::string_view kStates[] = {"starting", "ready", "away", "stopped"};
  const SinkStatus status = sink_->status();
  return {.name = settings_.name,
          .type = std::string(declaration_.name),
          .state = std::string(kStates[static_cast<std::size_t>(status.state)]),
          .detail = status.detail,
          .degraded = failure_ ? failure_->message : status.degraded,
          .delivered = delivered_,
          .waiting = queue_.size(),
          .waiting_bytes = bytes_,
          .skipped = skipped_,
          .counters = status.counters};
}

}  // namespace tidemark
