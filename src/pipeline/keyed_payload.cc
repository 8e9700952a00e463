#include "pipeline/keyed_payload.h"

#include <cstring>

#include "base/format.h"
#include "expressions/parser.h"
#include "windows/aggregate_call.h"

namespace tidemark {
namespace {

std::int64_t read_i64(const std::byte* at) {
  std::int64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
void write_i64(std::byte* at, std::int64_t value) {
  std::memcpy(at, &value, sizeof value);
}

}  // namespace

Result<std::shared_ptr<const AggregateSet>> AggregateSet::of(const StateLayout& layout) {
  const auto is_aggregate = [](std::string_view name, std::size_t arguments) {
    return find_aggregate(name, arguments) != nullptr;
  };
  std::vector<std::shared_ptr<const Aggregate>> aggregates;
  for (const std::string& text : layout.aggregates) {
    const auto parsed = parse_expression(text, is_aggregate);
    if (parsed && parsed->kind == Expression::Kind::call && find_change(parsed->name) != nullptr) {
      auto change = change_of(*parsed);
      if (!change) return fail(format("there is state of {}, which this program does not know", text));
      aggregates.push_back(std::move(change->function));
      continue;
    }
    if (!parsed || parsed->kind != Expression::Kind::aggregate)
      return fail(format("there is state of {}, which this program does not know", text));
    const auto called = aggregate_of(aggregate_call(*parsed));
    if (!called) return fail(format("there is state of {}, which this program does not know", text));
    aggregates.push_back(called->aggregate);
  }
  return std::make_shared<const AggregateSet>(std::move(aggregates));
}

std::shared_ptr<const AggregateSet> aggregates_of(const PipelinePlan& plan) {
  std::vector<std::shared_ptr<const Aggregate>> out;
  for (const AggregateColumn& column : plan.aggregates) out.push_back(column.aggregate);
  for (const ChangeColumn& column : plan.changes) out.push_back(column.function);
  return std::make_shared<const AggregateSet>(std::move(out));
}

PayloadPrefix::PayloadPrefix(const StateLayout& layout)
    : flag(layout.pending_flag), used(layout.last_use), order(layout.order), extent(0), links(0) {
  using Kind = StateLayout::Kind;
  if (layout.kind == Kind::paned) links = 1;  // its chain
  if (layout.kind == Kind::session) {
    extent = 1;  // the last record's time
    links = 2;   // its chain, when it is due
  }
  if (layout.kind == Kind::count) extent = 3;  // records, the earliest and the latest time
}

void PayloadPrefix::take(std::byte* to, const std::byte* from, const PayloadPrefix& before) const {
  if (flag && before.flag) *to = *from;
  if (used && before.used) std::memcpy(to + used_at(), from + before.used_at(), 8);
  if (order && before.order) std::memcpy(to + order_at(), from + before.order_at(), 8);
  std::memcpy(to + extent_at(), from + before.extent_at(), 8 * extent);
}

void KeyedPayload::create(std::byte* payload) const {
  std::memset(payload, 0, prefix_.size());
  layout().create(payload + prefix_.size());
}

void KeyedPayload::save(const std::byte* payload, Encoder& out) const {
  if (prefix_.flag) out.u8(static_cast<std::uint8_t>(payload[0]));
  if (prefix_.used) out.i64(read_i64(payload + prefix_.used_at()));
  if (prefix_.order) out.varint(static_cast<std::uint64_t>(read_i64(payload + prefix_.order_at())));
  for (std::size_t i = 0; i < prefix_.extent; ++i) out.i64(read_i64(payload + prefix_.extent_at() + 8 * i));
  layout().save(payload + prefix_.size(), out);
}

bool KeyedPayload::load(Decoder& in, std::byte* payload) const {
  if (prefix_.flag) payload[0] = static_cast<std::byte>(in.u8());
  if (prefix_.used) write_i64(payload + prefix_.used_at(), in.i64());
  if (prefix_.order) write_i64(payload + prefix_.order_at(), static_cast<std::int64_t>(in.varint()));
  for (std::size_t i = 0; i < prefix_.extent; ++i) write_i64(payload + prefix_.extent_at() + 8 * i, in.i64());
  return layout().load(in, payload + prefix_.size());
}

}  // namespace tidemark
