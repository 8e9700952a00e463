#include "decode/influx.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/format.h"
#include "decode/typed_text.h"
#include "decode/typed_value.h"
#include "decode/utf8.h"

namespace tidemark {
namespace {

using FieldType = FieldSetting::Type;

constexpr std::string_view kMeasurement = "_measurement";
constexpr std::string_view kTimestamp = "_timestamp";

// What may follow a backslash that means the character itself, and what ends the text when it stands without.
constexpr std::string_view kMeasurementSpecials = ", ";
constexpr std::string_view kKeySpecials = ",= ";

constexpr bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

class InfluxDecoder final : public RecordDecoder {
 public:
  explicit InfluxDecoder(const DecoderOptions& options) : max_fields_(options.limits.max_fields) {
    for (const FieldSetting& field : options.format.fields) column(field.name).type = field.type;
    for (std::size_t slot = 0; slot < options.fields.size(); ++slot)
      column(options.fields.path(slot).front().name).slot = slot;
  }

  std::expected<Found, DecodeError> decode(const Payload& payload, std::span<Value> slots,
                                           Arena& arena) override {
    next_ = 0;
    record_ = {0, payload.bytes.size()};
    if (!take_line(payload.bytes)) return Found::several;  // of comments only
    const bool last = payload.bytes.find_first_not_of(" \r\n", next_) == std::string_view::npos;
    if (!last) {
      next_ = 0;
      record_ = {0, payload.bytes.size()};
      return Found::several;
    }
    next_ = payload.bytes.size();
    if (!read_line(payload.bytes, slots, arena)) return std::unexpected(std::move(error_));
    return Found::record;
  }

  std::expected<bool, DecodeError> next(const Payload& payload, std::span<Value> slots,
                                        Arena& arena) override {
    if (!take_line(payload.bytes)) return false;
    if (!read_line(payload.bytes, slots, arena)) return std::unexpected(std::move(error_));
    return true;
  }

  std::string text(const Payload& payload) const override {
    return std::string(payload.bytes.substr(record_.begin, record_.end - record_.begin));
  }

 private:
  struct Column {
    std::string name;
    FieldType type = FieldType::any;
    std::optional<std::size_t> slot;
  };
  struct Span {
    std::size_t begin = 0, end = 0;
  };

  Column& column(std::string_view name) {
    const auto known = std::ranges::find(columns_, name, &Column::name);
    if (known != columns_.end()) return *known;
    return columns_.emplace_back(Column{std::string(name), FieldType::any, std::nullopt});
  }

  // The search begins behind the column found last: most lines repeat their order.
  const Column* find(std::string_view name) {
    for (std::size_t i = 0, at = from_; i < columns_.size(); ++i, ++at) {
      if (at == columns_.size()) at = 0;
      if (columns_[at].name != name) continue;
      from_ = at + 1;
      return &columns_[at];
    }
    return nullptr;
  }

  // The next line that is a record goes into record_; false when there is none.
  bool take_line(std::string_view payload) {
    while (next_ < payload.size()) {
      const std::size_t begin = next_;
      std::size_t end = std::min(payload.find('\n', begin), payload.size());
      next_ = std::min(end + 1, payload.size());
      if (end > begin && payload[end - 1] == '\r') --end;
      const std::size_t first = std::min(payload.find_first_not_of(' ', begin), end);
      if (first == end || payload[first] == '#') continue;
      record_ = {first, end};
      return true;
    }
    return false;
  }

  bool read_line(std::string_view payload, std::span<Value> slots, Arena& arena) {
    line_ = payload.substr(0, record_.end);
    at_ = record_.begin;
    slots_ = slots;
    arena_ = &arena;
    fields_ = 0;
    std::ranges::fill(slots, Value());
    const std::string_view line = line_.substr(at_);
    if (const std::size_t valid = valid_utf8(line); valid < line.size())
      return refuse("bytes that are no UTF-8", at_ + valid);
    return measurement() && tags() && fields() && timestamp();
  }

  bool refuse(std::string what, std::size_t offset) {
    error_ = {std::move(what), offset - record_.begin};
    return false;
  }
  bool at_end() const { return at_ == line_.size(); }
  char here() const { return at_end() ? '\0' : line_[at_]; }

  bool measurement() {
    std::string_view name;
    const std::size_t begin = at_;
    if (!take_text(kMeasurementSpecials, name)) return false;
    if (name.empty()) return refuse("a line begins with a measurement", begin);
    return put(kMeasurement, Value::text(name), begin);
  }

