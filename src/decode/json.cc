#include "decode/json.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/format.h"
#include "base/invariant.h"
#include "base/json.h"
#include "base/sizes.h"
#include "decode/json_fault.h"

namespace tidemark {
namespace {

namespace dom = simdjson::dom;
using FieldType = FieldSetting::Type;

// Walked recursively, so bounded whatever the configuration says.
constexpr std::uint32_t kMaxDepth = 1024;
// Buffers made for a larger record are given back after it.
constexpr std::size_t kKeptCapacity = 64_KiB;

constexpr std::size_t kNoSlot = static_cast<std::size_t>(-1);

// One member or element that is read, typed, or on the way to one that is.
struct Wanted {
  std::string path;  // for messages
  std::size_t slot = kNoSlot;
  FieldType type = FieldType::any;

  // Members by name. tags[i] tells names[i] from most other names without looking at it.
  std::vector<std::uint32_t> tags;
  std::vector<std::string> names;
  std::vector<std::unique_ptr<Wanted>> members;
  std::vector<std::pair<std::uint32_t, std::unique_ptr<Wanted>>> elements;
  std::vector<std::size_t> slots_inside;  // of everything below

  static std::uint32_t tag_of(std::string_view name) {
    if (name.empty()) return 0;
    return static_cast<std::uint32_t>(name.size() & 0xffff) << 16 |
           static_cast<std::uint32_t>(static_cast<unsigned char>(name.front())) << 8 |
           static_cast<unsigned char>(name.back());
  }

  // `from` is where the search begins: one past the member found last, since most records repeat their order.
  const Wanted* member(std::string_view name, std::size_t& from) const {
    const std::uint32_t tag = tag_of(name);
    const std::size_t count = tags.size();
    for (std::size_t i = 0, at = from; i < count; ++i, ++at) {
      if (at >= count) at -= count;
      if (tags[at] != tag || names[at] != name) continue;
      from = at + 1 == count ? 0 : at + 1;
      return members[at].get();
    }
    return nullptr;
  }
  const Wanted* element(std::uint64_t index) const {
    for (const auto& [wanted_index, wanted] : elements)
      if (wanted_index == index) return wanted.get();
    return nullptr;
  }
  bool reaches_inside() const { return !members.empty() || !elements.empty(); }
};

Wanted& step_into(Wanted& parent, const RecordStep& step, std::string path) {
  const auto made = [&] {
    auto wanted = std::make_unique<Wanted>();
    wanted->path = std::move(path);
    return wanted;
  };
  if (step.index) {
    for (auto& [index, wanted] : parent.elements)
      if (index == *step.index) return *wanted;
    return *parent.elements.emplace_back(*step.index, made()).second;
  }
  for (std::size_t i = 0; i < parent.names.size(); ++i)
    if (parent.names[i] == step.name) return *parent.members[i];
  parent.tags.push_back(Wanted::tag_of(step.name));
  parent.names.push_back(step.name);
  return *parent.members.emplace_back(made());
}

Wanted& walk_to(Wanted& root, const RecordPath& path) {
  Wanted* at = &root;
  RecordPath so_far;
  for (const RecordStep& step : path) {
    so_far.push_back(step);
    at = &step_into(*at, step, to_text(so_far));
  }
  return *at;
}

// "pos.samples[0]" as a path; a name that is written otherwise is one member's.
RecordPath path_of(std::string_view name) {
  RecordPath path;
  std::string_view rest = name;
  while (!rest.empty()) {
    if (rest.front() == '[') {
      std::uint32_t index = 0;
      const char* const last = rest.data() + rest.size();
      const auto [end, error] = std::from_chars(rest.data() + 1, last, index);
      if (path.empty() || error != std::errc{} || end == last || *end != ']')
        return {RecordStep::member(name)};
      path.push_back(RecordStep::element(index));
      rest = {end + 1, last};
    } else {
      if (!path.empty() && rest.front() == '.') rest.remove_prefix(1);
      const std::string_view step = rest.substr(0, rest.find_first_of(".["));
      if (step.empty()) return {RecordStep::member(name)};
      path.push_back(RecordStep::member(step));
      rest.remove_prefix(step.size());
    }
  }
  return path;
}

void collect_slots(Wanted& wanted) {
  const auto collect = [&](Wanted& below) {
    collect_slots(below);
    if (below.slot != kNoSlot) wanted.slots_inside.push_back(below.slot);
    wanted.slots_inside.insert(wanted.slots_inside.end(), below.slots_inside.begin(),
                               below.slots_inside.end());
  };
  for (const auto& below : wanted.members) collect(*below);
  for (const auto& [index, below] : wanted.elements) collect(*below);
}

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

std::string_view word_for(FieldType type) {
  switch (type) {
    case FieldType::text:
      return "string";
    case FieldType::integer:
      return "int";
    case FieldType::real:
      return "float";
    case FieldType::boolean:
      return "bool";
    case FieldType::any:
      break;
  }
  return "value";
}

// Makes the value what the type asks for, when nothing is lost by it.
bool convert(Value& value, FieldType type) {
  constexpr double kExactIntegers = 9007199254740992.0;  // 2^53
  switch (type) {
    case FieldType::any:
      return true;
    case FieldType::text:
      return value.is_text();
    case FieldType::boolean:
      return value.is_boolean();
    case FieldType::real:
      if (value.is_integer()) value = Value::real(static_cast<double>(value.as_integer()));
      return value.is_real();
    case FieldType::integer:
      if (value.is_real() && std::abs(value.as_real()) <= kExactIntegers &&
          value.as_real() == std::trunc(value.as_real()))
        value = Value::integer(static_cast<std::int64_t>(value.as_real()));
      return value.is_integer();
  }
  return false;
}

class JsonDecoder final : public RecordDecoder {
 public:
  explicit JsonDecoder(const DecoderOptions& options)
      : max_fields_(options.limits.max_fields), max_depth_(std::min(options.limits.max_depth, kMaxDepth)) {
    for (const FieldSetting& field : options.format.fields)
      walk_to(root_, path_of(field.name)).type = field.type;
    for (std::size_t slot = 0; slot < options.fields.size(); ++slot)
      walk_to(root_, options.fields.path(slot)).slot = slot;
    collect_slots(root_);
  }

