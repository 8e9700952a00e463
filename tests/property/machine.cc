// The machine of the property test: runs the cases that it is given and says what came of them.
//
// A line of standard input is a case, JSON: a configuration, what peers will send, and steps, which send, let
// time pass, take the power away and bring it back. The whole appliance runs through them on a simulated
// computer (support/simulation.h). A line of standard output says when each line was sent, and what sinks and
// the other machine hold at the end; whether that is right is not known here (property_test.py judges it).
#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/format.h"
#include "base/json.h"
#include "support/line_receiver.h"
#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {
namespace {

constexpr const char* kReceiver = "other:9000";
constexpr int kMostTurns = 2000;  // of 100 ms: then what should have happened will not

Loss loss_of(std::string_view word) {
  return word == "all" ? Loss::all_unsynced : word == "none" ? Loss::none : Loss::random;
}

FaultFiles::Operation operation_of(std::string_view word) {
  if (word == "write") return FaultFiles::Operation::write;
  if (word == "sync") return FaultFiles::Operation::sync;
  if (word == "rename") return FaultFiles::Operation::rename;
  return FaultFiles::Operation::any;
}

// A device with lines to send, and the moments at which it did.
struct Device {
  Device(std::string_view called, std::string_view address)
      : name(called), peer(name, std::string(address)) {}

  std::string name;
  SimulatedPeer peer;
  std::vector<std::string> lines;             // measured or not yet
  std::vector<std::vector<std::int64_t>> at;  // by line: when it was sent, in milliseconds
  std::vector<std::pair<std::uint64_t, std::int64_t>> acknowledged;  // so many lines, by that moment
};

class CaseRun {
 public:
  explicit CaseRun(const JsonValue& given)
      : given_(given),
        machine_({.seed = static_cast<std::uint64_t>(given.integer_of("seed", 1)),
                  .lanes = given.text_of("lanes") == "interleaved" ? Lanes::interleaved : Lanes::at_once,
                  .wall_ns = given.integer_of("begin_ms") * 1'000'000}),
        receiver_(true) {
    for (const JsonValue& peer : given.find("peers")->items) {
      Device& device =
          *devices_.emplace_back(std::make_unique<Device>(peer.text_of("name"), peer.text_of("address")));
      for (const JsonValue& line : peer.find("lines")->items) device.lines.push_back(line.text);
      device.at.resize(device.lines.size());
    }
  }

  std::string run() {
    if (start()) {
      pass(300ms);  // the beginning is on disk, so that time is counted from it
      for (const JsonValue& step : given_.find("steps")->items) {
        take(step);
        if (!trouble_.empty()) break;
      }
    }
    return report();
  }

 private:
  std::int64_t now_ms() const { return to_ns(machine_.wall()) / 1'000'000; }
  void in_trouble(std::string what) { trouble_.push_back(std::move(what)); }

  // ---- an instance that starts, and one that was cut off

  bool start() {
    while (trouble_.empty()) {
      const Status booted = machine_.boot(given_.text_of("config"));
      if (booted) break;
      if (!machine_.disk().dead()) {
        in_trouble("the start refused: " + booted.error().message);
        return false;
      }
      cut(loss_, down_);
    }
    // Without a journal, what came before the first checkpoint has not been.
    const bool anew = !given_.boolean_of("journal") && resumed_from_nothing();
    if (began_ == 0 || anew) began_ = now_ms();
    receiver_.serve(machine_.network(), kReceiver);
    machine_.settle();
    for (const auto& device : devices_)
      if (!device->peer.connect(machine_.network())) in_trouble("nobody listens for " + device->name);
    machine_.settle();
    whole_millisecond();
    turn();
    return trouble_.empty();
  }

  bool resumed_from_nothing() {
    bool from_nothing = false;
    for (const FakeLog::Line& line : machine_.log().lines())
      if (line.subject == "start") from_nothing = line.message.ends_with("from nothing");
    return from_nothing;
  }

