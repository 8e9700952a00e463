#include "base/lookup_table.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/format.h"
#include "base/key_encoding.h"

namespace tidemark {
namespace {

constexpr std::string_view kTag = "TMLT";
constexpr std::size_t kHead = 8;  // tag and checksum

std::string key_of(std::span<const Value> values) {
  std::string key;
  for (const Value& value : values) append_key(key, value);
  return key;
}

std::string shown(std::span<const Value> values) {
  std::string out;
  for (const Value& value : values) out += (out.empty() ? "" : ", ") + to_text(value);
  return out;
}

}  // namespace

LookupTable::Builder::Builder(std::vector<std::string> columns, std::size_t key_columns,
                              std::uint64_t most_bytes)
    : columns_(std::move(columns)), key_columns_(key_columns), most_bytes_(most_bytes) {}

Status LookupTable::Builder::add(std::span<const Value> row) {
  std::string key = key_of(row.first(key_columns_));
  if (!known_.emplace(key, rows_.size()).second)
    return fail(format("the key {} stands in it twice", shown(row.first(key_columns_))));
  Encoder rest;
  for (const Value& value : row.subspan(key_columns_)) rest.bytes(key_of({&value, 1}));
  bytes_ += key.size() + rest.size();
  if (bytes_ > most_bytes_)
    return fail(format("it has more than the {} bytes of `max_size`", most_bytes_), Error::Kind::no_space);
  rows_.emplace_back(std::move(key), rest.take());
  return {};
}

std::shared_ptr<const LookupTable> LookupTable::Builder::finish() {
  std::ranges::sort(rows_);
  Encoder body;
  body.varint(columns_.size());
  for (const std::string& name : columns_) body.bytes(name);
  body.varint(key_columns_);
  body.varint(rows_.size());
  for (const auto& [key, rest] : rows_) {
    body.bytes(key);
    body.raw(rest);
  }
  Encoder out;
  out.raw(kTag);
  out.u32(static_cast<std::uint32_t>(checksum(body.view())));
  out.raw(body.view());
  auto table = decode(out.take());
  return table ? *table : nullptr;
}

Result<std::shared_ptr<const LookupTable>> LookupTable::decode(std::string bytes) {
  std::shared_ptr<LookupTable> table(new LookupTable());
  table->bytes_ = std::move(bytes);
  if (!table->read()) return fail("it is no lookup table, or damaged", Error::Kind::corrupt);
  return std::shared_ptr<const LookupTable>(std::move(table));
}

bool LookupTable::read() {
  Decoder in(bytes_);
  if (in.raw(kTag.size()) != kTag) return false;
  const std::uint32_t sum = in.u32();
  if (in.failed() || static_cast<std::uint32_t>(checksum(std::string_view(bytes_).substr(kHead))) != sum)
    return false;
  hash_ = format("{:016x}", checksum(bytes_));
  const std::uint64_t columns = in.varint();
  if (in.failed() || columns == 0 || columns > in.remaining()) return false;
  for (std::uint64_t i = 0; i < columns; ++i) columns_.emplace_back(in.bytes());
  key_columns_ = static_cast<std::size_t>(in.varint());
  const std::uint64_t rows = in.varint();
  if (in.failed() || key_columns_ == 0 || key_columns_ > columns || rows > in.remaining()) return false;
  values_.reserve(static_cast<std::size_t>(rows * columns));
  std::vector<std::string> scratch;
  std::vector<Value> read;
  const auto take = [&](std::string_view encoded, std::size_t count) {
    scratch.clear();
    scratch.reserve(count);  // values view into its elements
    if (!decode_key(encoded, read, scratch) || read.size() != count) return false;
    for (const Value& value : read) {
      // A text that holds a zero byte does not stand in the bytes as it is.
      const bool made = value.is_text() && std::ranges::any_of(scratch, [&](const std::string& text) {
                          return text.data() == value.as_text().data();
                        });
      values_.push_back(
          made ? Value::text(*texts_.emplace_back(std::make_unique<std::string>(value.as_text()))) : value);
    }
    return true;
  };
  for (std::uint64_t row = 0; row < rows; ++row) {
    const std::string_view key = in.bytes();
    const auto first = static_cast<std::uint32_t>(values_.size());
    if (in.failed() || !take(key, key_columns_) || !rows_.emplace(key, first).second) return false;
    for (std::size_t i = key_columns_; i < columns; ++i)
      if (const std::string_view value = in.bytes(); in.failed() || !take(value, 1)) return false;
  }
  return in.complete();
}

std::optional<std::size_t> LookupTable::column(std::string_view name) const {
  const auto at = std::ranges::find(columns_, name);
  if (at == columns_.end()) return std::nullopt;
  return static_cast<std::size_t>(at - columns_.begin());
}

Value LookupTable::find(std::span<const Value> key, std::size_t column) const {
  // Most keys are short.
  char few[256];
  std::size_t room = 0;
  for (const Value& value : key) room += key_room(value);
  std::string many;
  if (room > sizeof few) many.resize(room);
  char* const begin = room > sizeof few ? many.data() : few;
  char* end = begin;
  for (const Value& value : key) end = write_key(end, value);
  const auto at = rows_.find({begin, static_cast<std::size_t>(end - begin)});
  return at == rows_.end() ? Value::null() : values_[at->second + column];
}

}  // namespace tidemark
