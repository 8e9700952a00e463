#include "decode/json.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/format.h"
#include "base/invariant.h"
#include "base/json.h"
#include "base/sizes.h"
#include "decode/json_elements.h"
#include "decode/json_fault.h"
#include "decode/json_tokens.h"
#include "decode/json_walk.h"
#include "decode/nested_field.h"
#include "decode/several_records.h"
#include "decode/typed_value.h"

namespace tidemark {
namespace {

namespace dom = simdjson::dom;
using FieldType = FieldSetting::Type;

// Walked recursively, so bounded whatever the configuration says.
constexpr std::uint32_t kMaxDepth = 1024;
// Buffers made for a larger record are given back after it.
constexpr std::size_t kKeptCapacity = 64_KiB;

void write_json(JsonWriter& out, dom::element element) {
  switch (element.type()) {
    case dom::element_type::OBJECT:
      out.begin_object();
      for (const dom::key_value_pair member : dom::object(element)) {
        out.key(member.key);
        write_json(out, member.value);
      }
      out.end_object();
      break;
    case dom::element_type::ARRAY:
      out.begin_array();
      for (const dom::element item : dom::array(element)) write_json(out, item);
      out.end_array();
      break;
    case dom::element_type::INT64:
      out.integer(std::int64_t(element));
      break;
    case dom::element_type::DOUBLE:
      out.real(double(element));
      break;
    case dom::element_type::BOOL:
      out.boolean(bool(element));
      break;
    case dom::element_type::STRING:
      out.text(std::string_view(element));
      break;
    default:
      out.null();
  }
}

class JsonDecoder final : public RecordDecoder {
 public:
  explicit JsonDecoder(const DecoderOptions& options)
      : root_(nested_fields(options.format, options.fields)),
        max_depth_(std::min(options.limits.max_depth, kMaxDepth)),
        max_fields_(options.limits.max_fields),
        walk_(max_depth_, max_fields_),
        at_path_(!options.format.records->empty()),
        elements_(records_path(options.format)) {}

  void expect(std::string_view bytes) override { tokens_.expect(bytes); }

  bool may_run_ahead() const override { return !at_path_; }

  std::expected<Found, DecodeError> decode(const Payload& payload, std::span<Value> slots,
                                           Arena& arena) override {
    record_ = {};
    if (at_path_) return decode_several(payload.bytes, slots.size());
    if (read_quickly(payload.bytes, slots)) return Found::record;
    const std::size_t begin = payload.bytes.find_first_not_of(" \t\n\r");
    if (begin != std::string_view::npos && payload.bytes[begin] == '[')
      return decode_several(payload.bytes, slots.size());
    if (!decode_whole(payload.bytes, slots, arena)) return std::unexpected(std::move(error_));
    return Found::record;
  }

  std::expected<bool, DecodeError> next(const Payload& payload, std::span<Value> slots,
                                        Arena& arena) override {
    const auto record = elements_.next(payload.bytes);
    if (!record) return false;
    record_ = {static_cast<std::size_t>(record->data() - payload.bytes.data()), record->size()};
    if (!decode_one(*record, slots, arena)) return std::unexpected(std::move(error_));
    around_.fill_in(slots);
    return true;
  }

  std::string text(const Payload& payload) const override {
    return std::string(payload.bytes.substr(record_.begin, record_.size));
  }

 private:
  struct Range {
    std::size_t begin = 0, size = std::string_view::npos;
  };

  // With a path, what stands around the records is read like a record.
  std::expected<Found, DecodeError> decode_several(std::string_view payload, std::size_t slots) {
    around_.clear();
    if (auto fault = elements_.find(payload)) return std::unexpected(*std::move(fault));
    if (!at_path_) return Found::several;
    const std::string around = elements_.around(payload);
    around_.begin(slots);
    if (!decode_one(around, around_.slots(), around_.arena())) return std::unexpected(std::move(error_));
    around_.own_texts();
    return Found::several;
  }

  // What is out of the ordinary, bad records among it, is read once more by the DOM parser: its word is the
  // last.
  bool decode_one(std::string_view record, std::span<Value> slots, Arena& arena) {
    return read_quickly(record, slots) || decode_whole(record, slots, arena);
  }
  bool read_quickly(std::string_view record, std::span<Value> slots) {
    JsonTokens::Line line;
    if (!tokens_.find(record, line)) return false;
    const std::uint32_t* const behind = walk_.read(line, root_, slots);
    if (behind == nullptr) return false;
    tokens_.line_ends(behind);
    return true;
  }

  bool decode_whole(std::string_view payload, std::span<Value> slots, Arena& arena) {
    dom::element document;
    if (const simdjson::error_code error = parse(payload, document)) return explain(payload, error);
    if (document.type() != dom::element_type::OBJECT) return explain(payload, simdjson::INCORRECT_TYPE);
    payload_ = payload;
    slots_ = slots;
    arena_ = &arena;
    fields_ = 0;
    std::ranges::fill(slots, Value());
    const bool good = walk_object(dom::object(document), &root_, 1);
    if (payload.size() > kKeptCapacity) forget_buffers();
    return good;
  }

  simdjson::error_code parse(std::string_view payload, dom::element& document) {
    if (capacity_ == 0 || payload.size() > capacity_) grow(payload.size());
    if (!payload.empty()) std::memcpy(buffer_.get(), payload.data(), payload.size());
    // The bytes past the end are read, not used: a fixed value keeps the parse a function of the payload.
    std::memset(buffer_.get() + payload.size(), ' ', simdjson::SIMDJSON_PADDING);
    return parser_->parse_into_document(*document_, buffer_.get(), payload.size(), false).get(document);
  }

