#include "pipeline/taps.h"

#include <optional>

#include "base/hex.h"
#include "base/json.h"
#include "base/times.h"
#include "pipeline/result_codec.h"

namespace tidemark {

class Taps::Handle final : public Tap {
 public:
  Handle(Taps& taps, std::list<Watcher>::iterator at) : taps_(taps), at_(at), alive_(taps.alive_) {}
  ~Handle() override {
    if (*alive_) taps_.watching_.erase(at_);
  }

 private:
  Taps& taps_;
  std::list<Watcher>::iterator at_;
  std::shared_ptr<bool> alive_;
};

Taps::Taps() : text_(RowTextOptions{}) {}
Taps::~Taps() {
  *alive_ = false;
}

std::unique_ptr<Tap> Taps::add(bool source, std::string name, TapEvents events) {
  watching_.push_back({source, std::move(name), std::move(events)});
  return std::make_unique<Handle>(*this, std::prev(watching_.end()));
}

// The text is made once, and only when somebody takes it. A watcher may leave from its own callback.
template <class Show>
void Taps::pass(bool source, const std::string& name, Show show) {
  std::optional<std::string> text;
  for (auto at = watching_.begin(); at != watching_.end();) {
    const Watcher& watcher = *at++;
    if (watcher.source != source || watcher.name != name) continue;
    if (!watcher.events.ready()) {
      watcher.events.missed();
      continue;
    }
    if (!text) text = show();
    watcher.events.show(*text);
  }
}

void Taps::record(const SourceSettings& source, Position position, const Entry& entry) {
  pass(true, source.name, [&] {
    JsonWriter out;
    out.begin_object().key("position").unsigned_integer(position.value);
    out.key("time").text(to_rfc3339(to_ns(entry.time)));
    if (!entry.topic.empty()) out.key("topic").text(entry.topic);
    if (entry.kind == EntryKind::oversized) out.key("oversized").boolean(true);
    out.key("payload");
    source.format.is_binary() ? out.text(to_hex(entry.payload)) : out.text(entry.payload);
    return out.end_object().take();
  });
}

void Taps::result(const ResultSchema& schema, std::span<const Value> values) {
  if (schema.channel.kind != ChannelKind::main) return;
  pass(false, schema.pipeline,
       [&] { return text_.object({.schema = &schema, .number = {}, .chain = 0, .values = values}); });
}

void Taps::result(const Emission& emission) {
  if (emission.schema->channel.kind != ChannelKind::main) return;
  pass(false, emission.schema->pipeline, [&] {
    values_.resize(emission.schema->columns.size());
    if (!decode_values(emission.bytes, values_)) return std::string("{}");
    return text_.object(
        {.schema = emission.schema, .number = emission.number, .chain = emission.chain, .values = values_});
  });
}

}  // namespace tidemark
