// ForeseenKeys are the keys of rows whose turn comes soon (Operator::foresee), made and hashed once for both:
// what brings near what they will meet, and the row's own turn. Threads: loop only.
#pragma once

#include <array>
#include <cstdint>

#include "base/invariant.h"
#include "base/key_buffer.h"
#include "pipeline/operator.h"
#include "pipeline/rows_ahead.h"

namespace tidemark {

class ForeseenKeys {
 public:
  struct Key {
    const Value* values = nullptr;  // of the row
    std::int64_t front = 0;         // that the key was made with
    std::uint32_t hash = 0;
    std::uint32_t place = 0;  // where its entry probably is
    KeyBuffer bytes;
  };

  void begin(const Foresight& foresight) {
    foresight_ = foresight.number;
    next_ = count_ = 0;
  }
  Key& add(const Value* values) {
    invariant(count_ < keys_.size(), "no more rows are foreseen than are decoded ahead");
    Key& key = keys_[count_++];
    key.values = values;
    key.bytes.cut(0);
    return key;
  }
  // That of the row at hand, null when there is none. Rows have their turns in order.
  Key* find(const InputRow& row) {
    if (row.foresight == 0 || row.foresight != foresight_) return nullptr;
    while (next_ < count_ && keys_[next_].values < row.values.data()) ++next_;
    return next_ < count_ && keys_[next_].values == row.values.data() ? &keys_[next_] : nullptr;
  }
  template <class Visit>
  void each(const Visit& visit) {
    for (std::size_t i = 0; i < count_; ++i) visit(keys_[i]);
  }

 private:
  std::array<Key, RowsAhead::kMost> keys_;
  std::size_t next_ = 0, count_ = 0;
  std::uint64_t foresight_ = 0;
};

}  // namespace tidemark