  bool tags() {
    while (here() == ',') {
      ++at_;
      std::string_view name, value;
      const std::size_t begin = at_;
      if (!take_key("tag", name)) return false;
      const std::size_t value_begin = at_;
      if (!take_text(kKeySpecials, value)) return false;
      if (value.empty()) return refuse(format("tag {} has no value", name), value_begin);
      if (here() == '=') return refuse("an = that no backslash stands before", at_);
      if (!put_own(name, Value::text(value), begin, value_begin, true)) return false;
    }
    if (at_end()) return refuse("no fields after the measurement and its tags", at_);
    if (here() != ' ') return refuse("expected a comma or a space after a tag", at_);
    skip_spaces();
    return true;
  }

  bool fields() {
    while (true) {
      std::string_view name;
      const std::size_t begin = at_;
      if (!take_key("field", name)) return false;
      const std::size_t value_begin = at_;
      Value value;
      if (!take_value(name, value) || !put_own(name, value, begin, value_begin, false)) return false;
      if (here() != ',') break;
      ++at_;
    }
    if (!at_end() && here() != ' ') return refuse("expected a comma or a space after a field", at_);
    skip_spaces();
    return true;
  }

  bool timestamp() {
    if (at_end()) return true;
    const std::size_t begin = at_;
    const std::string_view digits = take_word(" ");
    std::int64_t time = 0;
    if (!read_integer(digits, time)) return refuse("no timestamp: an integer ends the line", begin);
    skip_spaces();
    if (!at_end()) return refuse("something after the timestamp", at_);
    return put(kTimestamp, Value::integer(time), begin);
  }

  void skip_spaces() {
    while (here() == ' ') ++at_;
  }
  // Up to one of `ends`, or the end of the line.
  std::string_view take_word(std::string_view ends) {
    const std::size_t begin = at_;
    at_ = std::min(line_.find_first_of(ends, at_), line_.size());
    return line_.substr(begin, at_ - begin);
  }

  bool take_key(std::string_view noun, std::string_view& name) {
    const std::size_t begin = at_;
    if (!take_text(kKeySpecials, name)) return false;
    if (name.empty()) return refuse(format("expected the name of a {}", noun), begin);
    if (here() != '=') return refuse(format("expected = after {} {}", noun, name), at_);
    ++at_;
    return true;
  }

  // A name or a tag's value, up to one of `specials` that no backslash stands before.
  bool take_text(std::string_view specials, std::string_view& text) {
    const std::size_t begin = at_;
    std::size_t escapes = 0;
    for (; at_ < line_.size(); ++at_) {
      const char c = line_[at_];
      if (is_control(c)) return refuse("a control character", at_);
      if (specials.contains(c)) break;
      if (c != '\\' || at_ + 1 == line_.size() || !specials.contains(line_[at_ + 1])) continue;
      ++escapes;
      ++at_;
    }
    text = unescaped(line_.substr(begin, at_ - begin), specials, escapes);
    return true;
  }

  std::string_view unescaped(std::string_view text, std::string_view specials, std::size_t escapes) {
    if (escapes == 0) return text;
    const std::size_t size = text.size() - escapes;
    char* const out = arena_->allocate(size);
    for (std::size_t from = 0, to = 0; to < size; ++from) {
      if (text[from] == '\\' && from + 1 < text.size() && specials.contains(text[from + 1])) ++from;
      out[to++] = text[from];
    }
    return {out, size};
  }

  bool take_value(std::string_view name, Value& value) {
    if (here() == '"') return take_string(value);
    const std::size_t begin = at_;
    const std::string_view word = take_word(", ");
    if (word.empty()) return refuse(format("field {} has no value", name), begin);
    if (word == "t" || word == "T" || word == "true" || word == "True" || word == "TRUE")
      value = Value::boolean(true);
    else if (word == "f" || word == "F" || word == "false" || word == "False" || word == "FALSE")
      value = Value::boolean(false);
    else
      return take_number(name, word, begin, value);
    return true;
  }

  bool take_string(Value& value) {
    const std::size_t begin = at_++;
    std::size_t escapes = 0;
    for (; !at_end() && here() != '"'; ++at_) {
      if (here() != '\\' || at_ + 1 == line_.size() || !kStringSpecials.contains(line_[at_ + 1])) continue;
      ++escapes;
      ++at_;
    }
    if (at_end()) return refuse("a text without its closing quote", begin);
    value = Value::text(unescaped(line_.substr(begin + 1, at_ - begin - 1), kStringSpecials, escapes));
    ++at_;
    return true;
  }

