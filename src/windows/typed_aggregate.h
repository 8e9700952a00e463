// TypedAggregate<State> turns an aggregate written over a C++ struct into one over the bytes of an entry.
//
// The struct lives in the entry's block: it must fit 8-byte alignment. Its members save(Encoder&),
// load(Decoder&) and, where it owns heap, heap_bytes() complete it.
#pragma once

#include <new>

#include "windows/aggregate.h"

namespace tidemark {

template <class State, class Base = Aggregate>
class TypedAggregate : public Base {
 public:
  static_assert(alignof(State) <= 8);
  std::size_t size() const final { return (sizeof(State) + 7) / 8 * 8; }
  void create(std::byte* state) const final { ::new (static_cast<void*>(state)) State(); }
  void destroy(std::byte* state) const final { of(state).~State(); }
  void save(const std::byte* state, Encoder& out) const final { of(state).save(out); }
  bool load(Decoder& in, std::byte* state) const final { return of(state).load(in) && !in.failed(); }
  std::size_t heap_bytes(const std::byte* state) const final { return of(state).heap_bytes(); }

  static State& of(std::byte* state) { return *std::launder(reinterpret_cast<State*>(state)); }
  static const State& of(const std::byte* state) {
    return *std::launder(reinterpret_cast<const State*>(state));
  }
};

}  // namespace tidemark