  void grow(std::size_t needed) {
    capacity_ = std::max<std::size_t>(4_KiB, needed + needed / 2);
    buffer_ = std::make_unique<char[]>(capacity_ + simdjson::SIMDJSON_PADDING);
    parser_ = std::make_unique<dom::parser>();
    document_ = std::make_unique<dom::document>();
    // Two levels more than allowed, so that the walk, which counts exactly, is what refuses.
    const bool allocated = !parser_->allocate(capacity_, max_depth_ + 2) && !document_->allocate(capacity_);
    invariant(allocated, "memory for a JSON record");
  }
  void forget_buffers() {
    capacity_ = 0;
    buffer_.reset();
    parser_.reset();
    document_.reset();
  }

  bool explain(std::string_view payload, simdjson::error_code error) {
    if (payload.size() > kKeptCapacity) forget_buffers();
    invariant(error != simdjson::MEMALLOC, "memory for a JSON record");
    if (auto fault = find_json_fault(payload, max_depth_)) {
      error_ = *std::move(fault);
      return false;
    }
    return refuse(format("no JSON object: {}", simdjson::error_message(error)));
  }
  bool refuse(std::string what) {
    error_ = {std::move(what), std::nullopt};
    return false;
  }
  bool refuse_with_place() {
    auto fault = find_json_fault(payload_, max_depth_);
    invariant(fault.has_value(), "the scanner finds depth and wide integers where the walk does");
    error_ = *std::move(fault);
    return false;
  }

  // `wanted` may be null: then the object is only validated.
  bool walk_object(dom::object object, NestedField* wanted, std::uint32_t depth) {
    if (depth > max_depth_) return refuse_with_place();
    std::size_t nth = 0;
    for (const dom::key_value_pair member : object) {
      if (++fields_ > max_fields_) return refuse(format("more members than max_fields = {}", max_fields_));
      if (!walk(member.value, wanted ? wanted->member(nth++, member.key) : nullptr, depth)) return false;
    }
    return true;
  }
  bool walk_array(dom::array array, NestedField* wanted, std::uint32_t depth) {
    if (depth > max_depth_) return refuse_with_place();
    std::uint64_t index = 0;
    for (const dom::element item : array) {
      if (!walk(item, wanted ? wanted->element(index) : nullptr, depth)) return false;
      ++index;
    }
    return true;
  }

  bool walk(dom::element element, NestedField* wanted, std::uint32_t depth) {
    // A doubled member replaces the whole of the earlier one.
    if (wanted)
      for (const std::size_t slot : wanted->slots_inside) slots_[slot] = Value();
    switch (element.type()) {
      case dom::element_type::OBJECT:
        return walk_object(dom::object(element), wanted, depth + 1) &&
               (!wanted || take_container(element, *wanted));
      case dom::element_type::ARRAY:
        return walk_array(dom::array(element), wanted, depth + 1) &&
               (!wanted || take_container(element, *wanted));
      case dom::element_type::UINT64:
        return refuse_with_place();
      case dom::element_type::INT64:
        return !wanted || take(Value::integer(std::int64_t(element)), *wanted);
      case dom::element_type::DOUBLE:
        return !wanted || take(Value::real(double(element)), *wanted);
      case dom::element_type::BOOL:
        return !wanted || take(Value::boolean(bool(element)), *wanted);
      case dom::element_type::STRING:
        return !wanted || take(Value::text(std::string_view(element)), *wanted);
      case dom::element_type::NULL_VALUE:
        return !wanted || take(Value(), *wanted);
      default:
        return refuse_with_place();  // newer versions have a type for integers beyond 64 bits
    }
  }

  bool take(Value value, const NestedField& wanted) {
    if (!convert(value, wanted.type)) {
      error_ = no_such_type(wanted.path, value, wanted.type);
      return false;
    }
    if (wanted.slot != NestedField::kNoSlot)
      slots_[wanted.slot] = value.is_text() ? Value::text(arena_->copy(value.as_text())) : value;
    return true;
  }

  bool take_container(dom::element element, const NestedField& wanted) {
    if (wanted.type != FieldType::any)
      return refuse(format("field {}: {} is no {}", wanted.path,
                           element.type() == dom::element_type::OBJECT ? "an object" : "an array",
                           type_word(wanted.type)));
    if (wanted.slot == NestedField::kNoSlot) return true;
    write_json(text_, element);
    slots_[wanted.slot] = Value::text(arena_->copy(text_.view()));
    text_.clear();
    return true;
  }

  NestedField root_;
  const std::uint32_t max_depth_;
  const std::uint32_t max_fields_;
  JsonTokens tokens_;
  JsonWalk walk_;

  std::size_t capacity_ = 0;  // of the three buffers; 0: none are made
  std::unique_ptr<char[]> buffer_;
  std::unique_ptr<dom::parser> parser_;
  std::unique_ptr<dom::document> document_;
  JsonWriter text_;

  // Of a payload of several records.
  const bool at_path_;
  JsonElements elements_;
  AroundRecords around_;
  Range record_;  // the one in hand: all of the payload, or a part of it

  // Of the record in hand.
  std::string_view payload_;
  std::span<Value> slots_;
  Arena* arena_ = nullptr;
  std::uint32_t fields_ = 0;
  DecodeError error_;
};

}  // namespace

std::unique_ptr<RecordDecoder> make_json_decoder(const DecoderOptions& options) {
  return std::make_unique<JsonDecoder>(options);
}

std::optional<std::string> json_refuses(const FormatSettings&, const RecordPath&) {
  return std::nullopt;
}

}  // namespace tidemark
