#include "pipeline/state_rows.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"
#include "base/format.h"
#include "base/json_text.h"
#include "base/key_encoding.h"
#include "base/times.h"
#include "sinks/row_text.h"
#include "windows/time_windows.h"

namespace tidemark {
namespace {

std::int64_t read_i64(const std::byte* at) {
  std::int64_t value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Of a window, a session, or a pane that windows share. `front`: how the entry's key begins; `extent`: the
// words of its prefix (keyed_payload.h).
std::pair<std::int64_t, std::int64_t> times_of(const PipelinePlan& plan, std::int64_t front,
                                               const std::byte* extent) {
  const WindowSettings& window = plan.settings->window;
  switch (plan.kind) {
    case PipelinePlan::Kind::paned:
      return {front, TimeWindows(TimeWindows::cut_of(window, plan.zone)).pane_end(front)};
    case PipelinePlan::Kind::session: {
      const auto later = [](std::int64_t time, Duration by) {
        return to_ns(saturating_add(time_from_ns<EventTime>(time), by));
      };
      const std::int64_t end = later(read_i64(extent), window.gap);
      return {front, window.max == Duration(0) ? end : std::min(end, later(front, window.max))};
    }
    case PipelinePlan::Kind::count:
      return {read_i64(extent + 8), read_i64(extent + 16)};
    default:
      return {front, TumblingWindows(window.size, window.offset, plan.zone).end_of(front)};
  }
}

bool watches_absence(const PipelinePlan& plan) {
  return plan.kind == PipelinePlan::Kind::absence;
}

// As somebody would write it on a command line.
std::string plain_text(const Value& value) {
  switch (value.type()) {
    case Value::Type::null:
      return "NULL";
    case Value::Type::boolean:
      return value.as_boolean() ? "true" : "false";
    case Value::Type::integer:
      return std::to_string(value.as_integer());
    case Value::Type::real:
      return real_to_text(value.as_real());
    case Value::Type::text:
      return std::string(value.as_text());
  }
  return {};
}

}  // namespace

std::vector<StateColumn> state_columns(const PipelinePlan& plan) {
  std::vector<StateColumn> out;
  // The main schema begins with the keys, and with a window's two times.
  for (std::size_t i = 0; i < plan.keys.size(); ++i) out.push_back({plan.main.columns[i].name});
  if (plan.has_window()) {
    out.push_back({"window_start", StateColumn::Kind::time});
    out.push_back({"window_end", StateColumn::Kind::time});
  }
  if (watches_absence(plan)) {
    out.push_back({"absent", StateColumn::Kind::fact});
    out.push_back({"last_seen", StateColumn::Kind::time});
  }
  for (const AggregateColumn& column : plan.aggregates)
    out.push_back({column.name.empty() ? column.text : column.name,
                   column.json ? StateColumn::Kind::json : StateColumn::Kind::aggregate});
  for (const ChangeColumn& column : plan.changes) out.push_back({column.text, StateColumn::Kind::aggregate});
  return out;
}

StateRows::StateRows(const PipelinePlan& plan)
    : plan_(plan),
      columns_(state_columns(plan)),
      aggregates_(aggregates_of(plan)),
      prefix_(plan.layout),
      payload_(aggregates_, prefix_) {
  block_.resize(payload_.size() / 8 + 1);
  payload_.create(reinterpret_cast<std::byte*>(block_.data()));
}

StateRows::~StateRows() {
  payload_.destroy(reinterpret_cast<std::byte*>(block_.data()));
}

Result<std::span<const Value>> StateRows::row(std::string_view key, std::string_view payload) {
  const auto foreign = [this] {
    return fail(format("a row of the state of pipeline \"{}\" does not decode", plan_.settings->name),
                Error::Kind::corrupt);
  };
  values_.clear();
  key_texts_.clear();
  arena_.clear();
  std::optional<std::int64_t> start;
  if (plan_.has_window()) {
    const auto taken = take_key_time(key);
    if (!taken) return foreign();
    start = *taken;
  }
  auto keys = decode_key(key, key_texts_);
  if (!keys || keys->size() != plan_.keys.size()) return foreign();
  values_ = std::move(*keys);
  // Anew, so that nothing of the row before is left in it.
  std::byte* block = reinterpret_cast<std::byte*>(block_.data());
  payload_.destroy(block);
  payload_.create(block);
  Decoder in(payload);
  if (!payload_.load(in, block) || !in.complete()) return foreign();
  if (start) {
    const auto [from, to] = times_of(plan_, *start, block + prefix_.extent_at());
    values_.push_back(Value::integer(from));
    values_.push_back(Value::integer(to));
  }
  if (watches_absence(plan_)) {
    values_.push_back(Value::boolean(block[0] != std::byte{0}));
    values_.push_back(Value::integer(read_i64(block + prefix_.used_at())));
  }
  const std::byte* states = block + prefix_.size();
  for (std::size_t i = 0; i < aggregates_->size(); ++i)
    values_.push_back((*aggregates_)[i].result(states + aggregates_->layout().offset(i), arena_));
  return std::span<const Value>(values_);
}

Result<std::vector<std::size_t>> columns_of(const KeyFilter& filter,
                                            const std::vector<StateColumn>& columns) {
  std::vector<std::size_t> out;
  for (const auto& [name, value] : filter.equals) {
    const auto at = std::ranges::find_if(columns, [&](const StateColumn& column) {
      return column.kind == StateColumn::Kind::key && column.name == name;
    });
    if (at != columns.end()) {
      out.push_back(static_cast<std::size_t>(at - columns.begin()));
      continue;
    }
    std::string known;
    for (const StateColumn& column : columns)
      if (column.kind == StateColumn::Kind::key) known += (known.empty() ? "" : ", ") + column.name;
    return fail(format("\"{}\" is no key of this pipeline; {}", name,
                       known.empty() ? "it has none" : "its keys are: " + known),
                Error::Kind::usage);
  }
  return out;
}

bool passes(const KeyFilter& filter, std::span<const std::size_t> columns, std::span<const Value> row) {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (plain_text(row[columns[i]]) != filter.equals[i].second) return false;
  return true;
}

ResultColumn result_column(const StateColumn& column) {
  switch (column.kind) {
    case StateColumn::Kind::time:
      return {column.name, ResultColumn::Kind::time};
    case StateColumn::Kind::json:
      return {column.name, ResultColumn::Kind::json};
    default:
      return {column.name};
  }
}

std::string state_row_json(const std::vector<StateColumn>& columns, std::span<const Value> row) {
  std::string out = "{";
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_json(out, columns[i].name);
    out.push_back(':');
    append_json(out, result_column(columns[i]), row[i]);
  }
  return out + "}";
}

}  // namespace tidemark
