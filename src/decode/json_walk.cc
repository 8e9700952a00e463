#include "decode/json_walk.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cfloat>
#include <cstring>

#include "decode/typed_value.h"

namespace tidemark {
namespace {

namespace kernel = simdjson::builtin;

const std::uint8_t* bytes_of(const char* at) {
  return reinterpret_cast<const std::uint8_t*>(at);
}

static_assert(NestedField::kMostQuoted <= JsonTokens::kReadable);

// Where the parser of numbers puts what it has read.
struct NumberWriter {
  Value* value;
  bool* too_wide;

  void append_s64(std::int64_t i) { *value = Value::integer(i); }
  void append_u64(std::uint64_t) { *too_wide = true; }
  void append_double(double d) { *value = Value::real(d); }
  void skip_double() {}  // appended through a copy of this
};

// Up to eight digits, read as one word.
struct Digits {
  std::uint64_t value = 0;
  unsigned count = 0;

  explicit Digits(const char* at) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    word ^= 0x3030303030303030;  // digits are 0 to 9 now
    const std::uint64_t no_digits = (word | (word + 0x0606060606060606)) & 0xf0f0f0f0f0f0f0f0;
    count = static_cast<unsigned>(std::countr_zero(no_digits)) / 8;
    if (count == 0) return;
    word <<= 64 - 8 * count;  // zeros in front
    word = word * 10 + (word >> 8);
    value = ((word & 0x000000ff000000ff) * 0x000f424000000064 +
             ((word >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >>
            32;
  }
};

constexpr std::array<std::uint64_t, 9> kPowers = {1,       10,        100,        1'000,      10'000,
                                                  100'000, 1'000'000, 10'000'000, 100'000'000};

// Up to 16 digits, read by words, with exactly the value that parse_number() has for them: the digits are an
// exact double, and so is the power of ten that divides them. False for any other number: nothing is said
// about it.
bool read_short_number(const char* at, const char* end, Value& value) {
  if constexpr (std::endian::native != std::endian::little || FLT_EVAL_METHOD != 0) return false;
  const bool negative = *at == '-';
  if (negative) ++at;
  const Digits first(at);
  if (first.count == 0 || (*at == '0' && first.count > 1)) return false;
  std::uint64_t digits = first.value;
  at += first.count;
  if (first.count == 8) {
    const Digits more(at);
    digits = digits * kPowers[more.count] + more.value;
    at += more.count;
  }
  if (*at != '.') {
    value = Value::integer(negative ? -static_cast<std::int64_t>(digits) : static_cast<std::int64_t>(digits));
    return at == end;
  }
  const Digits fraction(++at);
  if (fraction.count == 0 || fraction.count == 8 || digits >= kPowers[7]) return false;
  const auto power = static_cast<std::int64_t>(kPowers[fraction.count]);
  const auto whole = static_cast<std::int64_t>(digits * kPowers[fraction.count] + fraction.value);
  const double real = static_cast<double>(whole) / static_cast<double>(power);
  value = Value::real(negative ? -real : real);
  return at + fraction.count == end;
}

}  // namespace

// Tokens are looked at only where one is known to stand within the line. Those of an object or array are
// counted on at its beginning: a member takes a name, a colon and a value, and something follows it.

// Of the string at this place. Between its closing quote and the next token there are spaces at most.
inline std::string_view JsonWalk::text(Place at) const {
  const std::uint32_t begin = *at + 1;
  std::uint32_t end = at[1] - 1;
  while (bytes_[end] != '"') --end;
  return {original_ + begin, end - begin};
}

inline bool JsonWalk::number(Place at, Value& value) const {
  const char* const first = bytes_ + *at;
  if (read_short_number(first, bytes_ + at[1], value)) return true;
  bool too_wide = false;
  NumberWriter writer{&value, &too_wide};
  return kernel::numberparsing::parse_number(bytes_of(first), writer) == simdjson::SUCCESS && !too_wide;
}

// Another token of the line follows its first one, and the place it returns is in the line too.
inline JsonWalk::Place JsonWalk::value(Place at, NestedField* field, std::uint32_t depth) {
  // A doubled member replaces the whole of the earlier one.
  if (field != nullptr)
    for (const std::size_t slot : field->slots_inside) slots_[slot] = Value();
  Value unread;
  Value& value = field != nullptr && field->slot != NestedField::kNoSlot ? slots_[field->slot] : unread;
  const char* const first = bytes_ + *at;
  switch (*first) {
    case '{':
    case '[': {
      if (field != nullptr && field->is_read()) return nullptr;
      const Place behind = *first == '{' ? object(at, field, depth + 1) : array(at, field, depth + 1);
      return behind != nullptr && *behind < end_ ? behind : nullptr;
    }
    case '"':
      if (field != nullptr) value = Value::text(text(at));
      break;
    case 't':
      if (!kernel::atomparsing::is_valid_true_atom(bytes_of(first))) return nullptr;
      value = Value::boolean(true);
      break;
    case 'f':
      if (!kernel::atomparsing::is_valid_false_atom(bytes_of(first))) return nullptr;
      value = Value::boolean(false);
      break;
    case 'n':
      if (!kernel::atomparsing::is_valid_null_atom(bytes_of(first))) return nullptr;
      value = Value();
      break;
    default:
      if (!number(at, value)) return nullptr;
  }
  const bool typed = field != nullptr && field->type != FieldSetting::Type::any;
  return !typed || convert(value, field->type) ? at + 1 : nullptr;
}

JsonWalk::Place JsonWalk::object(Place at, NestedField* field, std::uint32_t depth) {
  ++at;
  if (depth > max_depth_ || *at >= end_) return nullptr;
  if (bytes_[*at] == '}') return at + 1;
  std::size_t nth = 0;
  while (at[3] < end_ && bytes_[*at] == '"' && bytes_[at[1]] == ':') {
    if (++fields_ > max_fields_) return nullptr;
    NestedField* const member =
        field != nullptr ? field->member(nth++, bytes_ + *at, [this, at] { return text(at); }) : nullptr;
    at = value(at + 2, member, depth);
    if (at == nullptr) return nullptr;
    const char after = bytes_[*at++];
    if (after == ',') continue;
    return after == '}' ? at : nullptr;
  }
  return nullptr;
}

JsonWalk::Place JsonWalk::array(Place at, NestedField* field, std::uint32_t depth) {
  ++at;
  if (depth > max_depth_ || *at >= end_) return nullptr;
  if (bytes_[*at] == ']') return at + 1;
  for (std::uint64_t index = 0; at[1] < end_; ++index) {
    at = value(at, field != nullptr ? field->element(index) : nullptr, depth);
    if (at == nullptr) return nullptr;
    const char after = bytes_[*at++];
    if (after == ',') continue;
    return after == ']' ? at : nullptr;
  }
  return nullptr;
}

const std::uint32_t* JsonWalk::read(const JsonTokens::Line& line, NestedField& record,
                                    std::span<Value> slots) {
  if (line.backslashes) return nullptr;
  bytes_ = line.bytes;
  original_ = line.original;
  end_ = line.end;
  fields_ = 0;
  slots_ = slots.data();
  std::ranges::fill(slots, Value());
  if (bytes_[*line.tokens] != '{') return nullptr;
  const Place behind = object(line.tokens, &record, 1);
  return behind != nullptr && *behind >= end_ ? behind : nullptr;
}

}  // namespace tidemark
