// Requests that are answered bit by bit: state, tap. A client that is slow slows nobody: state is shown as it
// takes it, and of what passes it misses what it cannot take, counted.
#include <utility>

#include "app/control_requests.h"
#include "base/format.h"
#include "base/hex.h"
#include "pipeline/state_rows.h"

namespace tidemark {
namespace {

using StreamPointer = std::shared_ptr<ControlStream>;

constexpr std::size_t kMostUnsent = 256u << 10;
constexpr std::size_t kPlacesPerSlice = 512;

// Shows a slice of the state, lets everything else on the loop have its turn, and goes on.
struct StateAnswer : std::enable_shared_from_this<StateAnswer> {
  StateAnswer(Appliance& its_appliance, Loop& its_loop, StreamPointer its_stream)
      : appliance(its_appliance), loop(its_loop), stream(std::move(its_stream)) {}

  void go_on() {
    if (!stream || stream->unsent() > kMostUnsent) return;  // drained() calls again
    Result<Appliance::StateSlice> slice = appliance.show_state(
        pipeline, filter, from, kPlacesPerSlice, [this](std::string_view key, const std::string& row) {
          stream->item(format("[\"{}\",{}]", to_hex(key), row));
        });
    if (!slice) return end(pass_on(slice));
    if (!slice->next) return end(closing(*slice));
    from = *slice->next;
    loop.post([self = shared_from_this()] { self->go_on(); });
  }

  static std::string closing(const Appliance::StateSlice& slice) {
    JsonWriter out;
    out.begin_object().key("columns").begin_array();
    for (const std::string& column : slice.columns) out.text(column);
    out.end_array().key("position").unsigned_integer(slice.position.value);
    return out.end_object().take();
  }

  void end(Result<std::string> answer) {
    const StreamPointer ending = std::exchange(stream, nullptr);
    ending->finish(std::move(answer));
    ending->drained = ending->gone = nullptr;  // which hold this
  }

  Appliance& appliance;
  Loop& loop;
  StreamPointer stream;
  std::string pipeline;
  KeyFilter filter;
  std::uint32_t from = 0;
};

void show_state(Appliance& appliance, Loop& loop, const JsonValue& request, const StreamPointer& stream) {
  const auto answer = std::make_shared<StateAnswer>(appliance, loop, stream);
  answer->pipeline = request.text_of("pipeline");
  if (const JsonValue* keys = request.find("keys"))
    for (const JsonValue& key : keys->items)
      if (key.items.size() == 2) answer->filter.equals.emplace_back(key.items[0].text, key.items[1].text);
  stream->drained = [answer] { answer->go_on(); };
  stream->gone = [answer] {
    if (const StreamPointer ending = std::exchange(answer->stream, nullptr)) ending->drained = nullptr;
  };
  answer->go_on();
}

// The tap holds the stream, and goes when the client does.
struct TapAnswer {
  StreamPointer stream;
  std::unique_ptr<Tap> tap;
  std::uint64_t missed = 0;

  void say_missed() {
    if (missed != 0) stream->item(format("{{\"missed\":{}}}", std::exchange(missed, 0)));
  }
};

void tap(Appliance& appliance, Loop& loop, const JsonValue& request, const StreamPointer& stream) {
  const auto answer = std::make_shared<TapAnswer>();
  answer->stream = stream;
  auto made = appliance.tap(std::string(request.text_of("name")),
                            {.ready = [stream] { return stream->unsent() <= kMostUnsent; },
                             .show =
                                 [answer = answer.get()](const std::string& json) {
                                   answer->say_missed();
                                   answer->stream->item(json);
                                 },
                             .missed = [answer = answer.get()] { ++answer->missed; }});
  if (!made) return stream->finish(pass_on(made));
  answer->tap = std::move(*made);
  stream->drained = [answer = answer.get()] { answer->say_missed(); };
  // Not from inside a callback of the tap that it ends.
  stream->gone = [answer, &loop] {
    loop.post([answer] {
      answer->tap.reset();
      answer->stream.reset();
    });
  };
}

}  // namespace

ControlServer::Streams make_control_streams(Appliance& appliance, Loop& loop) {
  return [&appliance, &loop](const JsonValue& request, const StreamPointer& stream) {
    const std::string_view command = request.text_of("command");
    if (command == "state") return show_state(appliance, loop, request, stream), true;
    if (command == "tap") return tap(appliance, loop, request, stream), true;
    return false;
  };
}

}  // namespace tidemark
