#include "decode/text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/format.h"
#include "base/invariant.h"
#include "base/nearest.h"
#include "base/pattern.h"
#include "decode/typed_text.h"
#include "decode/utf8.h"

namespace tidemark {
namespace {

class TextDecoder final : public RecordDecoder {
 public:
  TextDecoder(const DecoderOptions& options, Pattern pattern)
      : pattern_(std::move(pattern)), found_(pattern_.names().size()) {
    for (const std::string& name : pattern_.names()) {
      const auto& fields = options.format.fields;
      const auto typed = std::ranges::find(fields, name, &FieldSetting::name);
      groups_.push_back({name, typed == fields.end() ? FieldSetting::Type::text : typed->type,
                         options.fields.find({RecordStep::member(name)})});
    }
  }

  bool may_run_ahead() const override { return true; }

  std::expected<Found, DecodeError> decode(const Payload& whole, std::span<Value> slots, Arena&) override {
    std::string_view payload = whole.bytes;
    if (payload.ends_with('\r')) payload.remove_suffix(1);
    if (payload.data() == nullptr) payload = "";  // a group that took nothing stands somewhere in it
    if (const std::size_t valid = valid_utf8(payload); valid < payload.size())
      return std::unexpected(DecodeError{"bytes that are no UTF-8", valid});
    if (!pattern_.match(payload, found_))
      return std::unexpected(DecodeError{"the line does not match `pattern`", std::nullopt});
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      Value value;
      if (found_[i]) {
        const auto offset = static_cast<std::size_t>(found_[i]->data() - payload.data());
        const auto read = typed_text(*found_[i], groups_[i].name, groups_[i].type, offset);
        if (!read) return std::unexpected(read.error());
        value = *read;
      }
      if (groups_[i].slot) slots[*groups_[i].slot] = value;
    }
    return {};
  }

 private:
  struct Group {
    std::string name;
    FieldSetting::Type type;
    std::optional<std::size_t> slot;
  };
  Pattern pattern_;
  std::vector<Group> groups_;
  std::vector<std::optional<std::string_view>> found_;
};

}  // namespace

std::unique_ptr<RecordDecoder> make_text_decoder(const DecoderOptions& options) {
  Result<Pattern> pattern = Pattern::compile(*options.format.pattern);
  invariant(pattern.has_value(), "the pattern was checked with the configuration");
  return std::make_unique<TextDecoder>(options, std::move(*pattern));
}

std::optional<std::string> text_refuses(const FormatSettings& settings, const RecordPath& path) {
  const Result<Pattern> pattern = Pattern::compile(*settings.pattern);
  if (!pattern) return format("`pattern`: {}", pattern.error().message);
  std::vector<std::string_view> names;
  for (const std::string& name : pattern->names()) {
    if (path.size() == 1 && path.front().name == name) return std::nullopt;
    names.push_back(name);
  }
  std::string why = format("no group {} in the `pattern` of this text source", to_text(path));
  if (path.size() > 1) return why + "; text has no fields inside fields";
  if (const auto word = nearest(path.front().name, names)) why += format("; did you mean {}?", *word);
  return why;
}

}  // namespace tidemark
