#include "decode/csv.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/format.h"
#include "base/nearest.h"
#include "decode/typed_text.h"
#include "decode/utf8.h"

namespace tidemark {
namespace {

class CsvDecoder final : public RecordDecoder {
 public:
  explicit CsvDecoder(const DecoderOptions& options)
      : delimiter_(options.format.delimiter), quote_(options.format.quote) {
    for (const FieldSetting& field : options.format.fields)
      columns_.push_back({field.name, field.type, options.fields.find({RecordStep::member(field.name)})});
  }

  bool may_run_ahead() const override { return true; }

  std::expected<Found, DecodeError> decode(const Payload& whole, std::span<Value> slots,
                                           Arena& arena) override {
    std::string_view payload = whole.bytes;
    if (payload.ends_with('\r')) payload.remove_suffix(1);
    if (payload.empty()) return bad("an empty record", 0);
    if (const std::size_t valid = valid_utf8(payload); valid < payload.size())
      return bad("bytes that are no UTF-8", valid);

    std::size_t at = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::size_t begin = at;
      const auto field = take_field(payload, at, arena);
      if (!field) return std::unexpected(field.error());
      Value value;
      if (!field->text.empty() || field->quoted) {
        const auto read = typed_text(field->text, columns_[i].name, columns_[i].type, begin);
        if (!read) return std::unexpected(read.error());
        value = *read;
      }
      if (columns_[i].slot) slots[*columns_[i].slot] = value;

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
    FieldSetting::Type type;
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
    if (quote_ == '\0') return take_unquoted(record, at);
    if (at < record.size() && record[at] == quote_) return take_quoted(record, at, arena);
    const std::size_t begin = at;
    for (; at < record.size() && record[at] != delimiter_; ++at)
      if (record[at] == quote_) return bad("a quote inside a field that does not begin with one", at);
    return Field{record.substr(begin, at - begin), false};
  }

  Field take_unquoted(std::string_view record, std::size_t& at) const {
    const std::size_t begin = at;
    at = std::min(record.find(delimiter_, at), record.size());
    return Field{record.substr(begin, at - begin), false};
  }

  std::expected<Field, DecodeError> take_quoted(std::string_view record, std::size_t& at,
                                                Arena& arena) const {
    const std::size_t begin = at++;
    std::size_t doubled = 0;
    while (true) {
      at = record.find(quote_, at);
      if (at == std::string_view::npos) return bad("a quoted field without its end", begin);
      if (at + 1 == record.size() || record[at + 1] != quote_) break;
      ++doubled;
      at += 2;
    }
    const std::string_view inside = record.substr(begin + 1, at - begin - 1);
    ++at;
    if (at < record.size() && record[at] != delimiter_) return bad("text after a field's closing quote", at);
    return Field{doubled == 0 ? inside : without_doubled(inside, doubled, arena), true};
  }

  std::string_view without_doubled(std::string_view inside, std::size_t doubled, Arena& arena) const {
    const std::size_t size = inside.size() - doubled;
    char* const out = arena.allocate(size);
    for (std::size_t from = 0, to = 0; to < size; ++from) {
      out[to++] = inside[from];
      if (inside[from] == quote_) ++from;
    }
    return {out, size};
  }

  const char delimiter_;
  const char quote_;
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
