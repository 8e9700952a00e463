// TypeSet is what is known before a record is seen about the type of an expression's value: the set of types
// that it may have. Every expression may be NULL beside them, so the empty set means "always NULL".
//
// JSON without declared fields gives any(); `fields = ["n:int"]` gives of(Value::Type::integer). A type error
// is reported at check time when no type of the set is allowed where the value is used.
#pragma once

#include <cstdint>
#include <string>

#include "base/value.h"

namespace tidemark {

class TypeSet {
 public:
  constexpr TypeSet() = default;  // always NULL
  static constexpr TypeSet of(Value::Type type) {
    return type == Value::Type::null ? TypeSet() : TypeSet(static_cast<std::uint8_t>(1u << bit(type)));
  }
  static constexpr TypeSet boolean() { return of(Value::Type::boolean); }
  static constexpr TypeSet integer() { return of(Value::Type::integer); }
  static constexpr TypeSet real() { return of(Value::Type::real); }
  static constexpr TypeSet number() { return integer() | real(); }
  static constexpr TypeSet text() { return of(Value::Type::text); }
  static constexpr TypeSet any() { return boolean() | number() | text(); }

  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool contains(Value::Type type) const { return (bits_ >> bit(type) & 1u) != 0; }
  // Whether a value of this set can stand where `allowed` is asked for: always NULL can stand anywhere.
  constexpr bool may_be(TypeSet allowed) const { return empty() || !(*this & allowed).empty(); }

  constexpr TypeSet operator|(TypeSet other) const {
    return TypeSet(static_cast<std::uint8_t>(bits_ | other.bits_));
  }
  constexpr TypeSet operator&(TypeSet other) const {
    return TypeSet(static_cast<std::uint8_t>(bits_ & other.bits_));
  }
  constexpr bool operator==(const TypeSet&) const = default;

 private:
  constexpr explicit TypeSet(std::uint8_t bits) : bits_(bits) {}
  static constexpr unsigned bit(Value::Type type) { return static_cast<unsigned>(type); }
  std::uint8_t bits_ = 0;
};

// Whether values of the two can be compared: numbers with numbers, texts with texts, booleans with booleans.
bool comparable(TypeSet a, TypeSet b);

// "integer", "integer or float", "NULL", "any type": as error messages and the manual name them.
std::string to_text(TypeSet types);

}  // namespace tidemark
