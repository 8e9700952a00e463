// The part of Delivery that moves results to disk and back.
#include <algorithm>
#include <map>

#include "base/format.h"
#include "base/sizes.h"
#include "pipeline/delivery.h"

namespace tidemark {
namespace {

constexpr std::uint64_t kStoreBytes = 1u << 20;  // at a time, so that a checkpoint's slices come between
constexpr Duration kLook = 100ms;                // at a sink that a barrier waits for

}  // namespace

void Delivery::expect_stored(std::uint64_t first, std::uint64_t end) {
  expected_first_ = first;
  expected_end_ = end;
}

std::string Delivery::stored_line() const {
  const Outbox::Extent& extent = stored_.extent();
  return stored_.empty() ? std::string() : format("{} {} {}\n", settings_.name, extent.first, extent.end);
}

// The one that stands for rows of this shape, here and with the sink.
const ResultSchema* Delivery::known_schema(const ResultSchema& schema) {
  for (const ResultSchema* ours : schemas_)
    if (same_shape(*ours, schema)) return ours;
  for (const ResultSchema& known : older_)
    if (same_shape(known, schema)) return &known;
  return &older_.emplace_back(schema);
}

Delivery::Fetched Delivery::from_outbox(OutboxRow row) {
  const OutboxOrigin& origin = *row.origin;
  const ChannelId& channel = origin.schema.channel;
  const ResultSchema* schema = known_schema(origin.schema);
  const bool ours = origin.id_prefix == options_.id_prefix;
  return {.row = {.schema = schema,
                  .channel = issued(*schema, channel.lineage, channel.timeline),
                  .number = row.number,
                  .chain = row.chain,
                  .position = row.position,
                  .bytes = {}},
          .bytes = std::move(row.bytes),
          .id_prefix = ours ? nullptr : &*prefixes_.insert(origin.id_prefix).first,
          .sequence = row.sequence};
}

OutboxRow Delivery::to_outbox(const Waiting& row, std::string_view id_prefix, Origins& origins) {
  auto& origin = origins[{row.channel, row.schema, id_prefix}];
  if (!origin) {
    auto its = std::make_shared<OutboxOrigin>(OutboxOrigin{*row.schema, std::string(id_prefix)});
    its->schema.channel = *row.channel;
    origin = std::move(its);
  }
  return {origin, row.number, row.chain, row.position, std::string(row.bytes)};
}

Delivery::Undelivered Delivery::undelivered(Position through) const {
  Undelivered out{.sink = settings_.name,
                  .folder = options_.outbox_folder,
                  .first = stored_.extent().first,
                  .end = stored_.extent().end,
                  .before = {},
                  .after = {},
                  .held = held_};
  Origins origins;
  for (std::size_t i = 0; i < flight_.rows.size(); ++i) {
    const Waiting& row = flight_.rows[i];
    const bool was_stored = i < flight_.stored();
    if (row.position > through || (was_stored && flight_.sequences[i] >= out.first))
      continue;  // it is read there
    // The outbox gave it up when the sink had it already; or it never was there.
    const std::string_view prefix = flight_.views[i].id_prefix;
    (was_stored ? out.before : out.after)
        .push_back(to_outbox(row, prefix.empty() ? options_.id_prefix : prefix, origins));
  }
  ResultQueue::Reader waiting = queue_.reader();
  for (const Waiting* row = waiting.next(); row != nullptr; row = waiting.next())
    if (row->position <= through && !is_held(*row))
      out.after.push_back(to_outbox(*row, options_.id_prefix, origins));
  return out;
}

void Delivery::open_outbox() {
  stored_.open([this](Result<StoredResults::Found> found) { outbox_opened(std::move(found)); });
}

void Delivery::outbox_opened(Result<StoredResults::Found> found) {
  if (!found) return outbox_failed(found.error(), [this] { open_outbox(); });
  outbox_trouble_.clear();
  backoff_.reset();
  outbox_open_ = true;
  for (const std::string& line : found->reports) doors_.log.error(subject(), line);
  const std::uint64_t end = stored_.extent().end;
  if (end < expected_end_) {
    missing_ += expected_end_ - std::max(end, expected_first_);
    doors_.log.error(subject(),
                     format("{} results that waited in {} at the checkpoint are not there any more: "
                            "they are lost, unless it is put back",
                            expected_end_ - std::max(end, expected_first_), options_.outbox_folder));
  }
  if (options_.mode == DeliveryMode::exactly_once) stored_marks_ = std::move(found->marks);
  for (const auto& origin : found->origins) known_schema(origin->schema);
  open_for(form_of(nullptr));
}

void Delivery::outbox_failed(const Error& error, std::function<void()> again) {
  outbox_trouble_ = error.message;
  doors_.log.sampled(LogLevel::error, subject(), "outbox", error.message + "; it is tried again");
  retry_ =
      doors_.loop.at(doors_.loop.now() + backoff_.next(stored_.extent().end + bytes()), std::move(again));
  events_.progress();
}

// Of another lineage everything may leave: nothing of it can be taken back or made again.
bool Delivery::may_leave(const Waiting& row) const {
  const bool ours = !schemas_.empty() && row.channel->lineage == schemas_.front()->channel.lineage;
  if (ours && (row.position > released_ || !options_.belongs(row.channel->timeline, row.position)))
    return false;
  return row.number > [&] {
    const auto at = held_.find(*row.channel);
    return at == held_.end() ? ResultNumber{} : at->second.number;
  }();
}

// From the front of what was fetched: what the sink holds, and what an abandoned branch of history left.
void Delivery::discard_from_outbox() {
  std::uint64_t gone = 0;
  while (!fetched_.empty()) {
    const Waiting& row = fetched_.front().row;
    const ChannelId& channel = *row.channel;
    const bool ours = !schemas_.empty() && channel.lineage == schemas_.front()->channel.lineage;
    if (ours && row.position > released_) break;
    const auto at = held_.find(channel);
    const bool has_it = at != held_.end() && row.number <= at->second.number;
    const bool left = ours && !options_.belongs(channel.timeline, row.position);
    const bool never = !has_it && !left && unfit(row);
    if (!has_it && !left && !never) break;
    if (has_it && row.number == at->second.number && row.chain != at->second.chain)
      events_.diverged(*row.schema, row.number);
    ++(has_it ? skipped_ : left ? abandoned_ : given_up_);
    if (!has_it && left && abandoned_ == 1)
      doors_.log.warning(
          subject(),
          "results in the outbox that belong to a branch of history that a restore abandoned are "
          "given up");
    gone = fetched_.front().sequence + 1;
    fetched_.pop_front();
  }
  if (gone != 0) consume(gone);
}

void Delivery::pump_outbox() {
  while (!fetched_.empty() && fetched_.front().sequence < stored_.extent().first) fetched_.pop_front();
  discard_from_outbox();
  if (stored_.empty()) {
    fetched_.clear();
    return pump();
  }
  if (fetched_.empty()) return fetch();
  const Waiting& next = fetched_.front().row;
  if (!may_leave(next)) return;
  if (!fits_now(next)) return take_turn_for(next.schema);
  write_from_outbox();
}

void Delivery::fetch() {
  if (fetching_ || !outbox_open_ || closed_) return;
  fetching_ = true;
  stored_.read(stored_.extent().first, [this](Result<StoredResults::Part> part) {
    fetching_ = false;
    if (!part) return outbox_failed(part.error(), [this] { pump(); });
    outbox_trouble_.clear();
    for (const std::string& line : part->reports) doors_.log.error(subject(), line);
    if (part->rows.empty() && !stored_.empty()) {  // the rest of it did not read
      missing_ += stored_.extent().end - stored_.extent().first;
      consume(stored_.extent().end);
    }
    for (OutboxRow& row : part->rows) fetched_.push_back(from_outbox(std::move(row)));
    pump();
  });
}

void Delivery::consume(std::uint64_t sequence) {
  stored_.consume(sequence, [this](const Status& done) {
    if (!done) doors_.log.sampled(LogLevel::error, subject(), "outbox", done.error().message);
    if (std::exchange(outbox_full_, false)) store_some();
    events_.progress();
  });
}

// Whether results of memory should be on disk now; the first of them may be.
bool Delivery::wants_storing() const {
  const Waiting* first = first_in_memory();
  if (first == nullptr || first->position > released_ || !outbox_open_ || storing_ || closed_) return false;
  if (outbox_full_ || !outbox_trouble_.empty()) return false;
  const bool cannot_leave = !sink_ready() || !stored_.empty();
  if (bytes() >= kEarly && cannot_leave) return true;
  if (bytes() >= kMemory / 2 && settings_.drop_oldest) return true;
  if (first->position > flush_through_) return false;
  return cannot_leave || doors_.loop.now() >= barrier_asked_ + kPatience;
}

void Delivery::store_some() {
  if (!wants_storing()) return;
  Storing storing;
  StoredResults::Rows rows;
  Origins origins;
  std::uint64_t bytes = 0;
  const auto take = [&](const Waiting& row) {
    rows.push_back(to_outbox(row, options_.id_prefix, origins));
    bytes += row.bytes.size() + sizeof(OutboxRow);
  };
  for (std::size_t i = flight_.stored(); i < flight_.rows.size(); ++i) take(flight_.rows[i]);
  storing.of_flight = rows.size();
  ResultQueue::Reader waiting = queue_.reader();
  for (const Waiting* row = waiting.next(); row != nullptr; row = waiting.next()) {
    if (row->position > released_ || bytes >= kStoreBytes) break;
    if (!is_held(*row)) {
      storing.covered.push_back(storing.all_covered);
      take(*row);
    }
    ++storing.all_covered;
  }
  storing_ = true;
  storing_of_flight_ = storing.of_flight != 0;
  delivered_while_storing_ = 0;
  const std::uint64_t under_way = flight_.stored() != 0 ? flight_.sequences.back() + 1 : 0;
  stored_.append(std::move(rows), under_way, [this, storing](Result<Outbox::Appended> appended) {
    stored(storing, std::move(appended));
  });
}

void Delivery::stored(const Storing& storing, Result<Outbox::Appended> appended) {
  storing_ = storing_of_flight_ = false;
  if (!appended) {
    outbox_failed(appended.error(), [this] {
      outbox_trouble_.clear();
      store_some();
    });
    return pump();
  }
  backoff_.reset();
  const std::uint64_t first = stored_.extent().end - appended->taken;
  if (delivered_while_storing_ != 0) {  // the sink was faster
    consume(first + std::min<std::uint64_t>(appended->taken, storing.of_flight));
  } else {
    const std::size_t of_flight = std::min(appended->taken, storing.of_flight);
    for (std::size_t i = 0; i < of_flight; ++i) {
      flight_bytes_ -= flight_.rows[flight_.stored()].bytes.size();
      flight_.sequences.push_back(first + i);
    }
  }
  const std::size_t of_queue = appended->taken - std::min(appended->taken, storing.of_flight);
  const std::size_t gone =
      of_queue == storing.covered.size() ? storing.all_covered : storing.covered[of_queue];
  for (std::size_t i = 0; i < gone; ++i) {
    compare_chain(queue_.front(), held_);
    compare_chain(queue_.front(), stored_marks_);
    queue_.pop();
  }
  skipped_ += gone - of_queue;
  if (appended->taken < storing.of_flight + storing.covered.size()) outbox_full_ = true;
  if (appended->dropped != 0)
    doors_.log.sampled(
        LogLevel::warning, subject(), "dropped",
        format("the outbox is full (sinks.{}.buffer, {}): the oldest results are dropped, {} so far",
               settings_.name, size_to_text(settings_.buffer), stored_.extent().dropped));
  if (outbox_full_)
    doors_.log.sampled(
        LogLevel::warning, subject(), "outbox full",
        format("the outbox is full (sinks.{}.buffer, {}): what comes now waits in memory, and then "
               "sources wait",
               settings_.name, size_to_text(settings_.buffer)));
  pump();
  store_some();
  events_.progress();
}

// A sink that goes away, or is slow, tells nobody; looked at only as long as a barrier needs it.
void Delivery::watch_barrier() {
  if (barrier_timer_) return;
  const Waiting* first = first_in_memory();
  if (first == nullptr || first->position > std::min(flush_through_, released_) || away()) return;
  barrier_timer_ = doors_.loop.at(doors_.loop.now() + kLook, [this] {
    barrier_timer_.reset();
    store_some();
    if (away()) events_.progress();
    watch_barrier();
  });
}

}  // namespace tidemark
