// A payload for tests: a number, and a text on the heap when it is not empty. And the restoring of segments,
// as the start of the program does it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/invariant.h"
#include "state/entry_table.h"
#include "state/restore.h"
#include "state/row.h"

namespace tidemark::test {

class CounterCodec final : public PayloadCodec {
 public:
  struct Counter {
    std::uint64_t count = 0;
    std::string* text = nullptr;
  };
  static Counter& of(std::byte* payload) { return *reinterpret_cast<Counter*>(payload); }
  static const Counter& of(const std::byte* payload) { return *reinterpret_cast<const Counter*>(payload); }

  std::size_t size() const override { return 16; }
  void create(std::byte* payload) const override { new (payload) Counter; }
  void destroy(std::byte* payload) const override { delete of(payload).text; }
  void save(const std::byte* payload, Encoder& out) const override {
    out.varint(of(payload).count);
    out.bytes(of(payload).text ? *of(payload).text : "");
  }
  bool load(Decoder& in, std::byte* payload) const override {
    const std::uint64_t count = in.varint();
    const std::string_view text = in.bytes();
    if (in.failed()) return false;
    set(payload, count, text);
    return true;
  }
  std::size_t heap_bytes(const std::byte* payload) const override {
    return of(payload).text ? of(payload).text->size() : 0;
  }

  static void set(std::byte* payload, std::uint64_t count, std::string_view text) {
    Counter& counter = of(payload);
    counter.count = count;
    delete counter.text;
    counter.text = text.empty() ? nullptr : new std::string(text);
  }
};

struct CounterValue {
  std::uint64_t count;
  std::string text;
  bool operator==(const CounterValue&) const = default;
};
using Model = std::map<std::string, CounterValue>;

inline std::unique_ptr<EntryTable> make_table(std::uint64_t seed = 0) {
  return std::make_unique<EntryTable>(std::make_unique<CounterCodec>(), seed);
}

inline void set(EntryTable& table, std::string_view key, std::uint64_t count, std::string_view text = {}) {
  EntryTable::Entry* const entry = table.find_or_create(key).first;
  table.touch(entry);
  CounterCodec::set(EntryTable::payload(entry), count, text);
}

inline bool erase(EntryTable& table, std::string_view key) {
  EntryTable::Entry* const entry = table.find(key);
  if (entry) table.erase(entry);
  return entry != nullptr;
}

inline Model contents(EntryTable& table) {
  Model out;
  table.for_each([&](EntryTable::Entry* entry) {
    const auto& counter = CounterCodec::of(EntryTable::payload(entry));
    const bool fresh =
        out.emplace(EntryTable::key(entry), CounterValue{counter.count, counter.text ? *counter.text : ""})
            .second;
    invariant(fresh, "a key has one entry");
  });
  return out;
}

struct Segment {
  EntryTable::Base base;
  std::string rows;
};

// Captures the rest of the snapshot under way.
inline std::string capture_all(EntryTable& table, std::size_t slice = 1 << 20) {
  std::string rows;
  while (!table.capture(rows, slice)) {
  }
  return rows;
}

inline Segment take_snapshot(EntryTable& table, EntryTable::Base base = {}) {
  table.begin_snapshot(base);
  Segment segment{base, capture_all(table)};
  table.complete_snapshot();
  return segment;
}

inline std::vector<Row> rows_of(std::string_view segment_rows) {
  std::vector<Row> rows;
  Decoder in(segment_rows);
  for (Row row; take_row(in, row);) rows.push_back(row);
  invariant(in.complete(), "a segment is rows and nothing else");
  return rows;
}

inline std::unique_ptr<EntryTable> restore(const std::vector<Segment>& segments, std::uint64_t seed = 1) {
  std::vector<EntryTable::Base> bases;
  for (const Segment& segment : segments) bases.push_back(segment.base);
  const RestoreRule rule(bases);
  auto table = make_table(seed);
  for (std::size_t i = 0; i < segments.size(); ++i)
    for (const Row& row : rows_of(segments[i].rows))
      if (rule.counts(i, row.key)) {
        const Status applied = table->restore_row(row.key, row.erased, row.payload);
        invariant(applied.has_value(), "a row of ours is restored");
      }
  return table;
}

}  // namespace tidemark::test
