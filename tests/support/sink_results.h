// ResultScript: a stream of numbered results of two pipelines, for handing to sinks.
//
// Values are a function of the result's place in the stream, so that a replay makes the same ones. Holds
// NULL, empty and awkward text, floats, a missing window, and the late channel of one pipeline.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "sinks/results.h"

namespace tidemark {

class ResultScript {
 public:
  // `count` results, the channels taking turns unevenly.
  explicit ResultScript(std::size_t count) {
    Lineage lineage;
    lineage.bytes[0] = 0xab;
    const std::vector<ResultColumn> columns = {{"device", ResultColumn::Kind::plain},
                                               {"window_start", ResultColumn::Kind::time},
                                               {"n", ResultColumn::Kind::plain},
                                               {"mean", ResultColumn::Kind::plain},
                                               {"note", ResultColumn::Kind::plain}};
    schemas_.push_back({{lineage, Timeline{1}, "health", ChannelKind::main}, "health", columns, 2});
    schemas_.push_back({{lineage, Timeline{1}, "totals", ChannelKind::main}, "totals", columns, 2});
    schemas_.push_back({{lineage, Timeline{1}, "health", ChannelKind::late}, "health", columns, 2});
    numbers_.resize(schemas_.size());
    chains_.resize(schemas_.size());
    for (std::size_t i = 0; i < count; ++i) add(i % 7 == 3 ? 1 : i % 11 == 5 ? 2 : 0, i);
  }

  std::vector<const ResultSchema*> schemas() const {
    std::vector<const ResultSchema*> out;
    for (const ResultSchema& schema : schemas_) out.push_back(&schema);
    return out;
  }
  std::span<const ResultView> all() const { return views_; }
  // What a sink holds once it has the first `count` results.
  Holdings holdings_after(std::size_t count) const {
    Holdings holdings;
    for (std::size_t i = 0; i < count; ++i)
      holdings[views_[i].schema->channel] = {views_[i].number, views_[i].chain};
    return holdings;
  }
  // Where to go on with a sink that holds this: the first result that it lacks.
  std::size_t first_missing(const Holdings& holdings) const {
    for (std::size_t i = 0; i < views_.size(); ++i) {
      const auto held = holdings.find(views_[i].schema->channel);
      if (held == holdings.end() || held->second.number < views_[i].number) return i;
    }
    return views_.size();
  }

 private:
  void add(std::size_t channel, std::size_t i) {
    static constexpr std::string_view kNotes[] = {"plain", "", "a,b", "say \"x\"", "two\nlines", "größe"};
    std::vector<Value>& values = values_.emplace_back();
    values.push_back(i % 13 == 4 ? Value::null() : Value::text(texts_.emplace_back("d" + std::to_string(i))));
    values.push_back(
        Value::integer(1'740'830'400'000'000'000 + static_cast<std::int64_t>(i) * 60'000'000'000));
    values.push_back(Value::integer(static_cast<std::int64_t>(i)));
    values.push_back(i % 5 == 0 ? Value::null() : Value::real(static_cast<double>(i) / 4));
    values.push_back(Value::text(kNotes[i % std::size(kNotes)]));
    chains_[channel] = chain_hash(chains_[channel], std::to_string(i));
    numbers_[channel] = numbers_[channel].next();
    views_.push_back({&schemas_[channel], numbers_[channel], chains_[channel], values});
  }

  std::deque<ResultSchema> schemas_;
  std::deque<std::string> texts_;
  std::deque<std::vector<Value>> values_;
  std::vector<ResultView> views_;
  std::vector<ResultNumber> numbers_;
  std::vector<std::uint64_t> chains_;
};

inline bool same_holdings(const Holdings& a, const Holdings& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [channel, mark] : a) {
    const auto other = b.find(channel);
    if (other == b.end() || other->second.number != mark.number || other->second.chain != mark.chain)
      return false;
  }
  return true;
}

}  // namespace tidemark
