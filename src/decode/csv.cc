#include "decode/csv.h"

#include <charconv>
#include <vector>

#include "base/format.h"
#include "base/nearest.h"
#include "decode/utf8.h"

namespace tidemark {
namespace {

using FieldType = FieldSetting::Type;

std::string shortened(std::string_view text) {
  constexpr std::size_t kShown = 40;
  if (text.size() <= kShown) return format("'{}'", text);
  return format("'{}...'", text.substr(0, valid_utf8(text.substr(0, kShown))));
}

template <class Number>
std::errc parse_whole(std::string_view text, Number& number) {
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  return error == std::errc{} && end != last ? std::errc::invalid_argument : error;
}

class CsvDecoder final : public RecordDecoder {
 public:
  explicit CsvDecoder(const DecoderOptions& options) : delimiter_(options.format.delimiter) {
    for (const FieldSetting& field : options.format.fields)
      columns_.push_back({field.name, field.type, options.fields.find({RecordStep::member(field.name)})});
  }

  std::expected<void, DecodeError> decode(std::string_view payload, std::span<Value> slots,
                                          Arena& arena) override {
    if (payload.ends_with('\r')) payload.remove_suffix(1);
    if (payload.empty()) return bad("an empty record", 0);
    if (const std::size_t valid = valid_utf8(payload); valid < payload.size())
      return bad("bytes that are no UTF-8", valid);

    std::size_t at = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::size_t begin = at;
      const auto field = take_field(payload, at, arena);
      if (!field) return std::unexpected(field.error());
      const auto value = typed(*field, columns_[i], begin);
      if (!value) return std::unexpected(value.error());
      if (columns_[i].slot) slots[*columns_[i].slot] = *value;

      const bool ended = at == payload.size();
      if (ended && i + 1 < columns_.size())
        return bad(format("{} of {} columns", i + 1, columns_.size()), at);
      if (!ended) {
        if (i + 1 == columns_.size()) return bad(format("more than {} columns", columns_.size()), at);
        ++at;  // the delimiter
      }
    }
    return {};
  }

 private:
  struct Column {
    std::string name;
    FieldType type;
    std::optional<std::size_t> slot;
  };
  struct Field {
    std::string_view text;
    bool quoted;
  };

  static std::unexpected<DecodeError> bad(std::string what, std::size_t offset) {
    return std::unexpected(DecodeError{std::move(what), offset});
  }

  // Leaves `at` on the delimiter after the field or at the end of the record.
  std::expected<Field, DecodeError> take_field(std::string_view record, std::size_t& at, Arena& arena) const {
    if (at < record.size() && record[at] == '"') return take_quoted(record, at, arena);
    const std::size_t begin = at;
    for (; at < record.size() && record[at] != delimiter_; ++at)
      if (record[at] == '"') return bad("a quote inside a field that does not begin with one", at);
    return Field{record.substr(begin, at - begin), false};
  }

  std::expected<Field, DecodeError> take_quoted(std::string_view record, std::size_t& at,
                                                Arena& arena) const {
    const std::size_t begin = at++;
    std::size_t doubled = 0;
    for (;; ++at) {
      at = record.find('"', at);
      if (at == std::string_view::npos) return bad("a quoted field without its end", begin);
      if (at + 1 == record.size() || record[at + 1] != '"') break;
      ++doubled;
      ++at;
    }
    const std::string_view inside = record.substr(begin + 1, at - begin - 1);
    ++at;
    if (at < record.size() && record[at] != delimiter_) return bad("text after a field's closing quote", at);
    return Field{doubled == 0 ? inside : without_doubled(inside, doubled, arena), true};
  }

  static std::string_view without_doubled(std::string_view inside, std::size_t doubled, Arena& arena) {
    const std::size_t size = inside.size() - doubled;
    char* const out = arena.allocate(size);
    for (std::size_t from = 0, to = 0; to < size; ++from) {
      out[to++] = inside[from];
      if (inside[from] == '"') ++from;
    }
    return {out, size};
  }

  static std::expected<Value, DecodeError> typed(const Field& field, const Column& column,
                                                 std::size_t offset) {
    if (field.text.empty() && !field.quoted) return Value();
    const auto bad_type = [&](std::string_view type) {
      return bad(format("field {}: {} is no {}", column.name, shortened(field.text), type), offset);
    };
    switch (column.type) {
      case FieldType::any:
      case FieldType::text:
        return Value::text(field.text);
      case FieldType::boolean:
        if (field.text == "true") return Value::boolean(true);
        if (field.text == "false") return Value::boolean(false);
        return bad_type("bool (true or false)");
      case FieldType::integer: {
        std::int64_t i;
        const std::errc error = parse_whole(field.text, i);
        if (error == std::errc{}) return Value::integer(i);
        return bad_type(error == std::errc::result_out_of_range ? "int of 64 bits" : "int");
      }
      case FieldType::real: {
        double d;
        // from_chars also reads the names of infinity and of no number.
        const bool digits = field.text.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
        const std::errc error = digits ? parse_whole(field.text, d) : std::errc::invalid_argument;
        if (error == std::errc{}) return Value::real(d);
        return bad_type(error == std::errc::result_out_of_range ? "float in the range of floats" : "float");
      }
    }
    return bad_type("value");
  }

  const char delimiter_;
  std::vector<Column> columns_;
};

}  // namespace

std::unique_ptr<RecordDecoder> make_csv_decoder(const DecoderOptions& options) {
  return std::make_unique<CsvDecoder>(options);
}

std::optional<std::string> csv_refuses(const FormatSettings& settings, const RecordPath& path) {
  std::vector<std::string_view> names;
  for (const FieldSetting& field : settings.fields) {
    if (path.size() == 1 && path.front().name == field.name) return std::nullopt;
    names.push_back(field.name);
  }
  std::string why = format("no column {} among the fields of this csv source", to_text(path));
  if (path.size() > 1) return why + "; csv has no fields inside fields";
  if (const auto word = nearest(path.front().name, names)) why += format("; did you mean {}?", *word);
  return why;
}

}  // namespace tidemark