  // Arrivals are told to the millisecond, and what lanes do in between takes microseconds.
  void whole_millisecond() {
    const std::int64_t over = to_ns(machine_.wall()) % 1'000'000;
    if (over != 0) pass_time(Duration(1'000'000 - over));
  }
  // The machine's clock goes on, also over the moment at which its power goes.
  void pass_time(Duration duration) {
    const MonotonicTime end = machine_.now() + duration;
    if (machine_.running()) machine_.advance(duration);
    if (machine_.now() < end) machine_.pass(end - machine_.now());
  }

  void cut(Loss loss, Duration down) {
    ++cuts_;
    listen();
    machine_.crash(loss, static_cast<std::uint64_t>(given_.integer_of("seed")) + cuts_);
    for (const auto& device : devices_) device->peer.disconnect();
    receiver_.leave();
    machine_.pass(down);
  }

  // Where the power has gone meanwhile, it comes back.
  void recover() {
    while (machine_.disk().dead() && trouble_.empty()) {
      cut(loss_, down_);
      if (again_ != 0) machine_.disk().crash_at(machine_.disk().operations() + std::exchange(again_, 0));
      start();
    }
  }

  // ---- what happens outside

  // Whoever has something to send or to answer does it now.
  void turn() {
    if (machine_.disk().dead()) return;
    for (const auto& device : devices_) {
      listen(*device);
      const std::uint64_t from = device->peer.next();
      device->peer.turn();
      for (std::uint64_t i = from; i < device->peer.next(); ++i) device->at[i].push_back(now_ms());
      machine_.settle();
      listen(*device);
    }
    receiver_.turn();
    machine_.settle();
    if (machine_.disk().dead()) return;
    receiver_.turn();
    machine_.settle();
  }

  void listen() {
    for (const auto& device : devices_) listen(*device);
  }
  void listen(Device& device) {
    const std::uint64_t before = device.peer.memory().acknowledged;
    device.peer.listen();
    if (device.peer.memory().acknowledged != before)
      device.acknowledged.emplace_back(device.peer.memory().acknowledged, now_ms());
  }

  void pass(Duration duration) {
    pass_time(duration);
    turn();
    recover();
  }

  // ---- steps

  void take(const JsonValue& step) {
    const std::string_view what = step.items[0].text;
    const auto number = [&](std::size_t i) { return step.items[i].integer; };
    const auto ms = [&](std::size_t i) { return std::chrono::milliseconds(step.items[i].integer); };
    if (what == "send") {
      Device& device = **std::ranges::find(devices_, step.items[1].text, &Device::name);
      for (std::int64_t i = 0; i < number(2); ++i) device.peer.measure(device.lines[device.peer.measured()]);
      turn();
    } else if (what == "pass") {
      pass(ms(1));
    } else if (what == "cut") {
      cut(loss_of(step.items[1].text), ms(2));
      start();
    } else if (what == "cut before") {
      loss_ = loss_of(step.items[2].text);
      down_ = ms(3);
      again_ = static_cast<std::uint64_t>(number(4));
      machine_.disk().crash_at(machine_.disk().operations() + static_cast<std::uint64_t>(number(1)));
    } else if (what == "restart") {
      restart(ms(1));
    } else if (what == "checkpoint") {
      static_cast<void>(machine_.create_checkpoint());  // one that fails is abandoned, as others are
    } else if (what == "fail") {
      machine_.disk().fail({.operation = operation_of(step.items[1].text),
                            .path_part = step.items[2].text,
                            .times = static_cast<std::uint64_t>(number(3))});
    } else if (what == "break") {
      receiver_.break_connections();
    } else if (what == "end") {
      end(step.items[1].text == "drain");
    } else {
      in_trouble(format("no step is called {}", what));
    }
    recover();
    whole_millisecond();
  }

  void restart(Duration down) {
    for (const auto& device : devices_) device->peer.disconnect();
    const Status stopped = machine_.stop();
    listen();
    if (!stopped) {
      if (!machine_.disk().dead()) return in_trouble("the stop failed: " + stopped.error().message);
      return recover();
    }
    receiver_.leave();
    machine_.pass(down);
    start();
  }

