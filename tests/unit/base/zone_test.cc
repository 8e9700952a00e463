#include "base/zone.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/civil_time.h"

using namespace tidemark;

namespace {

std::int64_t utc(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
  return *local_seconds(
      {.year = year, .month = month, .day = day, .hour = hour, .minute = minute, .second = second});
}

Zone by_rule(std::string_view rule) {
  auto zone = Zone::of_rule(rule);
  REQUIRE(zone);
  return std::move(*zone);
}

std::string big_endian(std::int64_t n, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(n >> (8 * i));
  return out;
}

struct Kind {
  int ahead;
  std::string name;
};
struct Transition {
  std::int64_t at;
  int kind;
};

// A file of version 2 with transitions, as the database's are.
std::string file_of(const std::vector<Kind>& kinds, const std::vector<Transition>& transitions,
                    const std::string& rule) {
  std::string names, offsets, instants, indices;
  for (const Kind& kind : kinds) {
    offsets += big_endian(kind.ahead, 4) + '\0' + static_cast<char>(names.size());
    names += kind.name + '\0';
  }
  for (const Transition& t : transitions) {
    instants += big_endian(t.at, 8);
    indices += static_cast<char>(t.kind);
  }
  const auto header = [](std::size_t times, std::size_t types, std::size_t text) {
    std::string out = "TZif2" + std::string(15, '\0');
    for (const std::size_t n : {std::size_t{0}, std::size_t{0}, std::size_t{0}, times, types, text})
      out += big_endian(static_cast<std::int64_t>(n), 4);
    return out;
  };
  return header(0, 0, 0) + header(transitions.size(), kinds.size(), names.size()) + instants + indices +
         offsets + names + '\n' + rule + '\n';
}

}  // namespace

