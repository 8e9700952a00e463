// BatchPrograms evaluates several programs over some rows at once, operation by operation: what an operation
// is and what it works on is looked at once for all rows, and where all values are of one type it is a plain
// loop. ("Vectorised": Boncz, Zukowski, Nes, MonetDB/X100: Hyper-Pipelining Query Execution, CIDR 2005.)
// What two programs have in common is evaluated once.
//
// A value is the one that Program::evaluate() gives, bit for bit, or it is not known: of an evaluation that
// fails, say, of whose error nothing is kept. Whoever wants that value, or the error, asks the program.
//
// There is a batch form of programs made of columns, constants and operators, CASE and COALESCE among them.
// Functions, LIKE, || and CAST have none, nor do what exceeds kMostOperations in all.
// Pure. Allocates only in add() and column().
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/value.h"
#include "expressions/program.h"

namespace tidemark {

// The values of one operand or result, row by row.
struct BatchLane {
  static constexpr std::size_t kRows = 16;
  // As Value::Type, and one more.
  enum class Tag : std::uint8_t { null, boolean, integer, real, text, unknown };

  alignas(16) std::array<Tag, kRows> tags;
  // The bits of an integer or a float; 0 or 1; of a text, the address of the Value.
  alignas(16) std::array<std::uint64_t, kRows> words;

  bool is_unknown(std::size_t row) const { return tags[row] == Tag::unknown; }
  // Of a row that is not unknown.
  Value value(std::size_t row) const {
    switch (tags[row]) {
      case Tag::boolean:
        return Value::boolean(words[row] != 0);
      case Tag::integer:
        return Value::integer(static_cast<std::int64_t>(words[row]));
      case Tag::real:
        return Value::real(std::bit_cast<double>(words[row]));
      case Tag::text:
        return *reinterpret_cast<const Value*>(static_cast<std::uintptr_t>(words[row]));
      case Tag::null:
      case Tag::unknown:
        break;
    }
    return Value::null();
  }
};

class BatchPrograms {
 public:
  static constexpr std::size_t kRows = BatchLane::kRows;
  static constexpr std::size_t kMostOperations = 256;
  using Lane = std::uint32_t;  // where the values of a column or a program are found

  // Whether its operations are of those that have a batch form.
  static bool has_batch_form(const Program& program);

  // Of this index in every row.
  Lane column(std::uint32_t index);
  // Where a program's slot is found; nothing: the batch does not know it. It may add to the batch.
  using LaneOf = std::function<std::optional<Lane>(std::uint32_t slot)>;
  // Nothing when the program has no batch form here. The program must stay where its texts are.
  std::optional<Lane> add(const Program& program, const LaneOf& lane_of);

  // At least one row and at most kRows, each as its columns, which must stay while values are taken.
  // Takes as long for one as for many.
  void evaluate(std::span<const Value* const> rows);

  // Of the rows of the last evaluate(). False when it is not known.
  bool value(Lane lane, std::size_t row, Value& out) const {
    const BatchLane& found = lanes_[lane];
    if (found.is_unknown(row)) return false;
    out = found.value(row);
    return true;
  }

 private:
  using Op = Program::Op;
  struct Step {
    Op op;
    std::uint8_t detail;
    std::uint16_t count;
    std::uint32_t first;  // of its operands in operands_
    Lane to;
  };
  struct Column {
    std::uint32_t index;
    Lane to;
  };
  struct Constant {
    const Value* value;
    Lane at;
  };

  std::optional<Lane> add_node(const Program& program, std::uint32_t node, const LaneOf& lane_of);
  Lane add_constant(const Value& value);
  std::optional<Lane> add_step(Op op, std::uint8_t detail, std::span<const Lane> operands);
  Lane add_lane();
  void run(const Step& step);

  std::vector<BatchLane> lanes_;
  std::vector<Column> columns_;
  std::vector<Constant> constants_;
  std::vector<Step> steps_;  // what they read is evaluated before
  std::vector<Lane> operands_;
};

}  // namespace tidemark
