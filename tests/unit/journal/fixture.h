// What the journal's tests share: a writer on fakes, and entries that say which one they are.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/format.h"
#include "journal/reader.h"
#include "journal/writer.h"
#include "support/fake_clock.h"
#include "support/fake_lane.h"
#include "support/fake_log.h"
#include "support/fake_loop.h"
#include "support/fault_files.h"

namespace tidemark::test {

inline const std::string kFolder = "/d/journal";

inline Lineage lineage(std::uint8_t last = 7) {
  Lineage l;
  l.bytes[15] = last;
  return l;
}

struct Expected {
  std::uint64_t position;
  std::uint32_t timeline;
  std::string payload;
  bool operator==(const Expected&) const = default;
};

inline std::string text_of(const std::vector<Expected>& entries) {
  std::string out;
  for (const Expected& e : entries)
    out += format("{}@{}:{} ", e.position, e.timeline, e.payload.substr(0, 12));
  return out;
}

// A loop, a lane and a log around some files; a writer can be opened on them.
template <class LaneType>
struct Bench {
  explicit Bench(Files& f) : files(f) {}

  JournalWriter::Options options() const {
    JournalWriter::Options o;
    o.folder = kFolder;
    o.settings.sync = 200ms;
    o.lineage = lineage();
    o.timeline = Timeline{1};
    o.run = RunId{1};
    o.segment_size = 2048;
    o.block_size = 256;
    o.max_unsynced = 64 << 10;
    return o;
  }

  std::unique_ptr<JournalWriter> open(const JournalWriter::Options& o) {
    auto writer = std::make_unique<JournalWriter>(JournalWriter::Doors{loop, files, lane, log}, o, sources);
    loop.run_ready();
    return writer;
  }

  Files& files;
  FakeClock clock;
  FakeLoop loop{clock};
  LaneType lane{loop};
  FakeLog log;
  SourceTable sources;
};

inline Entry entry(std::string_view payload, std::uint16_t source = 0, std::int64_t time_ns = 0) {
  Entry e;
  e.source = source;
  e.time = time_from_ns<JournalTime>(time_ns);
  e.payload = payload;
  return e;
}

inline JournalFolder folder(Files& files, Ancestry ancestry = {}, Lineage of = lineage()) {
  return JournalFolder{files, kFolder, of, std::move(ancestry)};
}

// Everything after `after`; fails the test on an error unless `error` is given.
inline std::vector<Expected> read_all(const JournalFolder& from, Position after = {},
                                      Error* error = nullptr) {
  std::vector<Expected> out;
  SourceTable sources;
  auto reader = JournalReader::open(from, after, sources);
  if (!reader) {
    if (error)
      *error = reader.error();
    else
      FAIL("open reader: ", reader.error().message);
    return out;
  }
  while (true) {
    auto item = (*reader)->next();
    if (!item) {
      if (error)
        *error = item.error();
      else
        FAIL("read: ", item.error().message);
      return out;
    }
    if (!*item) return out;
    out.push_back({(*item)->position.value, (*item)->timeline.value, std::string((*item)->entry.payload)});
  }
}

inline JournalExtent must_open(const JournalFolder& f, Position known_durable = {},
                               Position needed_after = {}) {
  auto extent = open_journal(f, known_durable, needed_after);
  if (!extent) FAIL("open journal: ", extent.error().message);
  return *extent;
}

}  // namespace tidemark::test
