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

void KeyedPayload::create(std::byte* payload) const {
  std::memset(payload, 0, prefix_.size());
  layout().create(payload + prefix_.size());
}

void KeyedPayload::save(const std::byte* payload, Encoder& out) const {
  if (prefix_.flag) out.u8(static_cast<std::uint8_t>(payload[0]));
  if (prefix_.used) out.i64(read_i64(payload + prefix_.used_at()));
  if (prefix_.order) out.varint(static_cast<std::uint64_t>(read_i64(payload + prefix_.order_at())));
  layout().save(payload + prefix_.size(), out);
}

bool KeyedPayload::load(Decoder& in, std::byte* payload) const {
  if (prefix_.flag) payload[0] = static_cast<std::byte>(in.u8());
  if (prefix_.used) write_i64(payload + prefix_.used_at(), in.i64());
  if (prefix_.order) write_i64(payload + prefix_.order_at(), static_cast<std::int64_t>(in.varint()));
  return layout().load(in, payload + prefix_.size());
}

}  // namespace tidemark
