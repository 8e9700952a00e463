// LookupTable: a small table that expressions look things up in, as it was read: rows by their key.
//
// Its first columns are the key; keys are typed as in key_encoding.h, and each stands once. The same rows in
// another order are the same table: they stand by key. encoded() is what is kept of it, hash() its name.
// Values view into the table. Immutable once made; may be read by several threads.
//
//   encoded:  tag "TMLT" · u32 checksum of what follows · varint columns, their names · varint key columns ·
//             varint rows · per row: the key's bytes (length first), then the other values, each a key of one
//             value (length first)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/value.h"

namespace tidemark {

class LookupTable {
 public:
  // Collects rows in any order.
  class Builder {
   public:
    // The key columns first. At most `most_bytes` of rows, as they are encoded.
    Builder(std::vector<std::string> columns, std::size_t key_columns, std::uint64_t most_bytes);
    // Values as in the columns. Refuses a key that stands there already, and what is too much.
    Status add(std::span<const Value> row);
    std::shared_ptr<const LookupTable> finish();

   private:
    std::vector<std::string> columns_;
    std::size_t key_columns_;
    std::uint64_t most_bytes_, bytes_ = 0;
    std::vector<std::pair<std::string, std::string>> rows_;  // key, the rest
    std::unordered_map<std::string, std::size_t> known_;
  };

  // Corrupt when the bytes do not hold.
  static Result<std::shared_ptr<const LookupTable>> decode(std::string bytes);

  const std::string& encoded() const { return bytes_; }
  const std::string& hash() const { return hash_; }  // 16 hex digits
  const std::vector<std::string>& columns() const { return columns_; }
  std::size_t key_columns() const { return key_columns_; }
  std::size_t rows() const { return rows_.size(); }
  std::optional<std::size_t> column(std::string_view name) const;

  // NULL where there is no such key. `key` has a value a key column; `column` is one of columns().
  Value find(std::span<const Value> key, std::size_t column) const;

 private:
  LookupTable() = default;
  bool read();

  std::string bytes_, hash_;
  std::vector<std::string> columns_;
  std::size_t key_columns_ = 0;
  std::unordered_map<std::string_view, std::uint32_t> rows_;  // by key, views into bytes_: where values begin
  std::vector<Value> values_;                                 // row by row, all columns
  std::vector<std::unique_ptr<std::string>> texts_;           // those that are not as they stand in bytes_
};

}  // namespace tidemark
