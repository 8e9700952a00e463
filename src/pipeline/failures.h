// Failures: what a pipeline with on_error = "fail" remembers of the records that it could not evaluate, and
// what follows from it.
//
// Evaluation is pure, so a record that fails once fails again, unless the program or the configuration has
// changed in between. Two things are counted: how often the record at hand has failed (at poison_after it is
// set aside), and how many different records have (what a restart strategy counts; beyond it the pipeline is
// FAILED). All of it is a function of the journal: times are journal time, and an attempt is an entry of the
// journal. Only when the next attempt is made is decided live. Values, saved with the checkpoint.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/times.h"
#include "config/settings.h"

namespace tidemark {

// A record's place: an entry may hold several.
struct RecordPlace {
  Position position;
  std::uint32_t record = 0;  // its number within the entry; 0: the entry is one record
  bool operator==(const RecordPlace&) const = default;
};

class Failures {
 public:
  enum class Verdict {
    stand_still,  // until the next attempt
    set_aside,    // go on without this record
    failed,       // FAILED: nobody tries again but an operator
  };

  // The record at `place` could not be evaluated.
  Verdict add(RecordPlace place, JournalTime now, const std::string& why, const PipelineSettings& settings);
  // An operator lets the pipeline go on: the strategy counts anew, and should the same record fail once more,
  // it is set aside.
  void resumed();

  Position position() const { return place_.position; }   // of the newest failing record
  std::uint32_t attempts() const { return attempts_; }    // how often it has failed
  std::uint64_t records() const { return records_; }      // that failed since the strategy began to count
  const std::string& why() const { return why_; }         // names no value of the record
  std::uint64_t set_aside() const { return set_aside_; }  // records, ever

  // Before the next attempt, without jitter.
  Duration delay(const RestartSettings& settings) const;

  void save(Encoder& out) const;
  bool load(Decoder& in);

 private:
  bool exhausted(JournalTime now, const RestartSettings& settings);

  RecordPlace place_;
  std::uint32_t attempts_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t tries_ = 0;         // failed evaluations since the delay began to grow
  std::deque<JournalTime> recent_;  // failure-rate: when different records failed, within `per`
  std::optional<JournalTime> last_;
  bool last_chance_ = false;
  std::uint64_t set_aside_ = 0;
  std::string why_;
};

}  // namespace tidemark
