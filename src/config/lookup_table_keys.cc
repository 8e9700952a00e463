#include "config/tables.h"

namespace tidemark {

Keys lookup_keys(LookupSettings& lookup) {
  using Type = LookupSettings::Type;
  Keys keys("lookup");
  keys.word("type", lookup.type, {{"csv", Type::csv}, {"sqlite", Type::sqlite}})
      .required()
      .doc("what its file is: csv (RFC 4180, its first line names the columns), or a SQLite database");
  keys.text("path", lookup.path)
      .required()
      .doc("the file, from where the program is started if it does not begin with /");
  keys.text("query", lookup.query)
      .only_for("type", {"sqlite"})
      .required()
      .doc("whose rows are the table, as in \"SELECT device, site FROM devices\"");
  keys.texts("key", lookup.key)
      .required()
      .doc("the columns that a row is found by; no two rows have the same values in them");
  keys.parsed_list(
          "fields",
          [&lookup](const std::vector<Located<std::string>>& texts, Diagnostics& diagnostics) {
            return read_fields(texts, lookup.fields, diagnostics);
          },
          [&lookup] { return print_fields(lookup.fields); })
      .only_for("type", {"csv"})
      .doc("columns that are not strings, as in \"limit:float\"; string, int, float or bool");
  keys.size("max_size", lookup.max_size)
      .at_least(64)
      .at_most(std::int64_t{256} << 20)
      .doc("of the table; a larger one is refused");
  keys.duration("check_every", lookup.check_every)
      .doc("how often is looked whether the file has changed; \"0s\": only when the configuration is read");
  keys.outside_but({});  // the table itself belongs to the configuration
  return keys;
}

}  // namespace tidemark