  std::expected<void, DecodeError> decode(std::string_view payload, std::span<Value> slots,
                                          Arena& arena) override {
    dom::element document;
    if (const simdjson::error_code error = parse(payload, document))
      return std::unexpected(explain(payload, error));
    if (document.type() != dom::element_type::OBJECT)
      return std::unexpected(explain(payload, simdjson::INCORRECT_TYPE));
    payload_ = payload;
    slots_ = slots;
    arena_ = &arena;
    fields_ = 0;
    std::ranges::fill(slots, Value());
    const bool good = walk_object(dom::object(document), &root_, 1);
    if (payload.size() > kKeptCapacity) forget_buffers();
    if (!good) return std::unexpected(std::move(error_));
    return {};
  }

 private:
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

  DecodeError explain(std::string_view payload, simdjson::error_code error) {
    if (payload.size() > kKeptCapacity) forget_buffers();
    invariant(error != simdjson::MEMALLOC, "memory for a JSON record");
    if (auto fault = find_json_fault(payload, max_depth_)) return *std::move(fault);
    return {format("no JSON object: {}", simdjson::error_message(error)), std::nullopt};
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
  bool walk_object(dom::object object, const Wanted* wanted, std::uint32_t depth) {
    if (depth > max_depth_) return refuse_with_place();
    std::size_t from = 0;
    for (const dom::key_value_pair member : object) {
      if (++fields_ > max_fields_) return refuse(format("more members than max_fields = {}", max_fields_));
      if (!walk(member.value, wanted ? wanted->member(member.key, from) : nullptr, depth)) return false;
    }
    return true;
  }
  bool walk_array(dom::array array, const Wanted* wanted, std::uint32_t depth) {
    if (depth > max_depth_) return refuse_with_place();
    std::uint64_t index = 0;
    for (const dom::element item : array) {
      if (!walk(item, wanted ? wanted->element(index) : nullptr, depth)) return false;
      ++index;
    }
    return true;
  }

  bool walk(dom::element element, const Wanted* wanted, std::uint32_t depth) {
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

  bool take(Value value, const Wanted& wanted) {
    if (!value.is_null() && !convert(value, wanted.type)) {
      constexpr std::size_t kShown = 40;
      std::string shown = tidemark::to_text(value);
      if (shown.size() > kShown)
        shown = format("a {} of {} bytes", type_name(value.type()), shown.size() - 2);
      return refuse(format("field {}: {} is no {}", wanted.path, shown, word_for(wanted.type)));
    }
    if (wanted.slot != kNoSlot)
      slots_[wanted.slot] = value.is_text() ? Value::text(arena_->copy(value.as_text())) : value;
    return true;
  }

  bool take_container(dom::element element, const Wanted& wanted) {
    if (wanted.type != FieldType::any)
      return refuse(format("field {}: {} is no {}", wanted.path,
                           element.type() == dom::element_type::OBJECT ? "an object" : "an array",
                           word_for(wanted.type)));
    if (wanted.slot == kNoSlot) return true;
    write_json(text_, element);
    slots_[wanted.slot] = Value::text(arena_->copy(text_.view()));
    text_.clear();
    return true;
  }

  Wanted root_;
  const std::uint32_t max_fields_;
  const std::uint32_t max_depth_;

  std::size_t capacity_ = 0;  // of the three buffers; 0: none are made
  std::unique_ptr<char[]> buffer_;
  std::unique_ptr<dom::parser> parser_;
  std::unique_ptr<dom::document> document_;
  JsonWriter text_;

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
