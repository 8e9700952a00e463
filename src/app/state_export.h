// Writers of `checkpoint export`: the state of pipelines as tables in a file.
//
//   FILE.sqlite, FILE.db    a table a pipeline, named after it
//   FILE.csv                one pipeline, with a header
//   FILE.jsonl              one object a row, with "pipeline" when there are several
// A row a key and window, a column an aggregate; window times as RFC 3339 in UTC. The file appears when it is
// whole: until then it is FILE.partial.
// Threads: one at a time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/value.h"
#include "pipeline/state_rows.h"

namespace tidemark {

class StateWriter {
 public:
  virtual ~StateWriter() = default;  // unfinished: nothing stays
  virtual Status begin(const std::string& pipeline, const std::vector<StateColumn>& columns) = 0;
  virtual Status row(std::span<const Value> row) = 0;
  virtual Status finish() = 0;
};

// By the ending of `path`; Error::usage for another one, for a file that exists (unless `replace`), and for
// csv with several pipelines.
Result<std::unique_ptr<StateWriter>> make_state_writer(const std::string& path, bool replace,
                                                       std::size_t pipelines);

}  // namespace tidemark
