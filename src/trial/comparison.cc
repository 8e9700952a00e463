#include "trial/comparison.h"

#include <algorithm>
#include <cstdint>

#include "base/format.h"
#include "base/json.h"

namespace tidemark {
namespace {

using Type = JsonValue::Type;

bool is_number(const JsonValue& value) {
  return value.type == Type::integer || value.type == Type::real;
}

// An integer and a fraction are compared as what they are: 2^53 + 1 is not 2^53.
bool same_number(const JsonValue& a, const JsonValue& b) {
  if (a.type == b.type) return a.type == Type::integer ? a.integer == b.integer : a.real == b.real;
  const double real = a.type == Type::real ? a.real : b.real;
  const std::int64_t integer = a.type == Type::integer ? a.integer : b.integer;
  constexpr double kLimit = 9223372036854775808.0;
  return real >= -kLimit && real < kLimit && static_cast<double>(static_cast<std::int64_t>(real)) == real &&
         static_cast<std::int64_t>(real) == integer;
}

bool same(const JsonValue& a, const JsonValue& b) {
  if (is_number(a) && is_number(b)) return same_number(a, b);
  if (a.type != b.type) return false;
  switch (a.type) {
    case Type::null:
      return true;
    case Type::boolean:
      return a.boolean == b.boolean;
    case Type::text:
      return a.text == b.text;
    case Type::array:
      return std::ranges::equal(a.items, b.items, same);
    case Type::object:
      return a.members.size() == b.members.size() && std::ranges::all_of(a.members, [&](const auto& member) {
               const JsonValue* const other = b.find(member.first);
               return other != nullptr && same(member.second, *other);
             });
    case Type::integer:
    case Type::real:
      break;
  }
  return false;
}

std::string shown(const JsonValue& value) {
  JsonWriter out;
  const auto write = [&out](const auto& self, const JsonValue& one) -> void {
    switch (one.type) {
      case Type::null:
        out.null();
        return;
      case Type::boolean:
        out.boolean(one.boolean);
        return;
      case Type::integer:
        out.integer(one.integer);
        return;
      case Type::real:
        out.real(one.real);
        return;
      case Type::text:
        out.text(one.text);
        return;
      case Type::array:
        out.begin_array();
        for (const JsonValue& item : one.items) self(self, item);
        out.end_array();
        return;
      case Type::object:
        out.begin_object();
        for (const auto& [name, member] : one.members) {
          out.key(name);
          self(self, member);
        }
        out.end_object();
        return;
    }
  };
  write(write, value);
  return out.take();
}

// Which fields of the result are not as expected, for people; empty when it meets the row.
std::string difference(const JsonValue& expected, const JsonValue& came) {
  std::string out;
  for (const auto& [name, value] : expected.members) {
    const JsonValue* const its = came.find(name);
    const bool met = its == nullptr ? value.type == Type::null : same(value, *its);
    if (met) continue;
    if (!out.empty()) out += "; ";
    out += its == nullptr ? format("there is no {}, and {} was expected", name, shown(value))
                          : format("{} is {}, and {} was expected", name, shown(*its), shown(value));
  }
  return out;
}

JsonValue read(const std::string& text) {
  auto parsed = JsonValue::parse(text);
  return parsed ? std::move(*parsed) : JsonValue();
}

}  // namespace

std::vector<ComparedRow> compare_rows(const std::vector<Located<std::string>>& expected,
                                      const std::vector<std::string>& came) {
  std::vector<JsonValue> wanted, results;
  for (const Located<std::string>& row : expected) wanted.push_back(read(*row));
  for (const std::string& row : came) results.push_back(read(row));
  const auto meets = [&](std::size_t i, std::size_t j) { return difference(wanted[i], results[j]).empty(); };

  // What both begin with, and beyond it the longest common subsequence (of no more than kMost rows, whose
  // table is their square; the rest is put beside each other as it stands).
  constexpr std::size_t kMost = 1000;
  std::size_t begin = 0;
  while (begin < wanted.size() && begin < results.size() && meets(begin, begin)) ++begin;
  const std::size_t rows = std::min(wanted.size() - begin, kMost);
  const std::size_t columns = std::min(results.size() - begin, kMost);
  std::vector<std::vector<std::uint32_t>> longest(rows + 1, std::vector<std::uint32_t>(columns + 1, 0));
  for (std::size_t i = rows; i-- > 0;)
    for (std::size_t j = columns; j-- > 0;)
      longest[i][j] = meets(begin + i, begin + j) ? longest[i + 1][j + 1] + 1
                                                  : std::max(longest[i + 1][j], longest[i][j + 1]);

  std::vector<ComparedRow> out;
  for (std::size_t i = 0; i < begin; ++i) out.push_back({ComparedRow::Kind::met, came[i]});
  std::vector<std::size_t> missing, unexpected;
  const auto put_apart = [&] {
    for (std::size_t n = 0; n < missing.size(); ++n)
      out.push_back(
          {ComparedRow::Kind::missing, *expected[missing[n]],
           n < unexpected.size() ? difference(wanted[missing[n]], results[unexpected[n]]) : std::string()});
    for (const std::size_t j : unexpected) out.push_back({ComparedRow::Kind::unexpected, came[j]});
    missing.clear();
    unexpected.clear();
  };
  std::size_t i = 0, j = 0;
  while (begin + i < wanted.size() || begin + j < results.size()) {
    if (i < rows && j < columns && meets(begin + i, begin + j) &&
        longest[i][j] == longest[i + 1][j + 1] + 1) {
      put_apart();
      out.push_back({ComparedRow::Kind::met, came[begin + j]});
      ++i, ++j;
    } else if (begin + i < wanted.size() && (begin + j >= results.size() || i >= rows || j >= columns ||
                                             longest[i + 1][j] >= longest[i][j + 1])) {
      missing.push_back(begin + i++);
    } else {
      unexpected.push_back(begin + j++);
    }
  }
  put_apart();
  return out;
}

bool all_met(const std::vector<ComparedRow>& rows) {
  return std::ranges::all_of(rows, [](const ComparedRow& row) { return row.kind == ComparedRow::Kind::met; });
}

}  // namespace tidemark
