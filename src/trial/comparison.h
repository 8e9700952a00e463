// compare_rows: results as they were expected beside results as they came.
//
// An expected row is met by a result in which every field that it names has the same value; a field that it
// does not name may be anything, and one that is null may be missing. Numbers are the same when they are
// equal, whether they stand with a fraction or without. Order counts. Pure.
#pragma once

#include <string>
#include <vector>

#include "config/place.h"

namespace tidemark {

struct ComparedRow {
  enum class Kind { met, missing, unexpected } kind = Kind::met;
  std::string text;  // the result; of a missing one what was expected
  // missing, where an unexpected one stands in its place: "n is 2, and 3 was expected".
  std::string difference = {};
};

// The texts are JSON objects; what is missing and what is unexpected stands in the order of either.
std::vector<ComparedRow> compare_rows(const std::vector<Located<std::string>>& expected,
                                      const std::vector<std::string>& came);
bool all_met(const std::vector<ComparedRow>& rows);

}  // namespace tidemark
