// bench_subscribe: what a program costs that only receives by libmosquitto, parses and adds (totals.h); and
// what collects messages for tools/bench.
//
//   bench_subscribe PORT TOPIC QOS add RESULT.tsv       until the last record of bench_feed; then as
//   bench_bare bench_subscribe PORT TOPIC QOS keep FILE COUNT      writes COUNT payloads, each a line
//
// MQTT 5 with the receive maximum that Tidemark asks for by default. Prints a line when it is subscribed.
#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "totals.h"

namespace {

struct Subscriber {
  Adder adder{Adder::Format::json};
  std::vector<char> padded;
  std::FILE* kept = nullptr;  // else it adds
  std::uint64_t wanted = 0, count = 0;
  const char* topic = "";
  int qos = 0;

  bool done() const { return kept != nullptr ? count == wanted : adder.ended(); }
  void take(const mosquitto_message& message) {
    const auto size = static_cast<std::size_t>(message.payloadlen);
    if (kept != nullptr) {
      std::fwrite(message.payload, 1, size, kept);
      std::fputc('\n', kept);
      ++count;
      return;
    }
    // libmosquitto's own buffer ends with the payload.
    if (padded.size() < size + simdjson::SIMDJSON_PADDING)
      padded.resize(2 * size + simdjson::SIMDJSON_PADDING);
    std::memcpy(padded.data(), message.payload, size);
    adder.add(padded.data(), size, padded.size());
  }
};

void must(int code, const char* what) {
  if (code == MOSQ_ERR_SUCCESS) return;
  std::fprintf(stderr, "bench_subscribe: %s: %s\n", what, mosquitto_strerror(code));
  std::exit(1);
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view verb = count > 4 ? arguments[4] : "";
  if (!(verb == "add" && count == 6) && !(verb == "keep" && count == 7)) {
    std::fputs("usage: bench_subscribe PORT TOPIC QOS add RESULT.tsv | keep FILE COUNT\n", stderr);
    return 2;
  }
  Subscriber subscriber;
  subscriber.topic = arguments[2];
  subscriber.qos = std::atoi(arguments[3]);
  if (verb == "keep") {
    subscriber.kept = std::fopen(arguments[5], "w");
    if (subscriber.kept == nullptr) fail(arguments[5]);
    subscriber.wanted = std::strtoull(arguments[6], nullptr, 10);
  }

  mosquitto_lib_init();
  mosquitto* const client = mosquitto_new("bench_subscribe", true, &subscriber);
  must(mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5), "MQTT 5");
  must(mosquitto_int_option(client, MOSQ_OPT_RECEIVE_MAXIMUM, 4096), "receive maximum");
  mosquitto_connect_callback_set(client, [](mosquitto* of, void* self, int code) {
    must(code, "connect");
    const auto& mine = *static_cast<Subscriber*>(self);
    must(mosquitto_subscribe(of, nullptr, mine.topic, mine.qos), "subscribe");
  });
  mosquitto_subscribe_callback_set(client, [](mosquitto*, void*, int, int, const int*) {
    std::puts("subscribed");
    std::fflush(stdout);
  });
  mosquitto_message_callback_set(client, [](mosquitto*, void* self, const mosquitto_message* message) {
    static_cast<Subscriber*>(self)->take(*message);
  });
  must(mosquitto_connect(client, "127.0.0.1", std::atoi(arguments[1]), 60), "connect");
  while (!subscriber.done()) must(mosquitto_loop(client, -1, 1), "loop");
  if (subscriber.kept == nullptr)
    subscriber.adder.write(arguments[5]);
  else if (std::fclose(subscriber.kept) != 0)
    fail(arguments[5]);
}