  // Until everything is acknowledged and delivered; then a stop in order.
  void end(bool drain) {
    machine_.disk().crash_at(0);
    machine_.disk().heal();
    recover();
    wait_until("everything is acknowledged and delivered", [this] {
      return std::ranges::all_of(devices_, [](const auto& d) { return d->peer.all_acknowledged(); }) &&
             delivered();
    });
    if (drain && trouble_.empty()) {
      drained_ = now_ms();
      halt(true);
      if (trouble_.empty()) start();
    }
    // What leaves with the stop may be too late for the other machine, and the next start delivers it.
    for (bool waits = true; waits && trouble_.empty();) {
      wait_until("everything is delivered", [this] { return delivered(); });
      if (!trouble_.empty()) return;
      ended_ = now_ms();
      waits = halt(false);
      if (waits && trouble_.empty()) start();
    }
  }

  // Stops in order, while the other machine takes what leaves. True when results for it are left.
  bool halt(bool drain) {
    std::optional<Status> answer;
    const auto stopped = [&answer](Status status) { answer = std::move(status); };
    if (drain)
      machine_.appliance().drain(stopped);
    else
      machine_.appliance().stop(false, stopped);
    for (int i = 0; i < kMostTurns && !answer; ++i) {
      machine_.advance(2ms);
      receiver_.turn();
    }
    if (!answer || !*answer)
      in_trouble("the stop failed: " + (answer ? answer->error().message : "it has no end"));
    const bool waits = !delivered();
    machine_.crash(Loss::none);
    receiver_.leave();
    return waits;
  }

  bool delivered() {
    const StatusReport status = machine_.appliance().status();
    return std::ranges::all_of(status.sinks, [](const SinkReport& sink) { return sink.waiting == 0; });
  }

  void wait_until(std::string_view what, const std::function<bool()>& holds) {
    for (int i = 0; i < kMostTurns; ++i) {
      pass(100ms);
      if (!trouble_.empty() || holds()) return;
    }
    in_trouble(format("it does not come to it that {}", what));
  }

  // ---- what is told

  std::string report() {
    for (const auto& device : devices_)
      for (const std::string& violation : device->peer.violations()) in_trouble(violation);
    JsonWriter out;
    out.begin_object();
    texts(out, "trouble", trouble_);
    out.key("cuts").unsigned_integer(cuts_);
    out.key("began").integer(began_).key("drained").integer(drained_).key("ended").integer(ended_);
    out.key("peers").begin_object();
    for (const auto& device : devices_) tell(out, *device);
    out.end_object();
    out.key("files").begin_object();
    for (const JsonValue& path : given_.find("files")->items)
      texts(out, path.text, machine_.lines("/data/" + path.text));
    out.end_object();
    out.key("tables").begin_object();
    for (const JsonValue& table : given_.find("tables")->items)
      texts(out, table.text_of("name"), machine_.query("/data/out.db", std::string(table.text_of("sql"))));
    out.end_object();
    out.key("received").text(receiver_.text());
    if (given_.boolean_of("log")) out.key("log").text(machine_.log().text());
    out.end_object();
    return out.take();
  }

  static void texts(JsonWriter& out, std::string_view key, const std::vector<std::string>& all) {
    out.key(key).begin_array();
    for (const std::string& text : all) out.text(text);
    out.end_array();
  }

  static void tell(JsonWriter& out, const Device& device) {
    out.key(device.name).begin_object().key("sent").begin_array();
    for (const auto& times : device.at) {
      out.begin_array();
      for (const std::int64_t ms : times) out.integer(ms);
      out.end_array();
    }
    out.end_array().key("acknowledged").begin_array();
    for (const auto& [lines, ms] : device.acknowledged)
      out.begin_array().unsigned_integer(lines).integer(ms).end_array();
    out.end_array().end_object();
  }

  const JsonValue& given_;
  Machine machine_;
  LineReceiver receiver_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<std::string> trouble_;
  std::uint64_t cuts_ = 0, again_ = 0;
  Loss loss_ = Loss::all_unsynced;
  Duration down_{0};
  std::int64_t began_ = 0, drained_ = 0, ended_ = 0;
};

}  // namespace
}  // namespace tidemark

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const auto given = tidemark::JsonValue::parse(line);
    if (!given) {
      std::cerr << "a case is a line of JSON: " << given.error().message << '\n';
      return 2;
    }
    std::cout << tidemark::CaseRun(*given).run() << std::endl;
  }
}
