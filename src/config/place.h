// Place: where in the configuration something stands; Located<T>: a setting and its place.
//
// Every mistake is reported as file:line:col with the line and a caret, so every setting that can be wrong
// later (an expression, a reference) keeps its place.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace tidemark {

struct Place {
  std::uint32_t file = 0;    // index into Settings::files / Diagnostics' files
  std::uint32_t line = 0;    // from 1; 0: no place (a default)
  std::uint32_t column = 0;  // from 1, in bytes
  std::uint32_t length = 1;  // of what the caret underlines

  bool known() const { return line != 0; }
};

template <class T>
struct Located {
  T value{};
  Place place;

  Located() = default;
  Located(T v) : value(std::move(v)) {}
  Located(T v, Place p) : value(std::move(v)), place(p) {}
  const T* operator->() const { return &value; }
  const T& operator*() const { return value; }
  bool given() const { return place.known(); }
};

}  // namespace tidemark
