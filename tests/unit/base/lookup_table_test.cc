// Tables that expressions look things up in.
#include "base/lookup_table.h"

#include <doctest/doctest.h>

using namespace tidemark;

namespace {

using Rows = std::vector<std::vector<Value>>;

Value text(std::string_view s) {
  return Value::text(s);
}

std::shared_ptr<const LookupTable> table_of(const Rows& rows, std::size_t keys = 1) {
  LookupTable::Builder builder({"device", "site", "limit"}, keys, 1 << 20);
  for (const auto& row : rows) REQUIRE(builder.add(row));
  return builder.finish();
}

std::string found(const LookupTable& table, const std::vector<Value>& key, std::string_view column) {
  return to_text(table.find(key, *table.column(column)));
}

const Rows kRows = {{text("p1"), text("hall 1"), Value::real(90.5)},
                    {text("p2"), text("hall 2"), Value::null()},
                    {Value::integer(3), text(std::string_view("a\0b", 3)), Value::integer(-7)}};

}  // namespace

TEST_CASE("a row is found by its key, and its values keep their types") {
  const auto table = table_of(kRows);
  CHECK(table->rows() == 3);
  CHECK(found(*table, {text("p1")}, "site") == "'hall 1'");
  CHECK(found(*table, {text("p1")}, "limit") == "90.5");
  CHECK(found(*table, {text("p1")}, "device") == "'p1'");
  CHECK(found(*table, {text("p2")}, "limit") == "NULL");
  CHECK(table->find({{Value::integer(3)}}, 1).as_text() == std::string_view("a\0b", 3));
  CHECK(found(*table, {text("p9")}, "site") == "NULL");
  CHECK(found(*table, {text("3")}, "limit") == "NULL");
  CHECK(found(*table, {Value::real(3)}, "limit") == "NULL");
  CHECK_FALSE(table->column("nothing"));
}

TEST_CASE("a key may be of several columns, and as long as it likes") {
  const std::string endless(5000, 'x');
  const auto table = table_of({{text("a"), text("bc"), Value::integer(1)},
                               {text("ab"), text("c"), Value::integer(2)},
                               {text(endless), Value::null(), Value::integer(3)}},
                              2);
  CHECK(found(*table, {text("a"), text("bc")}, "limit") == "1");
  CHECK(found(*table, {text("ab"), text("c")}, "limit") == "2");
  CHECK(found(*table, {text(endless), Value::null()}, "limit") == "3");
}

TEST_CASE("the same rows in another order are the same table, other rows are not") {
  const auto table = table_of(kRows);
  CHECK(table_of({kRows[2], kRows[0], kRows[1]})->hash() == table->hash());
  CHECK(table_of({kRows[0], kRows[1]})->hash() != table->hash());
  CHECK(table->hash().size() == 16);
}

TEST_CASE("what was encoded is read back, and nothing that was damaged") {
  const auto table = table_of(kRows);
  const auto again = LookupTable::decode(table->encoded());
  REQUIRE(again);
  CHECK((*again)->hash() == table->hash());
  CHECK(found(**again, {text("p1")}, "site") == "'hall 1'");
  for (std::size_t at = 0; at < table->encoded().size(); ++at) {
    std::string damaged = table->encoded();
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    CHECK_FALSE(LookupTable::decode(damaged));
    CHECK_FALSE(LookupTable::decode(table->encoded().substr(0, at)));
  }
}

TEST_CASE("a key that stands twice, and more than is allowed, are refused") {
  LookupTable::Builder builder({"device", "site"}, 1, 200);
  REQUIRE(builder.add(std::vector{text("p1"), text("x")}));
  const Status twice = builder.add(std::vector{text("p1"), text("y")});
  REQUIRE_FALSE(twice);
  CHECK(twice.error().message == "the key 'p1' stands in it twice");
  const Status large = builder.add(std::vector{text("p2"), text(std::string(300, 'x'))});
  REQUIRE_FALSE(large);
  CHECK(large.error().message == "it has more than the 200 bytes of `max_size`");
}
