// JsonPath says where a value stands in a JSON text, as sqlite writes it: $.a."odd name"[2], $[#-1] for the
// last item.
//
// find() reads a text once and gives what stands there to a JsonVisitor as if it were the whole text. Of
// members of the same name the last counts, as in records that come in. Pure.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_reader.h"

namespace tidemark {

class JsonPath {
 public:
  // Or what is wrong with it.
  static std::expected<JsonPath, std::string> parse(std::string_view text);

  enum class Found : std::uint8_t { yes, no, malformed };
  // `visitor` is told reset() when what it has been given does not count after all.
  class Receiver : public JsonVisitor {
   public:
    virtual void reset() = 0;
  };
  Found find(std::string_view json, Receiver& receiver) const;

 private:
  friend class JsonPathSearch;
  struct Step {
    std::string name;         // of a member; of no meaning for an item
    std::int64_t index = -1;  // of an item; -1 for a member
    bool from_end = false;    // then 1 is the last item
  };
  std::vector<Step> steps_;
};

}  // namespace tidemark
