// The first line of a csv file or connection, where it names the columns (`header = true`).
//
// It is no record. Columns are read by position, as `fields` lists them, so that a record means the same in
// every replay; a header that says otherwise is worth a warning.  Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"

namespace tidemark {

// Why this header does not go with `fields`; nothing when it does.
std::optional<std::string> header_differs(std::string_view header, const FormatSettings& format);

}  // namespace tidemark
