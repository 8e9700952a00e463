// The reference of settings against the loader.
#include "config/reference.h"

#include <doctest/doctest.h>

#include <set>

#include "base/json.h"
#include "reports.h"

using namespace tidemark;

namespace {

std::vector<JsonValue> entries() {
  Result<JsonValue> parsed = JsonValue::parse(settings_reference());
  REQUIRE(parsed);
  return parsed->items;
}

const JsonValue& entry(const std::vector<JsonValue>& all, std::string_view name) {
  for (const JsonValue& each : all)
    if (each.text_of("name") == name) return each;
  FAIL("no " << name);
  return all.front();
}

}  // namespace

TEST_CASE("the reference holds every table that the loader knows") {
  std::set<std::string> tables;
  for (const JsonValue& each : entries()) tables.insert(std::string(each.text_of("table")));
  const std::string known = report("[nothing-like-this]\n");
  const std::size_t at = known.find("there are: ");
  REQUIRE(at != std::string::npos);
  std::set<std::string> listed;
  std::string word;
  for (const char c : known.substr(at + 11) + ",") {
    if (c == ',')
      listed.insert(std::exchange(word, ""));
    else if (c != ' ' && c != '\n')  // the list may take several lines
      word += c;
  }
  listed.insert("tests.steps");  // of which a test has many
  CHECK(tables == listed);
}

TEST_CASE("an entry of the reference says what the declaration says") {
  const std::vector<JsonValue> all = entries();
  const JsonValue& interval = entry(all, "checkpoint.interval");
  CHECK(interval.text_of("type") == "a duration");
  CHECK(interval.text_of("default") == "\"10s\"");
  CHECK(interval.text_of("range") == "at least 10ms");
  CHECK(!interval.boolean_of("required"));

  const JsonValue& url = entry(all, "sources.url");
  CHECK(url.boolean_of("required"));
  REQUIRE(url.find("only_for")->items.size() == 1);
  CHECK(url.find("only_for")->items[0].text_of("key") == "type");
  CHECK(url.find("only_for")->items[0].find("words")->items[0].text == "mqtt");

  const JsonValue& store = entry(all, "checkpoint.store");
  REQUIRE(store.find("words")->items.size() == 2);
  CHECK(store.find("words")->items[1].text == "sqlite");
}

TEST_CASE("a secret's file belongs to what the secret belongs to") {
  const std::vector<JsonValue> all = entries();
  const JsonValue& file = entry(all, "sources.password_file");
  REQUIRE(file.find("only_for")->items.size() == 1);
  CHECK(file.find("only_for")->items[0].find("words")->items[0].text == "mqtt");
}

TEST_CASE("the keys of a group stand behind it") {
  const std::vector<JsonValue> all = entries();
  CHECK(entry(all, "pipelines.window.size").text_of("key") == "window.size");
  CHECK(entry(all, "sources.timestamp.field").boolean_of("required"));
}

TEST_CASE("every entry is explained") {
  for (const JsonValue& each : entries()) {
    CAPTURE(each.text_of("name"));
    CHECK(!each.text_of("doc").empty());
    CHECK(!each.text_of("type").empty());
  }
}
