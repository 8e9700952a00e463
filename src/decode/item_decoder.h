// ItemDecoder reads records out of a binary format whose items a Reader takes one by one (item.h):
//
//   Reader(payload, at)   at: where the first item begins
//   bool take(Item&)      false: not well-formed, and error() says why
//   at()                  where the next item begins; the payload's size: there is none
//
// What it makes of them is what json.h says of JSON, as far as it has the same: the members of a map are
// fields, of a name that stands twice the last one counts, a map or array that is read as a value is its JSON
// text.
//
//   payload        a map is one record, an array holds as many as it has; with `records` they are those of
//                  the array (or the one map) at that path
//   bad            a payload that is not well-formed (it ends too early, say) is bad as a whole; in one that
//                  is, a record that holds what cannot be read (text that is no UTF-8, an integer beyond 64
//                  bits, a field of another type) is bad alone
//   keys           texts, and integers as their decimal text
//   bytes          read as the text of their hex digits
//   dead letters   the record's bytes, in hex
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "base/format.h"
#include "base/hex.h"
#include "base/json.h"
#include "decode/decoder.h"
#include "decode/item.h"
#include "decode/nested_field.h"
#include "decode/several_records.h"
#include "decode/typed_value.h"
#include "decode/utf8.h"

namespace tidemark {

template <class Reader>
class ItemDecoder final : public RecordDecoder {
 public:
  explicit ItemDecoder(const DecoderOptions& options)
      : root_(nested_fields(options.format, options.fields)),
        path_(records_path(options.format)),
        max_depth_(std::min(options.limits.max_depth, kMaxDepth)),
        max_fields_(options.limits.max_fields) {}

  std::expected<Found, DecodeError> decode(const Payload& payload, std::span<Value> slots,
                                           Arena& arena) override {
    record_ = {0, payload.bytes.size()};
    around_.clear();
    if (payload.bytes.empty()) return bad("an empty record", 0);
    Reader reader(payload.bytes, 0);
    Item first;
    if (!reader.take(first)) return std::unexpected(reader.error());
    if (first.kind == Item::Kind::map && path_.empty()) {
      if (!read_record(payload.bytes, slots, arena)) return std::unexpected(std::move(error_));
      return Found::record;
    }
    if (first.kind != (path_.empty() ? Item::Kind::array : Item::Kind::map))
      return bad(path_.empty() ? "a payload is a map, or an array of them" : "no map around `records`", 0);
    if (!check_form(payload.bytes)) return std::unexpected(std::move(error_));
    next_ = reader.at();
    left_ = first.count;
    if (!path_.empty() && !go_to_records(payload.bytes, slots.size()))
      return std::unexpected(std::move(error_));
    return Found::several;
  }

  std::expected<bool, DecodeError> next(const Payload& payload, std::span<Value> slots,
                                        Arena& arena) override {
    if (left_ == 0) return false;
    Reader reader(payload.bytes, next_);
    const Item item = taken(reader);
    if (item.kind == Item::Kind::end) {
      left_ = 0;
      return false;
    }
    if (left_ != Item::kUntilEnd) --left_;
    record_ = {next_, next_};
    skip_rest(reader, item);
    next_ = record_.end = reader.at();
    if (item.kind != Item::Kind::map) return bad("a record is a map", 0);
    if (!read_record(text_of(payload), slots, arena)) return std::unexpected(std::move(error_));
    around_.fill_in(slots);
    return true;
  }

  std::string text(const Payload& payload) const override { return to_hex(text_of(payload)); }

 private:
  // Walked recursively, so bounded whatever the configuration says.
  static constexpr std::uint32_t kMaxDepth = 1024;

  struct Range {
    std::size_t begin = 0, end = 0;
  };

  static std::unexpected<DecodeError> bad(std::string_view what, std::size_t offset) {
    return std::unexpected(DecodeError{std::string(what), offset});
  }
  bool refuse(std::string what, std::size_t offset) {
    error_ = {std::move(what), offset};
    return false;
  }
  std::string_view text_of(const Payload& payload) const {
    return payload.bytes.substr(record_.begin, record_.end - record_.begin);
  }

  // ---- form

