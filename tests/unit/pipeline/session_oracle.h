// What sessions and counts must give, computed the slow and obvious way: lists of records, looked through
// from one end to the other. Times are milliseconds after the beginning.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "window_oracle.h"

namespace tidemark {

inline std::string oracle_line(const std::string& key, std::int64_t start, std::int64_t end,
                               const std::vector<OracleRecord>& records) {
  if (records.empty()) return format("w {} {} {} 0 NULL NULL NULL NULL", key, start, end);
  std::int64_t sum = 0;
  const OracleRecord *first = &records.front(), *last = first, *least = first;
  for (const OracleRecord& record : records) {
    sum += record.v;
    if (std::tie(record.event, record.number) < std::tie(first->event, first->number)) first = &record;
    if (std::tie(record.event, record.number) > std::tie(last->event, last->number)) last = &record;
    if (record.v < least->v) least = &record;
  }
  return format("w {} {} {} {} {} {} {} {}", key, start, end, records.size(), sum, first->v, last->v,
                least->v);
}

class SessionOracle {
 public:
  struct Rules {
    std::int64_t gap = 0, max = 0, out_of_orderness = 0, lateness = 0, every = 0;
    bool processing_time = false;
  };
  explicit SessionOracle(Rules rules) : rules_(rules) {}

  void record(OracleRecord record) {
    beat(record.arrival);
    if (rules_.processing_time) pass(record.arrival);
    record.at = rules_.processing_time ? record.arrival : record.event;
    Session* before = nullptr;
    Session* after = nullptr;
    for (Session& session : sessions_) {
      if (session.key != record.key) continue;
      if (session.start <= record.at && (!before || session.start > before->start)) before = &session;
      if (session.start > record.at && (!after || session.start < after->start)) after = &session;
    }
    if (before && record.at >= end_of(*before)) before = nullptr;
    Session joined{record.key, record.at, record.at, {}, false};
    if (before) joined = {record.key, before->start, std::max(before->last, record.at), {}, false};
    if (after && (after->start >= joined.last + rules_.gap ||
                  (rules_.max != 0 && std::max(joined.last, after->last) >= joined.start + rules_.max)))
      after = nullptr;
    if (after) joined.last = std::max(joined.last, after->last);
    const std::int64_t end = end_of(joined);
    if (!rules_.processing_time && end + rules_.lateness <= watermark_) {
      lines.push_back("w/late " + record.key);
      return;
    }
    const bool withdrawn = after && end_of(*after) <= watermark_;
    const std::int64_t withdrawn_start = after ? after->start : 0;
    for (const Session* part : {before, after})
      if (part) joined.records.insert(joined.records.end(), part->records.begin(), part->records.end());
    joined.changed = before && before->changed;
    joined.records.push_back(record);
    std::ranges::sort(joined.records, {}, &OracleRecord::number);
    sessions_.remove_if([&](const Session& session) { return &session == before || &session == after; });
    sessions_.push_back(joined);
    if (withdrawn) lines.push_back(oracle_line(record.key, withdrawn_start, withdrawn_start, {}));
    if (end <= watermark_) {
      emit(joined);
    } else if (rules_.every != 0) {
      const bool beats = std::ranges::any_of(sessions_, &Session::changed);
      if (!beats) due_ = (record.arrival / rules_.every + 1) * rules_.every;
      sessions_.back().changed = true;
    }
    if (!rules_.processing_time) pass(std::max(watermark_, record.at - rules_.out_of_orderness));
  }
  void tick(std::int64_t now) {
    beat(now);
    if (rules_.processing_time) pass(now);
  }

  std::vector<std::string> lines;

 private:
  struct Session {
    std::string key;
    std::int64_t start = 0, last = 0;
    std::vector<OracleRecord> records;
    bool changed = false;
  };
  std::int64_t end_of(const Session& session) const {
    const std::int64_t end = session.last + rules_.gap;
    return rules_.max == 0 ? end : std::min(end, session.start + rules_.max);
  }
  void emit(const Session& session) {
    lines.push_back(oracle_line(session.key, session.start, end_of(session), session.records));
  }
  void pass(std::int64_t watermark) {
    std::vector<std::tuple<std::int64_t, std::string, std::int64_t, Session*>> ending;
    for (Session& session : sessions_)
      if (const std::int64_t end = end_of(session); end > watermark_ && end <= watermark)
        ending.emplace_back(end, session.key, session.start, &session);
    std::ranges::sort(ending);
    for (auto& [end, key, start, session] : ending) {
      emit(*session);
      session->changed = false;
    }
    watermark_ = watermark;
    sessions_.remove_if(
        [&](const Session& session) { return end_of(session) + rules_.lateness <= watermark_; });
  }
  void beat(std::int64_t now) {
    if (std::ranges::none_of(sessions_, &Session::changed) || due_ > now) return;
    if (rules_.processing_time) pass(due_);
    std::vector<std::tuple<std::string, std::int64_t, Session*>> changed;
    for (Session& session : sessions_)
      if (session.changed) changed.emplace_back(session.key, session.start, &session);
    std::ranges::sort(changed);
    for (auto& [key, start, session] : changed) {
      emit(*session);
      session->changed = false;
    }
  }

  Rules rules_;
  std::list<Session> sessions_;
  std::int64_t watermark_ = -1'000'000'000, due_ = 0;
};

class CountOracle {
 public:
  CountOracle(std::size_t size, std::size_t slide, bool processing_time)
      : size_(size), slide_(slide), processing_time_(processing_time) {}

  void record(OracleRecord record) {
    record.at = processing_time_ ? record.arrival : record.event;
    std::vector<OracleRecord>& all = records_[record.key];
    all.push_back(record);
    if (all.size() < size_ || (all.size() - size_) % slide_ != 0) return;
    const std::vector<OracleRecord> window(all.end() - static_cast<std::ptrdiff_t>(size_), all.end());
    const auto [earliest, latest] = std::ranges::minmax(window, {}, &OracleRecord::at);
    lines.push_back(oracle_line(record.key, earliest.at, latest.at, window));
  }
  void tick(std::int64_t) {}

  std::vector<std::string> lines;

 private:
  std::size_t size_, slide_;
  bool processing_time_;
  std::map<std::string, std::vector<OracleRecord>> records_;
};

// Of records of which none is late, sessions are those of the whole input, in the order of time.
inline std::vector<std::string> sessions_of_all(std::vector<OracleRecord> records, std::int64_t gap) {
  std::ranges::stable_sort(records, {}, &OracleRecord::event);
  std::map<std::string, std::vector<std::vector<OracleRecord>>> by_key;
  for (const OracleRecord& record : records) {
    auto& sessions = by_key[record.key];
    if (sessions.empty() || record.event >= sessions.back().back().event + gap) sessions.emplace_back();
    sessions.back().push_back(record);
  }
  std::vector<std::string> lines;
  for (auto& [key, sessions] : by_key)
    for (std::vector<OracleRecord>& session : sessions) {
      const std::int64_t start = session.front().event, end = session.back().event + gap;
      std::ranges::sort(session, {}, &OracleRecord::number);
      lines.push_back(oracle_line(key, start, end, session));
    }
  std::ranges::sort(lines);
  return lines;
}

}  // namespace tidemark
