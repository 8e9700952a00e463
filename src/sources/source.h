// Source: where records come from. It frames and numbers nothing by itself: it hands raw records to the
// Intake, which journals them, and acknowledges its peer only up to what the Intake calls safe.
//
// What a source must know after a restart (offset, session, packet ids, peers' counts) is a function of its
// own entries in the journal: every record carries `resume` bytes of the source's own, and events say the
// rest. The source takes them in through remember_*(), called right after each append and again, in order,
// for each replayed entry; so live and replayed memory cannot differ. save() and load() carry it over a
// checkpoint.
//
// Order of calls: load() at most once, remember_*() for the replay, start(), then anything, stop().
// Threads: loop only.  Lifetime: the context's references outlive the source.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "config/settings.h"
#include "platform/platform.h"

namespace tidemark {

// The way into the journal, as one source sees it.
class Intake {
 public:
  virtual ~Intake() = default;
  // Stamps the time of arrival for the records that follow: once per read.
  virtual void begin_read() = 0;
  // Records to come lie in these bytes, ended by line ends, which stay as they are until the next call: that
  // makes them quicker to take.
  virtual void expect(std::string_view bytes) = 0;
  // Journals one record and returns its position. Bytes are copied. Never waits; look at open() between
  // reads.
  virtual Position record(std::string_view payload, std::string_view topic, std::string_view resume) = 0;
  // A record larger than limits.max_record: its first bytes (at most 1 KiB) are kept, and it counts as bad.
  virtual Position oversized(std::string_view beginning, std::string_view topic, std::string_view resume) = 0;
  // Something that is no record but that remember_event() must hear again in a replay.
  virtual Position event(std::string_view payload) = 0;
  // False: the source must stop reading until resume() is called.
  virtual bool open() const = 0;
  // Everything appended up to here may be acknowledged: it is durable (journal on), or covered by a completed
  // checkpoint (journal off).
  virtual Position safe() const = 0;
  // Does not wait for journal.sync: a window of the peer is nearly used up.
  virtual void hurry() = 0;
  // A bounded source (file, stdin) has handed over everything it had.
  virtual void ended() = 0;
};

// One read of bytes that hold lines, while their records are handed over.
class LinesRead {
 public:
  LinesRead(Intake& intake, std::string_view bytes) : intake_(intake) {
    intake.begin_read();
    intake.expect(bytes);
  }
  ~LinesRead() { intake_.expect({}); }
  LinesRead(const LinesRead&) = delete;
  LinesRead& operator=(const LinesRead&) = delete;

 private:
  Intake& intake_;
};

// For `status`: what the operator sees of a source.
struct SourceStatus {
  enum class State { starting, connected, waiting, paused, ended, stopped } state = State::starting;
  std::string
      detail;  // "connected to localhost:1883, session 3", "waiting 4s to reconnect: connection refused"
  std::string degraded;  // why it is not well; empty when it is
  std::vector<std::pair<std::string, std::uint64_t>>
      counters;  // of this run: "connections", "duplicates dropped", …
};

class Source {
 public:
  virtual ~Source() = default;
  virtual void save(Encoder& out) const = 0;
  virtual bool load(Decoder& in) = 0;
  virtual void remember_record(Position position, std::string_view topic, std::string_view payload,
                               std::string_view resume) = 0;
  virtual void remember_event(Position position, std::string_view payload) = 0;
  // An older state was gone back to: what is remembered of positions behind this one lies on a branch that
  // was left. It stays true, and is safe.
  virtual void gone_back_to(Position /*at*/) {}

  virtual Status start() = 0;
  // Back-pressure: stop reading, go on reading. Keep-alives, timers and acknowledgements go on.
  virtual void pause() = 0;
  virtual void resume() = 0;
  // Intake::safe() has grown.
  virtual void safe_moved() = 0;
  // Stops reading for good. When everything appended is safe, acknowledges it, closes, and calls `done` on
  // the loop.
  virtual void stop(std::function<void()> done) = 0;

  virtual SourceStatus status() const = 0;
  virtual std::string summary() const = 0;  // its memory in words, for `checkpoint show`
};

struct SourceContext {
  Platform& platform;
  const SourceSettings& settings;
  const LimitSettings& limits;
  Intake& intake;
  std::string client_id;  // mqtt: from the configuration or the one made with the lineage
  Duration longest_hold;  // how long an acknowledgement may be withheld in normal running: journal.sync or
                          // the interval
  bool replayable_from_checkpoint = false;  // journal off: a `file` rewinds to the checkpoint's offset
};

// One line per type in sources.cc; adding a source is its file and that line.
struct SourceDeclaration {
  SourceSettings::Type type;
  std::string_view name;
  std::unique_ptr<Source> (*make)(SourceContext context);
};
std::span<const SourceDeclaration> source_registry();
std::string_view source_type_name(SourceSettings::Type type);
std::unique_ptr<Source> make_source(SourceContext context);

}  // namespace tidemark
