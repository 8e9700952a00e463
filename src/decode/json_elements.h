// JsonElements finds the records of a JSON payload that holds several: where each begins and ends.
//
//   [r, r, …]                 an array of records
//   {"a": {"b": [r, r, …]}}   with the path a.b: the array that stands there, or one object. Of a member that
//                             stands twice the last one counts
//
// It looks at brackets, strings and commas only, so that a record which is wrong inside is wrong alone; where
// records do not end, the payload is wrong as a whole. Threads: one at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "decode/decoder.h"

namespace tidemark {

class JsonElements {
 public:
  // The path's members; none: the payload is the array.
  explicit JsonElements(std::vector<std::string> path) : path_(std::move(path)) {}

  // Looks at all of the payload; what is wrong with it. Then next() begins with the first record.
  std::optional<DecodeError> find(std::string_view payload);
  // The payload with null in the place of the records.
  std::string around(std::string_view payload) const;
  // The next record; none after the last. The payload holds the same bytes as find() saw.
  std::optional<std::string_view> next(std::string_view payload);

 private:
  struct Range {
    std::size_t begin = 0, end = 0;
  };

  const std::vector<std::string> path_;
  Range records_;         // the array, or the one object
  std::size_t next_ = 0;  // where the next record is looked for
};

}  // namespace tidemark
