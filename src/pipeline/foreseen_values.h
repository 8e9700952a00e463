// ForeseenValues are what `where`, the derived columns and further programs of a pipeline give for rows whose
// turn comes soon (Operator::foresee), evaluated for all of them at once where they have a batch form. In a
// row's turn they are taken as what its own evaluation would give; what is not known is evaluated then.
//
// Only what follows from decoded columns is evaluated ahead, and what `where` does not need only for rows
// that it does not leave out. Threads: loop only.   Lifetime: the plan outlives it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "expressions/batch_programs.h"
#include "pipeline/operator.h"
#include "pipeline/rows_ahead.h"

namespace tidemark {

class ForeseenValues {
 public:
  explicit ForeseenValues(const PipelinePlan& plan);

  // A further program over the working row, for records that pass. Its number; before rows are foreseen.
  std::size_t add(const Program& program);

  // Something may be known of rows to come.
  bool foresees() const { return foresees_; }
  void foresee(const Foresight& foresight, const PipelineInput& input);
  enum class Verdict : std::uint8_t { unknown, passes, left_out };  // of `where`
  // Of the i-th of these rows.
  Verdict verdict_of(std::size_t i) const { return i < count_ ? verdicts_[i] : Verdict::unknown; }

  // Goes on to the row at hand. Rows have their turns in order.
  void turn_to(const InputRow& row) {
    at_ = kNowhere;
    if (row.foresight == 0 || row.foresight != foresight_) return;
    while (next_ < count_ && rows_[next_] < row.values.data()) ++next_;
    if (next_ < count_ && rows_[next_] == row.values.data()) at_ = next_;
  }
  // Of the row at hand. False when it is not known.
  bool derived(std::size_t column, Value& out) const {
    return at_ != kNowhere && value(form_->derived[column], out);
  }
  bool further(std::size_t number, Value& out) const {
    return at_ != kNowhere && value(form_->further[number], out);
  }
  Verdict verdict() const { return at_ != kNowhere ? verdicts_[at_] : Verdict::unknown; }

 private:
  static constexpr std::size_t kNowhere = ~std::size_t{0};
  static constexpr std::size_t kFewest = 4;  // fewer rows are evaluated faster one by one

  using Lane = BatchPrograms::Lane;
  using Verdicts = std::array<Verdict, RowsAhead::kMost>;  // by foreseen row

  // Programs over the same rows.
  struct Batch {
    void evaluate(std::span<const Value* const> rows, const Verdicts& verdicts);  // but for what is left out
    BatchPrograms programs;
    bool any = false;                                    // any value is taken from it
    std::vector<std::optional<Lane>> derived;            // by column
    std::array<std::size_t, RowsAhead::kMost> places{};  // of the foreseen rows in it
  };
  struct Place {
    const Batch* batch = nullptr;  // null: evaluated in the row's turn
    Lane lane = 0;
  };
  // The batch form of the programs, over the rows of one input.
  struct Form {
    Batch before, after;  // `where` and what it needs; what comes after it
    std::vector<Place> derived, further;
    Place where;
  };
  struct Columns {
    const PipelineInput& input;
    std::uint32_t first_decoded;
  };

  std::size_t index_of(const PipelineInput& input) const {
    return static_cast<std::size_t>(&input - plan_.inputs.data());
  }
  Form& form_of(const Columns& columns);
  std::optional<Lane> add(Batch& batch, const Columns& columns, const Program& program);
  std::optional<Lane> derived_lane(Batch& batch, const Columns& columns, std::size_t column);

  bool value(const Place& place, Value& out) const {
    if (place.batch == nullptr) return false;
    const std::size_t row = place.batch->places[at_];
    return row != kNowhere && place.batch->programs.value(place.lane, row, out);
  }

  const PipelinePlan& plan_;
  std::vector<const Program*> further_;
  bool foresees_;
  std::vector<std::unique_ptr<Form>> forms_;  // by input; null until rows of it are foreseen
  const Form* form_ = nullptr;                // of the rows that are foreseen
  std::array<const Value*, RowsAhead::kMost> rows_{};
  Verdicts verdicts_{};
  std::size_t next_ = 0, count_ = 0, at_ = kNowhere;
  std::uint64_t foresight_ = 0;
};

}  // namespace tidemark
