// What files of lookups hold, and what is wrong with them.
#include "pipeline/lookup_reader.h"

#include <doctest/doctest.h>

#include "support/fake_platform.h"

using namespace tidemark;

namespace {

LookupSettings csv(std::vector<Located<std::string>> key = {std::string("device")}) {
  LookupSettings lookup;
  lookup.name = "devices";
  lookup.path = std::string("/d.csv");
  lookup.key = std::move(key);
  lookup.fields = {{.name = "limit", .type = FieldSetting::Type::real, .place = {}}};
  return lookup;
}

// "device site limit: …" rows as found, or what is wrong.
std::string read(std::string_view text, const LookupSettings& lookup = csv()) {
  FakePlatform platform;
  platform.disk->put("/d.csv", text);
  const auto table = read_lookup(*platform.disk, *platform.sqlite, lookup);
  if (!table) return table.error().message;
  std::string out;
  for (const std::string& column : (*table)->columns()) out += column + " ";
  return out + "x " + std::to_string((*table)->rows());
}

std::string value(const LookupTable& table, std::string_view device, std::string_view column) {
  return to_text(table.find({{Value::text(device)}}, *table.column(column)));
}

}  // namespace

TEST_CASE("csv: the first line names the columns, values have the types of `fields`") {
  FakePlatform platform;
  platform.disk->put(
      "/d.csv",
      "\xef\xbb\xbfsite,device,limit\r\n\"hall \"\"1\"\"\",p1,90.5\r\n,p2,\r\n\"\",p3,1\n\n\"a,\nb\",p4,2");
  const auto table = read_lookup(*platform.disk, *platform.sqlite, csv());
  REQUIRE(table);
  CHECK((*table)->columns() == std::vector<std::string>{"device", "site", "limit"});
  CHECK(value(**table, "p1", "site") == "'hall \"1\"'");
  CHECK(value(**table, "p1", "limit") == "90.5");
  CHECK(value(**table, "p2", "site") == "NULL");
  CHECK(value(**table, "p2", "limit") == "NULL");
  CHECK(value(**table, "p3", "site") == "''");
  CHECK(value(**table, "p4", "site") == "'a,\nb'");
}

TEST_CASE("csv: every mistake names the file and the line") {
  struct Row {
    const char* text;
    const char* said;
  };
  const Row rows[] = {
      {"", "/d.csv: it is empty; its first line names the columns"},
      {"device,site\np1,x\n",
       "/d.csv: it has no column \"limit\", which `fields` names; there are device, site"},
      {"devise,limit\n",
       "/d.csv: it has no column \"device\", which `key` names (did you mean \"devise\"?); there are devise, "
       "limit"},
      {"device,limit,limit\n", "/d.csv: it has two columns \"limit\""},
      {"device,limit\np1\n", "/d.csv: line 2: 1 values, and there are 2 columns"},
      {"device,limit\np1,1\np1,2\n", "/d.csv: line 3: the key 'p1' stands in it twice"},
      {"device,limit\n\"p\n1\",1\np2,\"3\n", "/d.csv: line 4: a quote is not closed"},
      {"device,limit\n\"p1\"x,1\n", "/d.csv: line 2: something stands behind a closing quote"},
      {"device,limit\np\"1,1\n", "/d.csv: line 2: a quote inside of a value that begins without one"},
      {"device,limit\np1,\xff\n", "/d.csv: bytes that are no UTF-8, at byte 16"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(read(row.text) == row.said);
  }
  CHECK(read("device,limit\np1,hot\n").starts_with("/d.csv: line 2: "));
  LookupSettings small = csv();
  small.max_size = 64;
  CHECK(read("device,limit\np1,1\np2,2\np3,3\np4,4\np5,5\n", small).ends_with("bytes of `max_size`"));
  FakePlatform platform;
  const auto missing = read_lookup(*platform.disk, *platform.sqlite, csv());
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == Error::Kind::not_found);
}

TEST_CASE("sqlite: the rows of a query, with the types that they have") {
  FakePlatform platform;
  {
    auto database = platform.sqlite->open("/d.db", {});
    REQUIRE(database);
    REQUIRE(
        (*database)->execute("CREATE TABLE devices (id INTEGER, name TEXT, hot REAL);"
                             "INSERT INTO devices VALUES (1, 'p1', 90.5), (2, NULL, NULL)"));
  }
  LookupSettings lookup = csv({std::string("id")});
  lookup.type = LookupSettings::Type::sqlite;
  lookup.path = std::string("/d.db");
  lookup.fields.clear();
  lookup.query = std::string("SELECT name, hot AS \"limit\", id FROM devices");
  const auto table = read_lookup(*platform.disk, *platform.sqlite, lookup);
  REQUIRE_MESSAGE(table, table.error().message);
  CHECK((*table)->columns() == std::vector<std::string>{"id", "name", "limit"});
  CHECK(to_text((*table)->find({{Value::integer(1)}}, 2)) == "90.5");
  CHECK(to_text((*table)->find({{Value::integer(2)}}, 1)) == "NULL");

  lookup.query = std::string("SELECT nam FROM devices");
  CHECK(
      read_lookup(*platform.disk, *platform.sqlite, lookup).error().message.contains("no such column: nam"));
  lookup.query = std::string("SELECT name FROM devices");
  CHECK(read_lookup(*platform.disk, *platform.sqlite, lookup).error().message ==
        "/d.db: it has no column \"id\", which `key` names; there are name");
}
