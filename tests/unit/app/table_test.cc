#include "app/table.h"

#include <doctest/doctest.h>

#include "app/readable.h"

namespace tidemark {
namespace {

TEST_CASE("columns are as wide as their widest cell, numbers stand right") {
  Table table({{"NAME"}, {"COUNT", Table::Align::right}, {"NOTE"}});
  table.add({"a", "12345678", "x"});
  table.add({"longer", "7", ""});
  CHECK(table.to_text() ==
        "NAME       COUNT  NOTE\n"
        "a       12345678  x\n"
        "longer         7\n");
}

TEST_CASE("a table without rows is its headings") {
  CHECK(Table({{"ID"}, {"TIME"}}).to_text() == "ID  TIME\n");
}

TEST_CASE("widths count characters, not bytes") {
  Table table({{"N"}, {"X"}});
  table.add({"Größe", "1"});
  table.add({"12345", "2"});
  CHECK(table.to_text() == "N      X\nGröße  1\n12345  2\n");
}

TEST_CASE("control characters do not reach the terminal") {
  Table table({{"N"}});
  table.add({"a\x1b[2J\nb\x7f"});
  CHECK(table.to_text() == "N\na?[2J?b?\n");
  CHECK(record_line("k", "x\ry", 4) == "k   x?y\n");
}

TEST_CASE("a name longer than the column of names keeps its distance") {
  CHECK(record_line("phase", "running", 8) == "phase   running\n");
  CHECK(record_line("configuration", "x", 8) == "configuration x\n");
}

TEST_CASE("sizes are rounded to their unit") {
  CHECK(readable_size(0) == "0 B");
  CHECK(readable_size(1023) == "1023 B");
  CHECK(readable_size(1024) == "1.0 KiB");
  CHECK(readable_size(1536) == "1.5 KiB");
  CHECK(readable_size(100 * 1024) == "100 KiB");
  CHECK(readable_size((1 << 20) - 1) == "1.0 MiB");
  CHECK(readable_size(256ull << 20) == "256 MiB");
  CHECK(readable_size(~0ull) == "16.0 EiB");
}

TEST_CASE("durations have two units at most") {
  CHECK(readable_duration(0ns) == "0us");
  CHECK(readable_duration(350us) == "350us");
  CHECK(readable_duration(12ms) == "12ms");
  CHECK(readable_duration(4250ms) == "4.2s");
  CHECK(readable_duration(10s) == "10s");
  CHECK(readable_duration(59999ms) == "59s");
  CHECK(readable_duration(60s) == "1m");
  CHECK(readable_duration(185s) == "3m5s");
  CHECK(readable_duration(90min) == "1h30m");
  CHECK(readable_duration(52h) == "2d4h");
  CHECK(readable_duration(-5s) == "0s");
}

TEST_CASE("a time is written to the second") {
  CHECK(readable_time(0) == "-");
  CHECK(readable_time(1'740'830'400'999'999'999) == "2025-03-01T12:00:00Z");
}

TEST_CASE("a watermark is a time, nothing yet, or the end") {
  CHECK(readable_watermark(std::nullopt) == "-");
  CHECK(readable_watermark(kEventTimeMin) == "-");
  CHECK(readable_watermark(kEventTimeMax) == "ended");
  CHECK(readable_watermark(time_from_ns<EventTime>(1'740'830'400'500'000'000)) == "2025-03-01T12:00:00.500Z");
}

}  // namespace
}  // namespace tidemark
