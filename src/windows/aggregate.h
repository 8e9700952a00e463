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
  std::string_view name;
  std::size_t min_arguments;  // count(*) has none
  std::size_t max_arguments;
  std::string_view doc;  // one line for the manual
  std::unique_ptr<Aggregate> (*make)();
};

std::span<const AggregateDeclaration> aggregate_registry();
// The declaration that a call `name(arguments...)` means; null when there is none. min and max take one
// argument here; with more they are scalar functions.
const AggregateDeclaration* find_aggregate(std::string_view name, std::size_t arguments);

}  // namespace tidemark