  // Nothing but how items follow each other: where this holds, take() cannot fail any more.
  bool check_form(std::string_view payload) {
    Reader reader(payload, 0);
    if (!check(reader, 0, false)) return false;
    return reader.at() == payload.size() || refuse("something after the payload's end", reader.at());
  }
  bool check(Reader& reader, std::uint32_t depth, bool may_end, bool* ended = nullptr) {
    const std::size_t begin = reader.at();
    Item item;
    if (!reader.take(item)) {
      error_ = reader.error();
      return false;
    }
    if (item.kind == Item::Kind::end) {
      if (!may_end) return refuse("an end of nothing", begin);
      *ended = true;
      return true;
    }
    if (item.kind != Item::Kind::array && item.kind != Item::Kind::map) return true;
    if (depth == max_depth_) return refuse(too_deep(), begin);
    const bool map = item.kind == Item::Kind::map;
    bool inner_ended = false;
    for (std::uint64_t i = 0; i < item.count; ++i) {
      if (!check(reader, depth + 1, item.count == Item::kUntilEnd, &inner_ended)) return false;
      if (inner_ended) return true;
      if (map && !check(reader, depth + 1, false)) return false;
    }
    return true;
  }
  std::string too_deep() const { return format("nested deeper than max_depth = {}", max_depth_); }

  // The next item of what has been checked.
  static Item taken(Reader& reader) {
    Item item;
    if (!reader.take(item)) item.kind = Item::Kind::end;
    return item;
  }
  // Goes behind the item, whose head was taken.
  static void skip_rest(Reader& reader, const Item& item) {
    if (item.kind != Item::Kind::array && item.kind != Item::Kind::map) return;
    for (std::uint64_t i = 0; i < item.count; ++i) {
      const Item inner = taken(reader);
      if (inner.kind == Item::Kind::end) return;
      skip_rest(reader, inner);
      if (item.kind == Item::Kind::map) skip_rest(reader, taken(reader));
    }
  }

  // ---- records at a path

  // The payload has been checked, and its first item is a map.
  bool go_to_records(std::string_view payload, std::size_t slots) {
    std::size_t at = 0;
    for (const std::string& name : path_) {
      Reader reader(payload, at);
      const Item map = taken(reader);
      if (map.kind != Item::Kind::map) return refuse(format("no map around \"{}\" of `records`", name), at);
      std::optional<std::size_t> found;
      for (std::uint64_t i = 0; i < map.count; ++i) {
        const Item key = taken(reader);
        if (key.kind == Item::Kind::end) break;
        std::string number;
        const bool named = name_of(key, number) == name;
        skip_rest(reader, key);
        if (named) found = reader.at();
        skip_rest(reader, taken(reader));
      }
      if (!found) return refuse(format("no \"{}\", where `records` says they are", name), at);
      at = *found;
    }
    Reader reader(payload, at);
    const Item head = taken(reader);
    if (head.kind != Item::Kind::array && head.kind != Item::Kind::map)
      return refuse("records are an array of maps, or one map", at);
    const bool array = head.kind == Item::Kind::array;
    next_ = array ? reader.at() : at;
    left_ = array ? head.count : 1;
    skip_rest(reader, head);
    records_ = {at, reader.at()};
    // What stands around them is read like a record in which they are left out.
    around_.begin(slots);
    left_out_ = &records_;
    const bool good = read_record(payload, around_.slots(), around_.arena());
    left_out_ = nullptr;
    around_.own_texts();
    return good;
  }

  // ---- a record

  bool read_record(std::string_view record, std::span<Value> slots, Arena& arena) {
    slots_ = slots;
    arena_ = &arena;
    fields_ = 0;
    std::ranges::fill(slots, Value());
    Reader reader(record, 0);
    Item map;
    if (!take(reader, map) || !walk_inside(reader, map, &root_, 1)) return false;
    return reader.at() == record.size() || refuse("something after the record's end", reader.at());
  }

  bool take(Reader& reader, Item& item) {
    if (reader.take(item)) return true;
    error_ = reader.error();
    return false;
  }

  // A map's or array's items, its head being taken. `field` may be null: then they are only validated.
  bool walk_inside(Reader& reader, const Item& head, NestedField* field, std::uint32_t depth) {
    if (depth > max_depth_) return refuse(too_deep(), reader.at());
    for (std::uint64_t i = 0; i < head.count; ++i) {
      NestedField* inner = nullptr;
      Item item;
      std::size_t begin = reader.at();
      if (!take(reader, item)) return false;
      if (item.kind == Item::Kind::end) {
        return head.count == Item::kUntilEnd || refuse("an end of nothing", begin);
      }
      if (head.kind == Item::Kind::map) {
        if (++fields_ > max_fields_)
          return refuse(format("more members than max_fields = {}", max_fields_), begin);
        std::string number;
        const auto name = name_of(item, number);
        if (!name || valid_utf8(*name) < name->size())
          return refuse("a key that is neither a text in UTF-8 nor an integer", begin);
        if (field != nullptr) inner = field->member(i, *name);
        begin = reader.at();
        if (!take(reader, item)) return false;
        if (item.kind == Item::Kind::end) return refuse("an end between a key and its value", begin);
      } else if (field != nullptr) {
        inner = field->element(i);
      }
      if (left_out_ != nullptr && begin == left_out_->begin) {
        skip_rest(reader, item);
        continue;
      }
      if (!walk(reader, item, begin, inner, depth)) return false;
    }
    return true;
  }

