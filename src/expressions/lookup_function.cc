// lookup(): values out of the tables that the configuration names ([lookups.NAME]).
#include "base/format.h"
#include "base/lookup_table.h"
#include "base/nearest.h"
#include "expressions/functions_list.h"

namespace tidemark::function {
namespace {

struct PreparedLookup final : Prepared {
  std::shared_ptr<const LookupTable> table;
  std::size_t column = 0;
};

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Function::Preparation prepare_lookup(std::span<const KnownArgument> arguments, Zones& zones) {
  const std::size_t last = arguments.size() - 1;
  const KnownArgument& column = arguments[last];
  if (column.literal == nullptr || !column.literal->is_text())
    return std::unexpected(BadArgument{last, "the last argument names a column: a literal text"});
  const auto table = zones.lookup(arguments[0].literal->as_text());
  if (!table) return std::unexpected(BadArgument{0, table.error()});
  auto prepared = std::make_unique<PreparedLookup>();
  prepared->table = *table;
  // Of a table that is not there (a stored configuration is looked at without its tables), nothing is known.
  if (!*table) return prepared;
  const std::size_t keys = last - 1;
  if (keys != (*table)->key_columns()) {
    std::vector<std::string> names = (*table)->columns();
    names.resize((*table)->key_columns());
    return std::unexpected(BadArgument{0, format("its key is {}: {} value{} between the names of the lookup "
                                                 "and the column, and here {} {}",
                                                 listed(names), names.size(), names.size() == 1 ? "" : "s",
                                                 keys, keys == 1 ? "is 1" : "are given")});
  }
  const auto found = (*table)->column(column.literal->as_text());
  if (!found) {
    const std::vector<std::string>& names = (*table)->columns();
    const std::vector<std::string_view> views(names.begin(), names.end());
    const auto near = nearest(column.literal->as_text(), views);
    return std::unexpected(BadArgument{
        last, format("there is no column '{}'{}; there are {}", column.literal->as_text(),
                     near ? format("; did you mean '{}'?", *near) : std::string(), listed(names))});
  }
  prepared->column = *found;
  return prepared;
}

Fault lookup(const Arguments& arguments, Value& out) {
  const auto& prepared = static_cast<const PreparedLookup&>(*arguments.prepared);
  out = prepared.table
            ? prepared.table->find(arguments.values.subspan(1, arguments.size() - 2), prepared.column)
            : Value::null();
  return {};
}

constexpr Function kLookups[] = {
    {.signature = "lookup(name, key, …, column)",
     .doc = "the value of a column of the lookup (a table of [lookups.NAME]) in the row with this key; NULL "
            "where there is none. Keys are compared with their types: 1, 1.0 and '1' differ",
     .example = "lookup('devices', 'press-1', 'site') => 'hall 3'",
     .takes = {kText, kAny, kAny},
     .repeats = 1,
     .literals = 1,
     .gives = kAny,
     .evaluate = lookup,
     .prepare = prepare_lookup},
};

}  // namespace

std::span<const Function> lookups() {
  return kLookups;
}

}  // namespace tidemark::function