  bool take_number(std::string_view name, std::string_view word, std::size_t begin, Value& value) {
    const char kind = word.back();
    if (kind == 'i' || kind == 'u') {
      std::int64_t i = 0;
      const std::string_view digits = word.substr(0, word.size() - 1);
      if (kind == 'u' && word.front() == '-')
        return refuse(format("field {}: {} is no unsigned integer", name, word), begin);
      if (!read_integer(digits, i))
        return refuse(format("field {}: {} is no integer of 64 bits", name, word), begin);
      value = Value::integer(i);
      return true;
    }
    double d = 0;
    if (!is_float(word)) return refuse(format("field {}: {} is no value", name, word), begin);
    if (!read_float(word, d))
      return refuse(format("field {}: {} is beyond the range of floats", name, word), begin);
    value = Value::real(d);
    return true;
  }

  static bool read_integer(std::string_view digits, std::int64_t& i) {
    const char* const last = digits.data() + digits.size();
    const auto [end, error] = std::from_chars(digits.data(), last, i);
    return error == std::errc{} && end == last;
  }
  // [-] digits [. [digits]] [e [+-] digits], or a point and digits behind it.
  static bool is_float(std::string_view word) {
    std::size_t at = word.front() == '-' ? 1 : 0;
    const auto digits = [&] {
      const std::size_t begin = at;
      while (at < word.size() && word[at] >= '0' && word[at] <= '9') ++at;
      return at - begin;
    };
    std::size_t mantissa = digits();
    if (at < word.size() && word[at] == '.') {
      ++at;
      mantissa += digits();
    }
    if (mantissa == 0) return false;
    if (at < word.size() && (word[at] == 'e' || word[at] == 'E')) {
      ++at;
      if (at < word.size() && (word[at] == '+' || word[at] == '-')) ++at;
      if (digits() == 0) return false;
    }
    return at == word.size();
  }
  // What is too small for a float is 0, as in json.
  static bool read_float(std::string_view word, double& d) {
    const std::errc error = std::from_chars(word.data(), word.data() + word.size(), d).ec;
    if (error == std::errc{}) return true;
    const std::size_t exponent = word.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos ? word[exponent + 1] == '-' : word.find('.') <= 2;
    d = 0;
    return tiny;
  }

  // A tag or a field.
  bool put_own(std::string_view name, Value value, std::size_t begin, std::size_t value_begin, bool tag) {
    if (++fields_ > max_fields_)
      return refuse(format("more tags and fields than max_fields = {}", max_fields_), begin);
    if (name == kMeasurement || name == kTimestamp)
      return refuse(format("{} {} has the name of the line's own", tag ? "tag" : "field", name), begin);
    if (tag) {
      const Column* const typed = find(name);
      if (typed == nullptr) return true;
      const auto read = typed_text(value.as_text(), name, typed->type, value_begin - record_.begin);
      if (!read) {
        error_ = read.error();
        return false;
      }
      if (typed->slot) slots_[*typed->slot] = *read;
      return true;
    }
    return put(name, value, value_begin);
  }

  bool put(std::string_view name, Value value, std::size_t offset) {
    const Column* const wanted = find(name);
    if (wanted == nullptr) return true;
    if (!convert(value, wanted->type)) return refuse(no_such_type(name, value, wanted->type).what, offset);
    if (wanted->slot) slots_[*wanted->slot] = value;
    return true;
  }

  static constexpr std::string_view kStringSpecials = "\"\\";

  const std::uint32_t max_fields_;
  std::vector<Column> columns_;  // that are read or typed
  std::size_t from_ = 0;

  // Of the payload in hand.
  std::size_t next_ = 0;  // where the next line begins
  Span record_;           // the line in hand

  // Of the line in hand.
  std::string_view line_;  // the payload up to the line's end
  std::size_t at_ = 0;
  std::span<Value> slots_;
  Arena* arena_ = nullptr;
  std::uint32_t fields_ = 0;
  DecodeError error_;
};

}  // namespace

std::unique_ptr<RecordDecoder> make_influx_decoder(const DecoderOptions& options) {
  return std::make_unique<InfluxDecoder>(options);
}

std::optional<std::string> influx_refuses(const FormatSettings&, const RecordPath& path) {
  if (path.size() == 1) return std::nullopt;
  return format("{}: influx has no fields inside fields; a name with a dot is written \"{}\"", to_text(path),
                to_text(path));
}

}  // namespace tidemark
