// Program is a compiled expression: evaluated once a record, quickly.
//
// Values come in as slots, an array whose numbering the Binder decided at compile time. On success nothing is
// allocated but the bytes of new texts, in the Arena. A result's text is borrowed from a slot, the Arena or
// the Program: it lives as long as all three do unchanged.
//
// Meaning: SQL's. NULL in arithmetic, comparison and most functions gives NULL; AND and OR are three-valued,
// stop at the first operand that decides, and take operands from the left; CASE and COALESCE evaluate only
// what they need. Types are those of the values: a text is never taken for a number, nor a number for a
// boolean; such a use is an EvalError, which is an error of that record only. Integer overflow is one too.
// x / 0, x % 0 and what is not a number (NaN) give NULL.
//
// Pure; no exceptions. evaluate() is const and may run in several threads, each with its own Arena.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/value.h"
#include "expressions/type_set.h"

namespace tidemark {

struct Function;
class Prepared;

// Why one record has no value: small and without text, since it may happen a million times a second.
// Program::describe() puts it into words.
struct [[nodiscard]] EvalError {
  enum class Kind : std::uint8_t {
    wrong_type,      // `left` where `expected` is asked for
    not_comparable,  // `left` with `right`
    integer_overflow,
    cast_failed,  // a value of type `left` that is no value of the type asked for
    escape_not_one_character,
    text_too_long,     // the result would exceed kMaxResultText
    not_a_condition,   // a predicate's value of type `left`
    out_of_range,      // an argument that is none of those its function takes
    malformed,         // a text that has not the form that its function reads
    not_allowed,       // this machine's policy forbids the function
    too_many_matches,  // of a regular expression
  };
  Kind kind = Kind::wrong_type;
  Value::Type left = Value::Type::null;
  Value::Type right = Value::Type::null;
  TypeSet expected;
  std::uint32_t offset = 0;  // of the part at fault in Program::text()
  std::uint32_t length = 0;
};

// Bound of a text that an expression makes, so that no expression multiplies a record without end.
constexpr std::size_t kMaxResultText = 16 << 20;

class Program {
 public:
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;
  ~Program();

  // `slots` must hold every slot that the Binder gave out.
  std::expected<Value, EvalError> evaluate(std::span<const Value> slots, Arena& arena) const {
    if (bare_slot_ < slots.size()) return slots[bare_slot_];
    return evaluate_operations(slots, arena);
  }

  // As a condition (where, having, FILTER): true only when the value is TRUE; NULL and FALSE are false; a
  // value that is no boolean is an error.
  std::expected<bool, EvalError> evaluate_predicate(std::span<const Value> slots, Arena& arena) const;

  // "temp + 1: integer overflow". Names no value of the record.
  std::string describe(const EvalError& error) const;

  TypeSet types() const { return types_; }           // of its result
  const std::string& text() const { return text_; }  // canonical, as to_text(expression)
  // Its result, where it is a text, is JSON: a call of a function that gives JSON, or a name that stands for
  // it.
  bool gives_json() const { return gives_json_; }
  // The slots that it reads, ascending, each once.
  const std::vector<std::uint32_t>& slots() const { return slots_; }
  // The slot whose value it is, unchanged; nothing when it does more than that.
  std::optional<std::uint32_t> bare_slot() const {
    return bare_slot_ == kNoSlot ? std::nullopt : std::optional(bare_slot_);
  }

 private:
  friend class BatchPrograms;
  friend class Compilation;
  friend class Evaluation;

  enum class Op : std::uint8_t;
  struct Node {
    Op op;
    std::uint8_t detail = 0;   // negated, or the type of a cast
    std::uint16_t count = 0;   // operands
    std::uint32_t first = 0;   // in operands_; the slot of a slot, the constant of a constant
    std::uint32_t offset = 0;  // in text_
    std::uint32_t length = 0;
    const Function* function = nullptr;
  };

  static constexpr std::uint32_t kNoSlot = ~std::uint32_t{0};

  Program();
  std::expected<Value, EvalError> evaluate_operations(std::span<const Value> slots, Arena& arena) const;

  std::uint32_t bare_slot_ = kNoSlot;
  std::vector<Node> nodes_;  // operands before their operator; the last is the root
  std::vector<std::uint32_t> operands_;
  std::vector<Value> constants_;
  std::deque<std::string> texts_;  // of the constants; a deque's elements stay where they are when it moves
  std::vector<std::unique_ptr<const Prepared>> prepared_;  // of the calls that have something prepared
  std::vector<std::uint32_t> slots_;
  std::string text_;
  TypeSet types_;
  bool gives_json_ = false;
};

}  // namespace tidemark
