// Aggregate: one column's accumulator, such as sum(x): how its state is laid out, changed, read, saved.
//
// The state is a block of bytes inside an entry's payload, of a size fixed when the pipeline is made; text
// and other variable parts hang off it and are freed by destroy(). A record is applied to all aggregates of a
// pipeline or to none: first check() on each, which may refuse (integer overflow), then update() on each,
// which cannot fail. The law: save() then load() at any position gives a state that behaves the same and
// saves the same, to the bit. Nothing may compact, draw randomness or look at a clock except as a function of
// what was fed to it. NULL arguments are skipped, as in SQL; an aggregate over nothing is NULL (count: 0).
// Pure. Threads: loop only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/times.h"
#include "base/value.h"

namespace tidemark {

class Aggregate {
 public:
  struct Input {
    std::span<const Value> arguments;  // evaluated; count(*) has none
    EventTime time;                    // of the record; orders first and last
    Position position;                 // journal order; breaks ties
  };
  virtual ~Aggregate() = default;
  virtual std::size_t size() const = 0;  // bytes, multiple of 8
  virtual void create(std::byte* state) const = 0;
  virtual void destroy(std::byte* state) const = 0;
  // Why this input cannot be applied; nothing when it can. The text is static.
  virtual const char* check(const std::byte* state, const Input& input) const = 0;
  virtual void update(std::byte* state, const Input& input) const = 0;
  // `into` becomes what it would be had it seen the inputs of both, its own first.
  virtual void merge(std::byte* into, const std::byte* from) const = 0;
  // Texts live in the state or in `arena`.
  virtual Value result(const std::byte* state, Arena& arena) const = 0;
  virtual void save(const std::byte* state, Encoder& out) const = 0;
  virtual bool load(Decoder& in, std::byte* state) const = 0;  // into a created state
  virtual std::size_t heap_bytes(const std::byte* state) const = 0;
};

// One line of the registry: adding an aggregate is its file and a line in aggregates.cc.
struct AggregateDeclaration {
  // What merging the states of parts gives, as against feeding all inputs to one.
  enum class Merge {
    exact,
    rounded,        // the same but for the last digits of floats
    in_time_order,  // the same (rounded) when everything in the second part is later in event time
  };
  std::string_view name;
  std::string_view signature;          // "quantile(x, q)", as the manual writes it
  std::string_view doc;                // one sentence for the manual
  std::size_t min_values, max_values;  // evaluated a record; count(*) has none
  std::size_t constants = 0;           // behind them: parameters that are written out, such as q
  bool distinct = false;               // takes DISTINCT
  bool gives_json = false;             // what it gives is JSON
  Merge merge = Merge::exact;
  // The constants as written, a list flattened. Fails with what is wrong with them.
  std::expected<std::unique_ptr<Aggregate>, std::string> (*make)(std::span<const Value> constants);

  std::size_t min_arguments() const { return min_values + constants; }
  std::size_t max_arguments() const { return max_values + constants; }
};

std::span<const AggregateDeclaration> aggregate_registry();
// The declaration that a call `name(arguments...)` means; null when there is none. min and max take one
// argument here; with more they are scalar functions.
const AggregateDeclaration* find_aggregate(std::string_view name, std::size_t arguments);

}  // namespace tidemark
