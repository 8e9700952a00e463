// Any bytes as messages of Sparkplug B, one after another: each is a byte that chooses its topic, two of its
// size, and its payload. Whatever comes, reading ends; which records are good does not depend on what is read
// of them; what is remembered stays within its limit, and restored it means the same, as it is and as it was
// before the message.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/invariant.h"
#include "decode/decoder.h"
#include "decode/memory.h"
#include "decode/utf8.h"

using namespace tidemark;

namespace {

constexpr std::string_view kTopics[] = {"spBv1.0/G/NBIRTH/N", "spBv1.0/G/DBIRTH/N/D", "spBv1.0/G/DBIRTH/N/E",
                                        "spBv1.0/G/NDATA/N",  "spBv1.0/G/DDATA/N/D",  "spBv1.0/G/DDATA/N/E",
                                        "spBv1.0/G/NDEATH/N", "spBv1.0/G/DDEATH/N/D", "spBv1.0/G/NBIRTH/M",
                                        "spBv1.0/G/NDATA/M",  "spBv1.0/G/NCMD/N",     "other"};
constexpr std::uint64_t kBirths = 8 << 10, kRecord = 4 << 10;

class Reader {
 public:
  explicit Reader(const std::vector<RecordPath>& reads) {
    format_.type = FormatSettings::Type::sparkplug;
    format_.fields = {{.name = "timestamp", .type = FieldSetting::Type::integer, .place = {}},
                      {.name = "properties.q", .type = FieldSetting::Type::integer, .place = {}}};
    for (const RecordPath& path : reads) fields_.add(path);
    limits_.max_depth = 8;
    limits_.max_record = kRecord;
    limits_.births = kBirths;
    slots_.resize(fields_.size());
    begin();
  }

  void begin() {
    decoder_ =
        std::move(make_decoder({.format = format_, .fields = fields_, .limits = limits_, .hash_seed = 1}))
            .value();
  }
  DecoderMemory& memory() { return *decoder_->memory(); }

  // A letter a record: g good, b bad; W: bad as a whole.
  std::string fates(const Payload& payload) {
    arena_.clear();
    const auto found = decoder_->decode(payload, slots_, arena_);
    if (!found) {
      static_cast<void>(decoder_->text(payload));
      return "W";
    }
    std::string out;
    while (true) {
      arena_.clear();
      const auto next = decoder_->next(payload, slots_, arena_);
      if (next && !*next) return out;
      out += next ? 'g' : 'b';
      invariant(decoder_->text(payload).size() <= 2 * payload.bytes.size(),
                "a record's text is of its payload");
      if (!next) continue;
      for (const Value& value : slots_) {
        if (!value.is_text()) continue;
        invariant(valid_utf8(value.as_text()) == value.as_text().size(), "texts are UTF-8");
        invariant(value.as_text().size() <= 6 * kRecord + 2 * payload.bytes.size(), "values are bounded");
      }
    }
  }

 private:
  FormatSettings format_;
  FieldSet fields_;
  LimitSettings limits_;
  std::unique_ptr<RecordDecoder> decoder_;
  std::vector<Value> slots_;
  Arena arena_;
};

std::vector<RecordPath> all_columns() {
  std::vector<RecordPath> out;
  for (const char* name :
       {"group", "node", "device", "event", "metric", "value", "type", "timestamp", "historical"})
    out.push_back({RecordStep::member(name)});
  for (const char* name : {"q", "engUnit"})
    out.push_back({RecordStep::member("properties"), RecordStep::member(name)});
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static Reader nothing({}), all(all_columns()), restored(all_columns());
  nothing.begin();
  all.begin();
  std::string_view rest(reinterpret_cast<const char*>(bytes), size);
  std::string before = all.memory().snapshot(false);
  while (rest.size() >= 3) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
    const std::string_view topic = kTopics[at(0) % std::size(kTopics)];
    const std::size_t length = std::min<std::size_t>(at(1) | at(2) << 8, rest.size() - 3);
    const Payload payload(rest.substr(3, length), topic);
    rest.remove_prefix(3 + length);

    restored.begin();
    invariant(restored.memory().load_snapshot(before), "what was saved can be loaded");
    const std::string fates = all.fates(payload);
    invariant(nothing.fates(payload) == fates, "what is read decides nothing");
    invariant(restored.fates(payload) == fates, "restored it means the same");
    invariant(all.memory().snapshot(true) == before, "what was remembered before is known");
    before = all.memory().snapshot(false);
    invariant(restored.memory().snapshot(false) == before, "restored it goes on the same");
    invariant(before.size() <= kBirths + 1024, "what is remembered is bounded");
  }
  return 0;
}
