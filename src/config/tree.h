// Node: a configuration file as a tree of tables, lists and values, each with its place.
//
// It is all that the rest of config sees of TOML. Tables keep the order of the file; dates are
// kept as a kind without a value, because no setting takes one. Values; a tree is at most
// kMaxConfigDepth deep, so walking it recursively is safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostics.h"
#include "config/place.h"

namespace tidemark {

constexpr std::size_t kMaxConfigDepth = 64;
constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;  // of a file
// Of a stored one: many files with all their defaults.
constexpr std::size_t kMaxStoredConfigBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxConfigText = std::size_t{4}
                                       << 10;  // of one string, so that it can stand on one line
constexpr std::size_t kMaxConfigLine = std::size_t{8} << 10;  // of a line, so that a mistake can show it

struct TableEntry;

struct Node {
  enum class Kind { text, integer, boolean, real, time, list, table };

  Kind kind = Kind::table;
  Place place;  // the value as written; of a table its [header] or its braces

  std::string text;        // Kind::text, with ${NAME} replaced
  std::string as_written;  // Kind::text: what stood there, where that held a ${NAME}; otherwise empty
  bool broken = false;     // already reported; nothing more is said about it
  bool withheld = false;   // its value is not asked for (load_stored_settings)
  std::int64_t integer = 0;
  double real = 0;
  bool boolean = false;
  std::vector<Node> items;          // Kind::list
  std::vector<TableEntry> entries;  // Kind::table, in file order; added by add() only

  Node* find(std::string_view key);
  const Node* find(std::string_view key) const;
  const TableEntry* find_entry(std::string_view key) const;
  TableEntry& add(std::string key, Place key_place, Node value);

  // Whether it, or anything in it, was written with a ${NAME}.
  bool has_references() const;
  // "a string", "an integer", "a table": for messages.
  std::string_view kind_name() const;

 private:
  std::map<std::string, std::size_t, std::less<>> index_;
};

struct TableEntry {
  std::string key;
  Place key_place;
  Node value;
};

// Adds `from` to `into`: tables merge, lists of tables are put one behind the other, any other key that
// stands in both is an error naming both places.
void merge(Node& into, Node from, Diagnostics& diagnostics);

}  // namespace tidemark
