// read_lookup: what the file of a lookup holds now, as a table.
//
//   csv     RFC 4180: quotes where needed, a quote in a quoted value doubled, line ends inside of quotes; the
//           first line names the columns. A value that is empty and not quoted is NULL
//   sqlite  the rows of the query, its columns by their names; opened for reading only
// The key columns stand first in the table. Errors name the file and the line or row. Calls block; any
// thread.
#pragma once

#include <memory>

#include "base/lookup_table.h"
#include "base/result.h"
#include "config/settings.h"
#include "platform/files.h"
#include "platform/sqlite.h"

namespace tidemark {

Result<std::shared_ptr<const LookupTable>> read_lookup(Files& files, SqliteOpener& sqlite,
                                                       const LookupSettings& lookup);

}  // namespace tidemark
