// RowEvaluation brings an input row into a pipeline's working row: gathers, derives, filters, and turns what
// cannot be evaluated into an error of that record. What stateless and keyed pipelines have in common.
// Threads: loop only.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "base/arena.h"
#include "pipeline/foreseen_values.h"
#include "pipeline/operator.h"

namespace tidemark {

class RowEvaluation {
 public:
  RowEvaluation(const PipelinePlan& plan, Outlets& outlets, EngineOutput& output);

  // The parts of load(), for who does more between them.
  void gather(const InputRow& row, const PipelineInput& input) {
    ++counters_.records;
    if (computes_) {
      arena_.clear();
      ahead_.turn_to(row);
    }
    Value* to = working_.data();
    for (const std::uint32_t from : input.gather)
      *to++ = from == PipelineInput::kMissing ? Value::null() : row.values.data()[from];
  }
  // As Operator's.
  bool foresees() const { return ahead_.foresees(); }
  void foresee(const Foresight& foresight, const PipelineInput& input) { ahead_.foresee(foresight, input); }
  // Of the i-th row that is foreseen: `where` leaves it out, unless it cannot be evaluated.
  bool will_leave_out(std::size_t i) const {
    return ahead_.verdict_of(i) == ForeseenValues::Verdict::left_out;
  }

  // Another program over the working row: its number, for foreseen(). Before the first record.
  std::size_t add(const Program& program) { return ahead_.add(program); }
  // What it gives for the record at hand, which passes. False when it is not known; then it must be
  // evaluated.
  bool foreseen(std::size_t program, Value& out) const { return ahead_.further(program, out); }

  // These derived columns. False: the record was rejected.
  bool derive(std::span<const std::size_t> which, const InputRow& row);
  enum class Verdict { passes, left_out, rejected };
  Verdict filter(const InputRow& row);

  // True when the record passes `where`; false when it does not, or cannot be evaluated (then it was
  // rejected).
  bool load(const InputRow& row, const PipelineInput& input) {
    gather(row, input);
    return plain_ || derive_and_filter(row);
  }
  std::span<Value> working() { return working_; }
  Arena& arena() { return arena_; }

  // A record that cannot be evaluated: counted, reported, sent to the dead letters if there are any. Where
  // the pipeline stands still at such a record, only the reason is left in Outlets::refusal.
  void reject(const InputRow& row, const std::string& why);
  // A record with a new key for which there is no room: counted, reported, sent to the dead letters. Its
  // pipeline does not stand still at it.
  void refuse(const InputRow& row, const std::string& why);
  // A record whose window is closed for good.
  void late(const InputRow& row, std::span<const Value> keys);
  // A result that could not be computed (select, having): counted and reported.
  void result_failed(const std::string& why);

  PipelineCounters& counters() { return counters_; }
  const PipelineCounters& counters() const { return counters_; }
  void save(Encoder& out) const;
  bool load(Decoder& in);

 private:
  void bury(const InputRow& row, const std::string& why);
  bool derive_and_filter(const InputRow& row);

  const PipelinePlan& plan_;
  Outlets& outlets_;
  EngineOutput& output_;
  std::string subject_;
  bool plain_;     // neither derives nor filters
  bool computes_;  // does more with a record than to take columns of it as they are
  ForeseenValues ahead_;
  Arena arena_;
  std::vector<Value> working_, letter_;
  PipelineCounters counters_;
};

}  // namespace tidemark