TEST_CASE("fixed offsets are written in the ways in which people write them") {
  struct Row {
    std::string_view text;
    int ahead;
    std::string_view name;
  };
  for (const Row& row :
       {Row{"UTC", 0, "UTC"}, Row{"Z", 0, "UTC"}, Row{"+02:00", 7200, "+02:00"},
        Row{"-0330", -12600, "-03:30"}, Row{"+2", 7200, "+02:00"}, Row{"-11", -39600, "-11:00"},
        Row{"+00:00", 0, "UTC"}, Row{"+5:45", 20700, "+05:45"}, Row{"-00:30", -1800, "-00:30"}}) {
    CAPTURE(row.text);
    const auto zone = Zone::fixed(row.text);
    REQUIRE(zone);
    CHECK(zone->at(0).ahead == row.ahead);
    CHECK(zone->at(0).name == row.name);
    CHECK(zone->to_utc(100'000) == 100'000 - row.ahead);
  }
  for (const std::string_view text : {"", "+", "utc", "02:00", "+24:00", "+02:60", "+02:", "+02:000",
                                      "+02:00 ", "+200000", "Europe/Berlin", "++2"}) {
    CAPTURE(text);
    CHECK_FALSE(Zone::fixed(text));
  }
}

TEST_CASE("a rule changes the clock twice a year, for ever") {
  const Zone berlin = by_rule("CET-1CEST,M3.5.0,M10.5.0/3");
  CHECK(berlin.at(utc(2025, 1, 15)).name == "CET");
  CHECK(berlin.at(utc(2025, 3, 30, 0, 59, 59)).ahead == 3600);
  CHECK(berlin.at(utc(2025, 3, 30, 1)).ahead == 7200);
  CHECK(berlin.at(utc(2025, 3, 30, 1)).name == "CEST");
  CHECK(berlin.at(utc(2025, 10, 26, 0, 59, 59)).ahead == 7200);
  CHECK(berlin.at(utc(2025, 10, 26, 1)).ahead == 3600);
  CHECK(berlin.at(utc(9999, 7, 1)).ahead == 7200);
  CHECK(berlin.at(utc(9999, 12, 31, 23, 59, 59)).ahead == 3600);
  CHECK(berlin.at(utc(0, 1, 1)).ahead == 3600);
}

TEST_CASE("south of the equator summer goes over the turn of the year") {
  const Zone sydney = by_rule("AEST-10AEDT,M10.1.0,M4.1.0/3");
  CHECK(sydney.at(utc(2025, 1, 1)).name == "AEDT");
  CHECK(sydney.at(utc(2025, 12, 31, 23, 59, 59)).ahead == 39600);
  CHECK(sydney.at(utc(2025, 4, 5, 15, 59, 59)).ahead == 39600);
  CHECK(sydney.at(utc(2025, 4, 5, 16)).ahead == 36000);
  CHECK(sydney.at(utc(2025, 10, 4, 16)).ahead == 39600);
}

TEST_CASE("rules of every form are read") {
  CHECK(by_rule("<+0545>-5:45").at(0).ahead == 20700);
  CHECK(by_rule("<+0545>-5:45").at(0).name == "+0545");
  CHECK(by_rule("IST-1GMT0,M10.5.0,M3.5.0/1").at(utc(2025, 1, 15)).name ==
        "GMT");  // Dublin: winter is the exception
  CHECK(by_rule("EST5EDT,J60,J300").at(utc(2024, 3, 1, 6, 59, 59)).name ==
        "EST");  // day 60 is always the 1st of March
  CHECK(by_rule("EST5EDT,J60,J300").at(utc(2024, 3, 1, 7)).name == "EDT");
  CHECK(by_rule("EST5EDT,59,300").at(utc(2024, 2, 29, 7)).name ==
        "EDT");  // the 60th day, in a leap year a day earlier
  CHECK(by_rule("EST5EDT,59,300").at(utc(2025, 3, 1, 6, 59, 59)).name == "EST");
  CHECK(by_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0").at(utc(2025, 3, 30, 1)).ahead ==
        -3600);  // Nuuk: the day before
  CHECK(by_rule("<-02>2<-01>,M3.5.0/-1,M10.5.0/0").at(utc(2025, 3, 30, 0, 59, 59)).ahead == -7200);
  CHECK(by_rule("XXX3EDT4,0/0,J365/23").at(utc(2025, 6, 1)).name == "EDT");  // all the year
}

TEST_CASE("transitions hold before the rule does, and the first kind before all of them") {
  const auto zone =
      Zone::parse(file_of({{3208, "LMT"}, {3600, "CET"}, {7200, "CEST"}},
                          {{-2'422'054'408, 1}, {-1'693'706'400, 2}, {-1'680'483'600, 1}}, "CET-1"));
  REQUIRE(zone);
  CHECK(zone->at(-3'000'000'000).ahead == 3208);
  CHECK(zone->at(-2'422'054'409).name == "LMT");
  CHECK(zone->at(-2'422'054'408).name == "CET");
  CHECK(zone->at(-1'693'706'400).name == "CEST");
  CHECK(zone->at(-1'680'483'600).name == "CET");
  CHECK(zone->at(utc(2025, 7, 1)).name == "CET");
  const auto without = Zone::parse(file_of({{0, "A"}, {3600, "B"}}, {{1000, 1}}, ""));
  REQUIRE(without);
  CHECK(without->at(999).name == "A");
  CHECK(without->at(1'000'000'000'000).name == "B");
}

TEST_CASE("a wall that shows a time twice means the first, or the one that is preferred") {
  const Zone berlin = by_rule("CET-1CEST,M3.5.0,M10.5.0/3");
  const std::int64_t wall = utc(2025, 10, 26, 2, 30);
  CHECK(berlin.to_utc(wall) == utc(2025, 10, 26, 0, 30));
  CHECK(berlin.to_utc(wall, 3600) == utc(2025, 10, 26, 1, 30));
  CHECK(berlin.to_utc(wall, 7200) == utc(2025, 10, 26, 0, 30));
  CHECK(berlin.to_utc(wall, 0) == utc(2025, 10, 26, 0, 30));
  CHECK(berlin.to_utc(utc(2025, 10, 26, 3)) == utc(2025, 10, 26, 2));
}

TEST_CASE("a time that no wall shows is what it would have shown") {
  const Zone berlin = by_rule("CET-1CEST,M3.5.0,M10.5.0/3");
  CHECK(berlin.to_utc(utc(2025, 3, 30, 1, 59, 59)) == utc(2025, 3, 30, 0, 59, 59));
  CHECK(berlin.to_utc(utc(2025, 3, 30, 2, 30)) == utc(2025, 3, 30, 1, 30));
  CHECK(berlin.to_utc(utc(2025, 3, 30, 3)) == utc(2025, 3, 30, 1));
}

TEST_CASE("what is no file of a zone is refused, cut anywhere") {
  const std::string whole =
      file_of({{0, "A"}, {3600, "B"}}, {{1000, 1}, {2000, 0}}, "CET-1CEST,M3.5.0,M10.5.0/3");
  REQUIRE(Zone::parse(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(Zone::parse(whole.substr(0, size)));
  }
  for (const std::string_view rule :
       {"CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0", "CET-25", "CET-1CEST,M3.5.0,M10.5.0/3x", "<CET-1", "-1",
        "CET-1CEST,J0,J1", "CET-1CEST,366,1", "CET-1:60"}) {
    CAPTURE(rule);
    CHECK_FALSE(Zone::of_rule(rule));
    CHECK_FALSE(Zone::parse(file_of({{0, "A"}}, {}, std::string(rule))));
  }
  CHECK_FALSE(Zone::parse(file_of({{0, "A"}}, {{1000, 1}}, "")));             // there is no such kind
  CHECK_FALSE(Zone::parse(file_of({{0, "A"}}, {{1000, 0}, {1000, 0}}, "")));  // not ascending
  CHECK_FALSE(Zone::parse(file_of({{100'000, "A"}}, {}, "")));                // further ahead than any
}
