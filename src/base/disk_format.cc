#include "base/disk_format.h"

#include <string>
#include <utility>

#include "base/format.h"

namespace tidemark {

void put_tag(Encoder& out, const FormatTag& tag) {
  out.raw({tag.magic.data(), tag.magic.size()});
  out.u8(tag.version);
  out.u8(tag.needs_major);
  out.u8(tag.needs_minor);
  out.u8(tag.extra);
}

FormatTag take_tag(Decoder& in) {
  FormatTag tag;
  const std::string_view magic = in.raw(tag.magic.size());
  for (std::size_t i = 0; i < magic.size(); ++i) tag.magic[i] = magic[i];
  tag.version = in.u8();
  tag.needs_major = in.u8();
  tag.needs_minor = in.u8();
  tag.extra = in.u8();
  return tag;
}

Status check_tag(const FormatTag& found, const FormatTag& own, std::string_view where) {
  if (found.magic != own.magic)
    return fail(
        format("{}: does not begin with '{}'", where, std::string_view(own.magic.data(), own.magic.size())),
        Error::Kind::corrupt);
  if (found.version == 0) return fail(format("{}: has format version 0", where), Error::Kind::corrupt);
  // A newer version needs a newer program than this one's own; if it says otherwise, these bytes are no
  // version.
  const auto needs = [](const FormatTag& tag) { return std::pair(tag.needs_major, tag.needs_minor); };
  if (found.version > own.version && needs(found) <= needs(own))
    return fail(format("{}: its first bytes are damaged", where), Error::Kind::corrupt);
  if (found.version > own.version)
    return fail(
        format("{}: was written by a newer Tidemark (format version {}; this program reads up to {}); "
               "install Tidemark {}.{} or newer",
               where, found.version, own.version, found.needs_major, found.needs_minor));
  return {};
}

}  // namespace tidemark
