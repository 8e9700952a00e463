// [lookups.NAME]: tables belong to the configuration.
#include "config/lookups.h"

#include <doctest/doctest.h>

#include "reports.h"

namespace tidemark {
namespace {

constexpr const char* kConfig = R"([sources.s]
type = "stdin"
[pipelines.p]
from = ["s"]
to = ["o"]
[sinks.o]
type = "null"
[lookups.devices]
type = "csv"
path = "devices.csv"
key = ["device"]
fields = ["limit:float"]
)";

std::shared_ptr<const LookupTable> table(std::int64_t limit) {
  LookupTable::Builder builder({"device", "limit"}, 1, 1000);
  REQUIRE(builder.add(std::vector{Value::text("p1"), Value::integer(limit)}));
  return builder.finish();
}

LoaderEnvironment with(std::int64_t limit) {
  LoaderEnvironment environment = test_environment();
  environment.lookup = [limit](const LookupSettings&) -> Result<std::shared_ptr<const LookupTable>> {
    return table(limit);
  };
  return environment;
}

}  // namespace

TEST_CASE("another table is another configuration, the same one is not") {
  const auto a = load(kConfig, with(1)), again = load(kConfig, with(1)), b = load(kConfig, with(2));
  REQUIRE(a);
  REQUIRE(b);
  CHECK(a->fingerprint == again->fingerprint);
  CHECK(a->canonical_text == again->canonical_text);
  CHECK(a->fingerprint != b->fingerprint);
  CHECK(a->canonical_text.ends_with("# lookup devices " + table(1)->hash() + "\n"));
}

TEST_CASE("a table that is exchanged makes what reading it would have made") {
  const auto b = load(kConfig, with(2));
  auto exchanged = load(kConfig, with(1));
  exchanged->lookups.front().table = table(2);
  use_lookup_tables(*exchanged);
  CHECK(exchanged->fingerprint == b->fingerprint);
  CHECK(exchanged->canonical_text == b->canonical_text);
}

TEST_CASE("a stored configuration has the table that it was stored with") {
  const auto a = load(kConfig, with(1));
  LoaderEnvironment environment = with(2);
  std::string asked_for;
  environment.kept_lookup = [&](const std::string& hash) -> Result<std::shared_ptr<const LookupTable>> {
    asked_for = hash;
    return table(1);
  };
  Diagnostics diagnostics;
  const auto read = load_stored_settings({"stored", a->canonical_text}, environment, diagnostics,
                                         StoredValues::as_they_were);
  REQUIRE(read);
  CHECK(asked_for == table(1)->hash());
  CHECK(read->fingerprint == a->fingerprint);
  CHECK(read->canonical_text == a->canonical_text);

  environment.kept_lookup = [](const std::string&) -> Result<std::shared_ptr<const LookupTable>> {
    return fail("it is gone");
  };
  CHECK_FALSE(load_stored_settings({"stored", a->canonical_text}, environment, diagnostics,
                                   StoredValues::as_they_were));
  CHECK(diagnostics.to_text().contains("the table of lookup devices as it was then: it is gone"));
}

TEST_CASE("a file that cannot be read is a mistake at its path") {
  LoaderEnvironment environment = test_environment();
  environment.lookup = [](const LookupSettings& lookup) -> Result<std::shared_ptr<const LookupTable>> {
    return fail("open " + *lookup.path + ": no such file");
  };
  CHECK(report({{"t.toml", kConfig}}, environment) ==
        R"(t.toml:10:8: error: lookup devices: open devices.csv: no such file
   10 | path = "devices.csv"
      |        ^^^^^^^^^^^^^
)");
}

TEST_CASE("keys of a lookup belong to its type") {
  CHECK(report("[lookups.x]\ntype = 'csv'\npath = 'p'\nkey = ['a']\nquery = 'SELECT 1'\n")
            .contains("`query` belongs to sqlite lookups; this one is csv"));
  CHECK(report("[lookups.x]\ntype = 'sqlite'\npath = 'p'\nkey = ['a']\n")
            .contains("`query` is missing; sqlite lookups need it"));
  CHECK(report("[lookups.x]\ntype = 'csv'\npath = 'p'\n").contains("`key` is missing; every lookup has one"));
  CHECK(report("[lookups.x]\ntype = 'csv'\npath = 'p'\nkey = ['a']\nfields = ['a:strin']\n")
            .contains("unknown field type \"strin\"; did you mean \"string\"?"));
}

}  // namespace tidemark
