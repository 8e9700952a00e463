// Any text as an expression: parse, compile, evaluate. The first byte decides what the record's fields hold;
// the rest is the text. Beside not crashing, the canonical text of what parses must parse back to itself, and
// what is known of the result's type must be true, and a batch gives the same value.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/invariant.h"
#include "base/zone.h"
#include "expressions/batch_programs.h"
#include "expressions/compile.h"
#include "expressions/parser.h"

namespace {

using namespace tidemark;

constexpr std::string_view kJson = R"({"a":[1,{"b":"x\u00e9"},-2.5e3],"odd name":null,"c":true})";
constexpr std::string_view kLongText = "a long text % with _ everything ' in it \xff\xe2\x98\x83 and 12.5";

Value value_of(unsigned which) {
  switch (which % 16) {
    case 0:
      return Value::null();
    case 1:
      return Value::boolean(true);
    case 2:
      return Value::boolean(false);
    case 3:
      return Value::integer(0);
    case 4:
      return Value::integer(std::numeric_limits<std::int64_t>::max());
    case 5:
      return Value::integer(std::numeric_limits<std::int64_t>::min());
    case 6:
      return Value::real(-2.5);
    case 7:
      return Value::real(std::nan(""));
    case 8:
      return Value::real(std::numeric_limits<double>::infinity());
    case 9:
      return Value::text("");
    case 10:
      return Value::text("12");
    case 11:
      return Value::text(kLongText);
    case 12:
      return Value::text(kJson);
    case 13:
      return Value::text("2025-03-01T12:00:00.5+01:00");
    case 14:
      return Value::integer(1'740'830'400'123);
    default:
      return Value::integer(3);
  }
}

class FuzzBinder final : public Binder {
 public:
  explicit FuzzBinder(unsigned first) : next_(first) {}
  std::expected<Binding, std::string> field(const FieldPath&) override { return bind(); }
  std::expected<Binding, std::string> metadata(Metadata) override { return bind(); }
  std::expected<Binding, std::string> aggregate(const AggregateCall&) override { return bind(); }
  std::expected<std::shared_ptr<const Zone>, std::string> zone(std::string_view name) override {
    // Any name is a zone: its rule, or else Berlin's.
    if (auto zone = Zone::of_rule(name)) return std::make_shared<const Zone>(std::move(*zone));
    return std::make_shared<const Zone>(*Zone::of_rule("CET-1CEST,M3.5.0,M10.5.0/3"));
  }
  const std::vector<Value>& slots() const { return slots_; }

 private:
  // Every other field is declared, with its true type.
  Binding bind() {
    slots_.push_back(value_of(next_));
    next_ += 5;
    const bool declared = next_ % 2 == 0;
    return {static_cast<std::uint32_t>(slots_.size() - 1),
            declared ? TypeSet::of(slots_.back().type()) : TypeSet::any()};
  }

  unsigned next_;
  std::vector<Value> slots_;
};

// A batch gives what the program gives; it may say that it does not know.
void check_batch(const Program& program, const std::vector<Value>& slots,
                 const std::expected<Value, EvalError>& value) {
  BatchPrograms batch;
  const auto lane = batch.add(program, [&](std::uint32_t slot) { return std::optional(batch.column(slot)); });
  if (!lane) return;
  const Value* const row = slots.data();
  batch.evaluate({&row, 1});
  Value found;
  if (batch.value(*lane, 0, found))
    invariant(value && same_value(found, *value), "a batch gives the value that the program gives");
}

bool is_aggregate(std::string_view name, std::size_t arguments) {
  return name == "count" || name == "sum" || ((name == "min" || name == "max") && arguments == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto item = parse_select_item(text, is_aggregate);
  if (!item) {
    invariant(item.error().offset + item.error().length <= text.size(), "an error lies in the text");
    return 0;
  }
  const std::string canonical = to_text(item->expression);
  if (canonical.size() <= kMaxExpressionText) {
    const auto again = parse_expression(canonical, is_aggregate);
    invariant(again && to_text(*again) == canonical, "a canonical text parses back to itself");
  }
  FuzzBinder binder(data[0]);
  const auto program = compile(item->expression, binder, AggregateUse::allowed);
  if (!program) return 0;
  Arena arena;
  const auto value = program->evaluate(binder.slots(), arena);
  if (value) {
    invariant(value->is_null() || program->types().contains(value->type()),
              "a result has a type that was foreseen");
  } else {
    invariant(!program->describe(value.error()).empty(), "an error can be described");
  }
  check_batch(*program, binder.slots(), value);
  (void)program->evaluate_predicate(binder.slots(), arena);
  return 0;
}
