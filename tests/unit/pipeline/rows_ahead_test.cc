#include "pipeline/rows_ahead.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "decode/fields.h"

namespace tidemark {
namespace {

struct Decoding {
  explicit Decoding(std::string bytes) : text(std::move(bytes)) {
    settings.type = FormatSettings::Type::json;
    slot = fields.add({RecordStep::member("v")});
    decoder = *make_decoder({.format = settings, .fields = fields, .limits = limits});
    ahead = std::make_unique<RowsAhead>(*decoder, 1, 0);
    ahead->expect(text);
  }
  std::string_view line(std::string_view content) const {
    return std::string_view(text).substr(text.find(content), content.size());
  }
  std::int64_t take_integer() {
    std::span<Value> row;
    const auto found = ahead->take(row);
    REQUIRE(found);
    REQUIRE(*found == Found::record);
    return row[slot].as_integer();
  }

  std::string text;
  FormatSettings settings;
  FieldSet fields;
  LimitSettings limits;
  std::size_t slot = 0;
  std::unique_ptr<RecordDecoder> decoder;
  std::unique_ptr<RowsAhead> ahead;
};

TEST_CASE("lines of a read are decoded ahead, whichever line ends they have") {
  Decoding d("{\"v\":1}\n{\"v\":2}\r\n{\"v\":3}\n{\"v\":4}");
  REQUIRE(d.ahead->can_fill(d.line("{\"v\":1}")));
  d.ahead->fill(d.line("{\"v\":1}"));
  CHECK(d.ahead->records() == 3);  // the last line is not whole
  CHECK(d.ahead->has(d.line("{\"v\":1}")));
  CHECK(d.take_integer() == 1);
  CHECK(d.ahead->has(d.line("{\"v\":2}")));
  CHECK(d.take_integer() == 2);
  CHECK(d.take_integer() == 3);
  CHECK(!d.ahead->has(d.line("{\"v\":4}")));
}

TEST_CASE("a line is only taken in its turn, and as the bytes that were decoded") {
  Decoding d("{\"v\":1}\n{\"v\":2}\n{\"v\":3}\n");
  d.ahead->fill(d.line("{\"v\":1}"));
  CHECK(!d.ahead->has(d.line("{\"v\":2}")));
  CHECK(!d.ahead->has(d.line("{\"v\":")));
  const std::string elsewhere = "{\"v\":1}";
  CHECK(!d.ahead->has(elsewhere));
  CHECK(!d.ahead->can_fill(elsewhere));
}

TEST_CASE("a bad line is the last that is decoded ahead, and says what is wrong when its turn comes") {
  Decoding d("{\"v\":1}\n{\"v\":}\n{\"v\":3}\n");
  d.ahead->fill(d.line("{\"v\":1}"));
  CHECK(d.ahead->records() == 1);
  CHECK(d.take_integer() == 1);
  REQUIRE(d.ahead->has(d.line("{\"v\":}")));
  CHECK(!d.ahead->has_record(d.line("{\"v\":}")));
  std::span<Value> row;
  const auto bad = d.ahead->take(row);
  REQUIRE(!bad);
  CHECK(!bad.error().what.empty());
  CHECK(!d.ahead->has(d.line("{\"v\":3}")));
}

TEST_CASE("a line of several records is decoded in its turn only") {
  Decoding d("{\"v\":1}\n[{\"v\":2},{\"v\":3}]\n{\"v\":4}\n");
  const std::string_view several = d.line("[{\"v\":2},{\"v\":3}]");
  d.ahead->fill(d.line("{\"v\":1}"));
  CHECK(d.take_integer() == 1);
  CHECK(!d.ahead->has(several));
  d.ahead->fill(several);
  CHECK(d.ahead->records() == 0);
  REQUIRE(d.ahead->has(several));
  std::span<Value> row;
  const auto found = d.ahead->take(row);
  REQUIRE(found);
  CHECK(*found == Found::several);
}

TEST_CASE("what was decoded ahead is forgotten with the bytes it stood in") {
  Decoding d("{\"v\":1}\n{\"v\":2}\n");
  d.ahead->fill(d.line("{\"v\":1}"));
  d.ahead->expect({});
  CHECK(!d.ahead->has(d.line("{\"v\":1}")));
  CHECK(!d.ahead->can_fill(d.line("{\"v\":1}")));
}

}  // namespace
}  // namespace tidemark