  bool walk(Reader& reader, const Item& item, std::size_t begin, NestedField* field, std::uint32_t depth) {
    // A doubled member replaces the whole of the earlier one.
    if (field != nullptr)
      for (const std::size_t slot : field->slots_inside) slots_[slot] = Value();
    switch (item.kind) {
      case Item::Kind::scalar:
        return field == nullptr || put(item.value, *field, begin);
      case Item::Kind::text:
        if (valid_utf8(item.bytes) < item.bytes.size()) return refuse("a text that is no UTF-8", begin);
        if (field == nullptr) return true;
        return put(Value::text(item.passing ? arena_->copy(item.bytes) : item.bytes), *field, begin);
      case Item::Kind::bytes:
        if (field == nullptr || !field->is_read()) return true;
        return put(Value::text(arena_->copy(to_hex(item.bytes))), *field, begin);
      case Item::Kind::array:
      case Item::Kind::map:
        return walk_inside(reader, item, field, depth + 1) &&
               (field == nullptr || put_container(reader, item, begin, *field));
      case Item::Kind::no_value:
      case Item::Kind::end:
        break;
    }
    return refuse(std::string(item.why), begin);
  }

  bool put(Value value, const NestedField& field, std::size_t begin) {
    if (!convert(value, field.type)) return refuse(no_such_type(field.path, value, field.type).what, begin);
    if (field.slot != NestedField::kNoSlot) slots_[field.slot] = value;
    return true;
  }

  // `reader` stands behind the container, which has been walked.
  bool put_container(const Reader& reader, const Item& head, std::size_t begin, const NestedField& field) {
    if (field.type != FieldSetting::Type::any)
      return refuse(format("field {}: {} is no {}", field.path,
                           head.kind == Item::Kind::map ? "a map" : "an array", type_word(field.type)),
                    begin);
    if (field.slot == NestedField::kNoSlot) return true;
    Reader again = reader.from(begin);
    write(again, taken(again));
    slots_[field.slot] = Value::text(arena_->copy(json_.view()));
    json_.clear();
    return true;
  }

  void write(Reader& reader, const Item& item) {
    switch (item.kind) {
      case Item::Kind::text:
        json_.text(item.bytes);
        return;
      case Item::Kind::bytes:
        json_.text(to_hex(item.bytes));
        return;
      case Item::Kind::array:
      case Item::Kind::map:
        break;
      default:
        json_.value(item.value);
        return;
    }
    const bool map = item.kind == Item::Kind::map;
    map ? json_.begin_object() : json_.begin_array();
    for (std::uint64_t i = 0; i < item.count; ++i) {
      Item inner = taken(reader);
      if (inner.kind == Item::Kind::end) break;
      if (map) {
        std::string number;
        json_.key(*name_of(inner, number));
        inner = taken(reader);
      }
      write(reader, inner);
    }
    map ? json_.end_object() : json_.end_array();
  }

  // Of a key; `number` holds the text of an integer.
  static std::optional<std::string_view> name_of(const Item& key, std::string& number) {
    if (key.kind == Item::Kind::text) return key.bytes;
    if (key.kind != Item::Kind::scalar || !key.value.is_integer()) return std::nullopt;
    number = std::to_string(key.value.as_integer());
    return number;
  }

  NestedField root_;
  const std::vector<std::string> path_;  // of `records`
  const std::uint32_t max_depth_;
  const std::uint32_t max_fields_;
  JsonWriter json_;

  // Of the payload in hand.
  Range record_;            // the record in hand
  std::size_t next_ = 0;    // where the next record begins
  std::uint64_t left_ = 0;  // records; Item::kUntilEnd: until an end
  Range records_;           // with a path: what stands at it
  AroundRecords around_;

  // Of the record in hand.
  std::span<Value> slots_;
  Arena* arena_ = nullptr;
  std::uint32_t fields_ = 0;
  const Range* left_out_ = nullptr;
  DecodeError error_;
};

}  // namespace tidemark
