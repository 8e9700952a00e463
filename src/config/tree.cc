#include "config/tree.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/format.h"
#include "base/invariant.h"

namespace tidemark {

const TableEntry* Node::find_entry(std::string_view key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &entries[found->second];
}

const Node* Node::find(std::string_view key) const {
  const TableEntry* entry = find_entry(key);
  return entry ? &entry->value : nullptr;
}

Node* Node::find(std::string_view key) {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &entries[found->second].value;
}

TableEntry& Node::add(std::string key, Place key_place, Node value) {
  const bool is_new = index_.emplace(key, entries.size()).second;
  invariant(is_new, "a key is added to a table once");
  return entries.emplace_back(std::move(key), key_place, std::move(value));
}

bool Node::has_references() const {
  return !as_written.empty() || std::ranges::any_of(items, &Node::has_references) ||
         std::ranges::any_of(entries, [](const TableEntry& entry) { return entry.value.has_references(); });
}

std::string_view Node::kind_name() const {
  switch (kind) {
    case Kind::text:
      return "a string";
    case Kind::integer:
      return "an integer";
    case Kind::boolean:
      return "a boolean";
    case Kind::real:
      return "a number with a fraction";
    case Kind::time:
      return "a date or time";
    case Kind::list:
      return "a list";
    case Kind::table:
      return "a table";
  }
  return "a value";
}

void merge(Node& into, Node from, Diagnostics& diagnostics) {
  for (TableEntry& entry : from.entries) {
    const TableEntry* const before = into.find_entry(entry.key);
    if (!before) {
      into.add(std::move(entry.key), entry.key_place, std::move(entry.value));
      continue;
    }
    Node& old = *into.find(entry.key);
    if (old.kind == Node::Kind::table && entry.value.kind == Node::Kind::table) {
      merge(old, std::move(entry.value), diagnostics);
      continue;
    }
    const auto of_tables = [](const Node& node) {
      return node.kind == Node::Kind::list && !node.items.empty() &&
             std::ranges::all_of(node.items, [](const Node& item) { return item.kind == Node::Kind::table; });
    };
    if (of_tables(old) && of_tables(entry.value)) {
      std::ranges::move(entry.value.items, std::back_inserter(old.items));
      continue;
    }
    diagnostics.error(entry.key_place, format("`{}` is set twice", entry.key),
                      format("set before at {}", diagnostics.where(before->key_place)));
  }
}

}  // namespace tidemark
