#include "base/disk_format.h"

#include <doctest/doctest.h>

using namespace tidemark;

namespace {

constexpr FormatTag kOwn{{'T', 'M', 'X', 'X'}, 2, 0, 3, 7};

Status checked(std::string_view bytes) {
  Decoder in(bytes);
  const FormatTag tag = take_tag(in);
  if (in.failed()) return fail("too short");
  return check_tag(tag, kOwn, "file");
}

}  // namespace

TEST_CASE("a tag comes back as it was written") {
  Encoder out;
  put_tag(out, kOwn);
  CHECK(out.size() == FormatTag::kSize);
  Decoder in(out.view());
  const FormatTag tag = take_tag(in);
  CHECK(in.complete());
  CHECK(tag.magic == kOwn.magic);
  CHECK(tag.version == 2);
  CHECK(tag.needs_major == 0);
  CHECK(tag.needs_minor == 3);
  CHECK(tag.extra == 7);
  CHECK(checked(out.view()));
}

TEST_CASE("older versions are read, newer ones name the Tidemark that reads them") {
  CHECK(checked(std::string_view("TMXX\1\0\1\0", 8)));
  const Status newer = checked(std::string_view("TMXX\3\1\4\0", 8));
  REQUIRE_FALSE(newer);
  CHECK(newer.error().kind == Error::Kind::failed);
  CHECK(newer.error().message.find("Tidemark 1.4 or newer") != std::string::npos);
}

TEST_CASE("another magic and version 0 are damage") {
  const Status other = checked(std::string_view("TMXY\1\0\1\0", 8));
  REQUIRE_FALSE(other);
  CHECK(other.error().kind == Error::Kind::corrupt);
  const Status zero = checked(std::string_view("TMXX\0\0\1\0", 8));
  REQUIRE_FALSE(zero);
  CHECK(zero.error().kind == Error::Kind::corrupt);
  CHECK_FALSE(checked("TMX"));
}

TEST_CASE("a newer version that says this program reads it is damage") {
  const Status contradiction = checked(std::string_view("TMXX\103\0\3\0", 8));
  REQUIRE_FALSE(contradiction);
  CHECK(contradiction.error().kind == Error::Kind::corrupt);
}
