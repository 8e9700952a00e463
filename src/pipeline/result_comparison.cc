#include "pipeline/result_comparison.h"

#include <algorithm>
#include <utility>

#include "base/json_text.h"
#include "sinks/row_text.h"

namespace tidemark {

ResultComparison::ResultComparison(std::function<void(const Difference&)> differs, std::size_t most_waiting)
    : differs_(std::move(differs)), most_waiting_(most_waiting) {}

ResultComparison::Row ResultComparison::row_of(Run run, const ResultSchema& schema,
                                               std::span<const Value> values) {
  Row row{.run = run,
          .key = {},
          .pipeline = schema.pipeline,
          .channel = schema.channel.kind,
          .identity = schema.identity,
          .columns = {}};
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const ResultColumn& column = schema.columns[i];
    append_json(row.columns.emplace_back(column.name, std::string()).second, column, values[i]);
  }
  append_json(row.key, schema.pipeline);
  row.key += to_text(schema.channel.kind);
  // Without an identity, all of it.
  for (std::size_t i = 0; i < (row.identity == 0 ? row.columns.size() : row.identity); ++i) {
    append_json(row.key, row.columns[i].first);
    row.key += row.columns[i].second;
  }
  return row;
}

void ResultComparison::take(Run run, const ResultSchema& schema, std::span<const Value> values) {
  Row row = row_of(run, schema, values);
  auto [entry, is_new] = by_key_.try_emplace(row.key);
  auto& waiting = entry->second;
  if (is_new || waiting.front()->run == run) {
    waiting.push_back(waiting_.insert(waiting_.end(), std::move(row)));
    if (waiting_.size() > most_waiting_) drop_oldest();
    return;
  }
  const Waiting::iterator other = waiting.front();
  waiting.pop_front();
  if (waiting.empty()) by_key_.erase(entry);
  run == Run::second ? compare(*other, row) : compare(row, *other);
  waiting_.erase(other);
}

void ResultComparison::compare(const Row& first, const Row& second) {
  if (first.columns == second.columns) {
    ++counts_.alike;
    return;
  }
  Difference difference{.pipeline = first.pipeline,
                        .channel = first.channel,
                        .identity = {},
                        .in_first = true,
                        .in_second = true,
                        .cells = {}};
  const auto identity = static_cast<std::ptrdiff_t>(first.identity);
  difference.identity.assign(first.columns.begin(), first.columns.begin() + identity);
  const auto value_in = [](const Row& row, const std::string& name) -> std::optional<std::string> {
    const auto at = std::ranges::find(row.columns, name, &std::pair<std::string, std::string>::first);
    return at == row.columns.end() ? std::nullopt : std::optional(at->second);
  };
  for (const auto& [name, value] : std::span(first.columns).subspan(first.identity))
    if (auto other = value_in(second, name); other != value)
      difference.cells.push_back({name, value, std::move(other)});
  for (const auto& [name, value] : std::span(second.columns).subspan(second.identity))
    if (!value_in(first, name)) difference.cells.push_back({name, std::nullopt, value});
  if (difference.cells.empty()) {  // the same columns in another order
    ++counts_.alike;
    return;
  }
  ++counts_.differ;
  differs_(difference);
}

void ResultComparison::tell_alone(const Row& row) {
  const bool first = row.run == Run::first;
  ++(first ? counts_.only_first : counts_.only_second);
  Difference difference{.pipeline = row.pipeline,
                        .channel = row.channel,
                        .identity = {},
                        .in_first = first,
                        .in_second = !first,
                        .cells = {}};
  for (std::size_t i = 0; i < row.columns.size(); ++i) {
    const auto& [name, value] = row.columns[i];
    if (i < row.identity)
      difference.identity.emplace_back(name, value);
    else if (first)
      difference.cells.push_back({name, value, std::nullopt});
    else
      difference.cells.push_back({name, std::nullopt, value});
  }
  differs_(difference);
}

void ResultComparison::drop_oldest() {
  const auto entry = by_key_.find(waiting_.front().key);
  entry->second.pop_front();
  if (entry->second.empty()) by_key_.erase(entry);
  tell_alone(waiting_.front());
  waiting_.pop_front();
}

void ResultComparison::finish() {
  while (!waiting_.empty()) drop_oldest();
}

}  // namespace tidemark
