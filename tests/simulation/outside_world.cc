#include "simulation/outside_world.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "platform/sqlite.h"
#include "support/fake_random.h"
#include "support/sparkplug_message.h"
#include "support/sqlite_vfs.h"

namespace tidemark {
namespace {

constexpr std::int64_t kBegin = 1'740'830'400'000;  // 2025-03-01T12:00:00Z in milliseconds
constexpr std::uint64_t kAtATime = 3;
constexpr std::uint64_t kReborn = 15;  // the node, and then its device
constexpr const char* kLog = "/var/log/press.log";

// Keys come, stay away for long, and come back; every seventh record is far too late.
std::string device_line(std::uint64_t v) {
  const std::int64_t ts = kBegin + static_cast<std::int64_t>(v) * 2000 - (v % 7 == 0 ? 30'000 : 0);
  return format(R"({{"k":"k{}","v":{},"ts":{}}})", v % 5 + v / 12 * 3, v, ts);
}
bool is_broken(std::uint64_t v) {
  return v % 9 == 4;
}

std::string near_line(std::uint64_t v) {
  return format(R"("near; ""{}""";{})", v, v);
}
std::string text_line(std::uint64_t v) {
  return format("press v={} ok", v);
}
std::string influx_line(std::uint64_t v) {
  return format("press v={}i", v);
}
// {"v": v} in MessagePack and in CBOR, v below 128 and below 256.
std::string msgpack_map(std::uint64_t v) {
  return std::string("\x81\xa1v") + static_cast<char>(v);
}
std::string cbor_map(std::uint64_t v) {
  return std::string("\xa1\x61v\x18") + static_cast<char>(v);
}

// The node says v = 1, 3, 5, …, its device 2, 4, 6, …; births say it, too.
bool is_birth(std::uint64_t v) {
  return v <= 2 || v == kReborn || v == kReborn + 1;
}
bool of_node(std::uint64_t v) {
  return v % 2 == 1;
}
std::string sparkplug_topic(std::uint64_t v) {
  return format("spBv1.0/hall/{}{}/edge{}", of_node(v) ? "N" : "D", is_birth(v) ? "BIRTH" : "DATA",
                of_node(v) ? "" : "/press");
}
// Data do not say their type either. With the second births v and w change aliases.
std::string sparkplug_payload(std::uint64_t v) {
  using test::Metric;
  const std::uint64_t life = v < kReborn ? 0 : 1;
  test::Message message;
  message.seq(life == 0 ? v - 1 : v - kReborn);
  if (!is_birth(v)) return message.metric(Metric().alias(1 + life).integer(v));
  if (of_node(v)) message.metric(Metric("bdSeq").type(4).wide(life));
  return message.metric(Metric("v").alias(1 + life).type(3).integer(v))
      .metric(Metric("w").alias(2 - life).type(3).integer(0));
}

std::string csv_record(std::uint64_t v, char quote) {
  return format("{}two\nlines{},{}\n", quote, quote, v);
}

}  // namespace

const std::vector<std::string>& OutsideWorld::sources() {
  static const std::vector<std::string> kSources{"back", "broker", "device", "gauges", "lines",
                                                 "log",  "near",   "parts",  "pipe",   "plant"};
  return kSources;
}

bool OutsideWorld::lossy(const std::string& source) {
  return source == "lines" || source == "back" || source == "gauges" || source == "pipe";
}

std::uint64_t OutsideWorld::records(const std::string& source, std::uint64_t v) {
  std::uint64_t more = 0;
  if (source == "plant")
    for (std::uint64_t i = 1; i <= v; ++i)
      if (is_birth(i)) more += of_node(i) ? 3 : 2;
  return v + more;
}

OutsideWorld::OutsideWorld(Memory memory)
    : memory_(std::move(memory)),
      device_("press", "127.0.0.1:9999", memory_.device),
      near_("next door", "/run/near.sock", memory_.near) {
  for (std::uint64_t v = 1; v <= kEach; ++v)
    if (is_broken(v)) broken_.push_back(format("{{\"v\":{}", v));
}

void OutsideWorld::put_files(FaultFiles& disk) {
  std::string parts = "v\n";
  for (std::uint64_t v = 1; v <= kEach; ++v) parts += format("{}\n", v);
  disk.put("/in/parts.csv", parts);
  disk.put(kLog, "");
  // The user's own table, which does not take everything.
  FaultFiles scratch;
  const SqliteVfs vfs(scratch);
  {
    const auto database = make_sqlite_opener(vfs.name())->open("/out.db", {.create = true});
    static_cast<void>(
        (*database)->execute("CREATE TABLE history (_source TEXT, n INTEGER, total INTEGER, v INTEGER CHECK "
                             "(v % 5 <> 3), _id TEXT)"));
  }
  disk.put("/db/out.db", scratch.content("/out.db"));
}

void OutsideWorld::connect(Machine& machine) {
  piped_ = false;
  granted_.clear();
  confirmed_.clear();
  taken_.clear();
  device_.connect(machine.network());
  near_.connect(machine.network());
  lines_ = machine.network().connect("127.0.0.1:9996");
  away(machine, away_);
}

void OutsideWorld::disconnect() {
  device_.disconnect();
  near_.disconnect();
  lines_.reset();
  back_.reset();
}

void OutsideWorld::turn(Machine& machine, std::uint64_t each) {
  while (device_.measured() < each) {
    const std::uint64_t v = device_.measured() + 1;
    device_.measure(is_broken(v) ? format("{{\"v\":{}", v) : device_line(v));
  }
  while (near_.measured() < each) near_.measure(near_line(near_.measured() + 1));
  device_.turn(kAtATime);
  near_.turn(kAtATime);

  const auto send = [&](const std::string& source, auto line) {
    std::string bytes;
    std::uint64_t& sent = memory_.sent[source];
    for (const std::uint64_t end = std::min(sent + kAtATime, each); sent < end;) bytes += line(++sent);
    return bytes;
  };
  const auto with_end = [](auto line) { return [line](std::uint64_t v) { return line(v) + "\n"; }; };
  if (lines_) lines_->send_cut(send("lines", with_end(influx_line)), 7);
  if (auto accepted = machine.network().accepted()) {
    back_ = std::move(accepted);
    back_->send("word,v\n");
  }
  if (back_) back_->send_cut(send("back", [](std::uint64_t v) { return csv_record(v, '"'); }), 5);
  const std::uint64_t before_datagram = memory_.sent["gauges"];
  const std::string maps = send("gauges", msgpack_map);
  const auto count = static_cast<unsigned char>(memory_.sent["gauges"] - before_datagram);
  if (count != 0)  // an array of them
    machine.network().send_datagram("127.0.0.1:9997", static_cast<char>(0x90 | count) + maps);
  FakePeer& pipe = machine.network().standard_input_peer();
  if (!std::exchange(piped_, true)) pipe.send("word,v\n");
  pipe.send_cut(send("pipe", [](std::uint64_t v) { return csv_record(v, '\''); }), 4);

  const std::uint64_t before = memory_.sent["log"];
  const std::string added = send("log", with_end(text_line));
  if (before / 9 < memory_.sent["log"] / 9 && before != 0) {  // logrotate was here
    for (std::uint64_t n = memory_.rotations++; n > 0; --n)
      machine.disk().move(format("{}.{}", kLog, n), format("{}.{}", kLog, n + 1));
    machine.disk().move(kLog, format("{}.1", kLog));
    memory_.log.clear();
  }
  if (!added.empty()) machine.disk().put(kLog, memory_.log += added);

  for (const std::string source : {"broker", "plant"}) turn_source_broker(machine, source, each);
  turn_sink_brokers(machine);
}

// A broker with a session: what was not acknowledged is delivered again, first, on the next connection.
void OutsideWorld::turn_source_broker(Machine& machine, const std::string& source, std::uint64_t each) {
  FakeMqtt* const client = machine.mqtt().find(source);
  if (client == nullptr) return;
  const auto deliver = [&](std::uint64_t v, bool again) {
    const bool plant = source == "plant";
    client->deliver({.id = static_cast<std::uint16_t>(v),
                     .qos = 1,
                     .duplicate = again,
                     .topic = plant ? sparkplug_topic(v) : "press/a/v",
                     .payload = plant ? sparkplug_payload(v) : cbor_map(v)});
  };
  std::uint64_t& sent = memory_.sent[source];
  Session& session = memory_.sessions[source];
  std::size_t& granted = granted_[source];
  if (client->connecting) {
    client->connected(std::exchange(session.known, true));
    machine.settle();
    for (std::uint64_t v = 1; v <= sent && session.subscribed; ++v)
      if (!session.acknowledged.contains(static_cast<std::uint16_t>(v))) deliver(v, true);
  }
  if (!client->is_connected) return;
  for (std::size_t& confirmed = confirmed_[source]; confirmed < client->unsubscriptions.size(); ++confirmed) {
    client->confirm_unsubscribed();
    machine.settle();
  }
  if (client->subscriptions.size() > granted) {
    granted = client->subscriptions.size();
    session.subscribed = true;
    client->grant({1});
    machine.settle();
  }
  if (!session.subscribed) return;
  for (const std::uint64_t end = std::min(sent + kAtATime, each); sent < end;) deliver(++sent, false);
  session.acknowledged.insert(client->acknowledged.begin(), client->acknowledged.end());
}

void OutsideWorld::turn_sink_brokers(Machine& machine) {
  for (const std::string name : {"alerts", "lossy"}) {
    FakeMqtt* const client = machine.mqtt().find(name);
    if (client == nullptr) continue;
    std::size_t& taken = taken_[client];
    if (away_) {
      client->close("the broker is gone");
      taken = client->published.size();
      continue;
    }
    if (client->connecting) client->connected(true);
    machine.settle();
    for (; client->is_connected && taken < client->published.size(); ++taken) {
      memory_.received[name].push_back(client->published[taken].payload);
      client->take_publication(client->published[taken].token);
      machine.settle();
    }
  }
}

void OutsideWorld::away(Machine& machine, bool on) {
  away_ = on;
  machine.output().refuse(on ? std::optional(Error{"broken pipe"}) : std::nullopt);
}

bool OutsideWorld::done(std::uint64_t each) const {
  for (const std::string& source : sources())
    if (source != "device" && source != "near" && source != "parts" && sent(source) < each) return false;
  return device_.memory().acknowledged >= each && near_.memory().acknowledged >= each &&
         std::ranges::all_of(memory_.sessions, [each](const auto& session) {
           return session.second.acknowledged.size() >= each;
         });
}

std::uint64_t OutsideWorld::sent(const std::string& source) const {
  if (source == "device") return device_.memory().sent;
  if (source == "near") return near_.memory().sent;
  if (source == "parts") return kEach;
  const auto at = memory_.sent.find(source);
  return at == memory_.sent.end() ? 0 : at->second;
}

// Looks, and touches nothing: the machine may be in the middle of something.
OutsideWorld::Memory OutsideWorld::memory(Machine& machine) {
  device_.listen();
  near_.listen();
  Memory out = memory_;
  out.device = device_.memory();
  out.near = near_.memory();
  if (machine.running())
    for (auto& [source, session] : out.sessions)
      if (const FakeMqtt* const client = machine.mqtt().find(source))
        session.acknowledged.insert(client->acknowledged.begin(), client->acknowledged.end());
  const std::string text = machine.output().text();
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string::npos) break;
    out.received["screen"].push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::vector<std::string> OutsideWorld::violations() const {
  std::vector<std::string> out = device_.violations();
  out.insert(out.end(), near_.violations().begin(), near_.violations().end());
  return out;
}

}  // namespace tidemark
