// What the formats share whose payloads are an array of records, perhaps inside of an object that says more
// about all of them (`records = "path.to.array"`).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "base/value.h"
#include "config/settings.h"

namespace tidemark {

// The members on the way to the array, "data.metrics"; none without `records`.
std::vector<std::string> records_path(const FormatSettings& format);

// The fields of what stands around the records: where a record has no value, that one counts.
class AroundRecords {
 public:
  // For so many slots; what was held before goes.
  void begin(std::size_t slots) {
    clear();
    slots_.resize(slots);
  }
  void clear() {
    slots_.clear();
    arena_.clear();
  }
  std::span<Value> slots() { return slots_; }
  Arena& arena() { return arena_; }
  // The payload that texts may be views into will lie elsewhere.
  void own_texts() {
    for (Value& value : slots_)
      if (value.is_text()) value = Value::text(arena_.copy(value.as_text()));
  }
  void fill_in(std::span<Value> record) const {
    for (std::size_t slot = 0; slot < slots_.size(); ++slot)
      if (record[slot].is_null()) record[slot] = slots_[slot];
  }

 private:
  std::vector<Value> slots_;
  Arena arena_;
};

}  // namespace tidemark
