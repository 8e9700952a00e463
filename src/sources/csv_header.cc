#include "sources/csv_header.h"

#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::size_t kShown = 200;

std::string_view without_spaces(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view without_quotes(std::string_view name, char quote) {
  name = without_spaces(name);
  if (quote != '\0' && name.size() >= 2 && name.front() == quote && name.back() == quote)
    name = name.substr(1, name.size() - 2);
  return name;
}

}  // namespace

std::optional<std::string> header_differs(std::string_view header, const FormatSettings& format_settings) {
  if (header.starts_with("\xef\xbb\xbf")) header.remove_prefix(3);  // a byte order mark
  std::string_view rest = header;
  for (std::size_t i = 0;; ++i) {
    const std::size_t end = rest.find(format_settings.delimiter);
    const std::string_view name = without_quotes(rest.substr(0, end), format_settings.quote);
    const bool known = i < format_settings.fields.size();
    if (!known || format_settings.fields[i].name != name)
      return format("its column {} is \"{}\", that of `fields` {}: \"{}\"", i + 1, name.substr(0, kShown),
                    known ? format("\"{}\"", format_settings.fields[i].name) : std::string("is not there"),
                    header.substr(0, kShown));
    if (end == std::string_view::npos) {
      if (i + 1 == format_settings.fields.size()) return std::nullopt;
      return format("it has {} columns, `fields` {}: \"{}\"", i + 1, format_settings.fields.size(),
                    header.substr(0, kShown));
    }
    rest.remove_prefix(end + 1);
  }
}

}  // namespace tidemark
