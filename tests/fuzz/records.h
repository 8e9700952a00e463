// Any bytes as a payload of a format that may hold several records, for its fuzz target: it ends, however
// bad; how many records it has and which are good does not depend on what is read of them; and texts can be
// read to their ends and are UTF-8.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/invariant.h"
#include "decode/decoder.h"
#include "decode/utf8.h"

namespace tidemark::fuzz {

class Records {
 public:
  Records(FormatSettings format, const std::vector<RecordPath>& reads) : format_(std::move(format)) {
    for (const RecordPath& path : reads) fields_.add(path);
    limits_.max_depth = 20;
    decoder_ = std::move(make_decoder({.format = format_, .fields = fields_, .limits = limits_}).value());
    slots_.resize(fields_.size());
  }

  // A letter a record: g good, b bad; W: bad as a whole.
  std::string fates(std::string_view bytes, std::string_view topic = {}) {
    arena_.clear();
    const Payload payload(bytes, topic);
    const auto found = decoder_->decode(payload, slots_, arena_);
    std::string out;
    if (!found || *found == Found::record) {
      take(payload, found ? 'g' : 'W', out);
      return out;
    }
    while (true) {
      arena_.clear();
      const auto next = decoder_->next(payload, slots_, arena_);
      if (next && !*next) return out;
      take(payload, next ? 'g' : 'b', out);
      invariant(out.size() <= bytes.size(), "a record takes a byte at least");
    }
  }

 private:
  void take(const Payload& payload, char fate, std::string& out) {
    out += fate;
    const std::string text = decoder_->text(payload);
    invariant(text.size() <= 2 * payload.bytes.size(), "a record's text is of its payload");
    if (fate != 'g') return;
    for (const Value& value : slots_)
      if (value.is_text())
        invariant(valid_utf8(value.as_text()) == value.as_text().size(), "texts are UTF-8");
  }

  FormatSettings format_;
  FieldSet fields_;
  LimitSettings limits_;
  std::unique_ptr<RecordDecoder> decoder_;
  std::vector<Value> slots_;
  Arena arena_;
};

inline RecordPath member(std::string_view name) {
  return {RecordStep::member(name)};
}

}  // namespace tidemark::fuzz
