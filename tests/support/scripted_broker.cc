#include "support/scripted_broker.h"

#include <algorithm>
#include <cstdlib>

namespace tidemark {
namespace {

enum Packet : std::uint8_t {
  kConnect = 1,
  kConnack = 2,
  kPublish = 3,
  kPuback = 4,
  kSubscribe = 8,
  kSuback = 9,
  kUnsubscribe = 10,
  kUnsuback = 11,
  kPingreq = 12,
  kPingresp = 13,
  kDisconnect = 14,
};

void put_u16(std::string& out, std::size_t value) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value));
}

std::size_t get_u16(std::string_view in, std::size_t at) {
  if (at + 2 > in.size()) return 0;
  return static_cast<std::size_t>(static_cast<unsigned char>(in[at]) << 8 |
                                  static_cast<unsigned char>(in[at + 1]));
}

// MQTT's variable byte integer; nothing when the bytes end before it does.
std::optional<std::size_t> get_varint(std::string_view in, std::size_t& at) {
  std::size_t value = 0;
  for (int shift = 0; shift < 28; shift += 7) {
    if (at == in.size()) return std::nullopt;
    const auto byte = static_cast<unsigned char>(in[at++]);
    value |= static_cast<std::size_t>(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return value;
  }
  return std::nullopt;
}

}  // namespace

ScriptedBroker::ScriptedBroker(Network& network, Behaviour behaviour)
    : network_(network), behaviour_(behaviour) {
  auto listener =
      network_.listen_tcp("127.0.0.1:0", [this](std::unique_ptr<Connection> c) { accepted(std::move(c)); });
  if (!listener) std::abort();
  listener_ = std::move(*listener);
  const std::string address = listener_->address();
  port_ = static_cast<std::uint16_t>(std::atoi(address.c_str() + address.rfind(':') + 1));
}

ScriptedBroker::~ScriptedBroker() = default;

void ScriptedBroker::accepted(std::unique_ptr<Connection> connection) {
  connection_ = std::move(connection);
  waiting_.clear();
  subscribed_ = false;
  connection_->start({.data = [this](std::string_view bytes) { received(bytes); },
                      .closed =
                          [this](const std::string&) {
                            connection_.reset();
                            subscribed_ = false;
                            changed();
                          },
                      .drained = {}});
}

void ScriptedBroker::received(std::string_view bytes) {
  waiting_.append(bytes);
  while (connection_ && waiting_.size() >= 2) {
    std::size_t at = 1;
    const auto length = get_varint(waiting_, at);
    if (!length || waiting_.size() < at + *length) break;
    const auto first = static_cast<std::uint8_t>(waiting_[0]);
    const std::string body = waiting_.substr(at, *length);
    waiting_.erase(0, at + *length);
    packet(first, body);
  }
  changed();
}

void ScriptedBroker::packet(std::uint8_t first, std::string_view body) {
  switch (first >> 4) {
    case kConnect:
      return connect(body);
    case kSubscribe: {
      std::string answer(body.substr(0, 2));
      if (version_ == 5) answer.push_back(0);
      answer.push_back(1);  // QoS 1
      send(kSuback << 4, answer);
      subscribed_ = session_.subscribed = true;
      return send_more();
    }
    case kUnsubscribe: {
      std::string answer(body.substr(0, 2));
      if (version_ == 5) answer += std::string("\x00\x11", 2);  // no subscription existed
      return send(kUnsuback << 4, answer);
    }
    case kPuback:
      return acknowledge(body);
    case kPingreq:
      return send(kPingresp << 4, {});
    case kDisconnect:
      connection_.reset();
      subscribed_ = false;
      return;
    default:
      return;
  }
}

void ScriptedBroker::connect(std::string_view body) {
  ++connects_;
  version_ = body.size() > 6 ? body[6] : 0;
  if (version_ == 5 && !behaviour_.speaks_v5) {
    send(kConnack << 4,
         std::string("\x00\x01", 2));  // as a 3.1.1 broker says "unacceptable protocol version"
    connection_->close();
    connection_.reset();
    return;
  }
  const bool clean = (body[7] & 0x02) != 0;
  if (clean) session_ = {};
  const bool present = session_.exists;
  session_.exists = true;
  client_window_ = 65535;
  if (version_ == 5) {
    std::size_t at = 10;
    const auto length = get_varint(body, at);
    const std::size_t end = at + length.value_or(0);
    while (at < end) {
      const auto property = static_cast<unsigned char>(body[at++]);
      if (property == 0x21) client_window_ = get_u16(body, at);
      if (property == 0x21)
        at += 2;
      else if (property == 0x11)
        at += 4;
      else
        break;
    }
  }
  std::string answer{static_cast<char>(present ? 1 : 0), '\0'};
  if (version_ == 5) answer.push_back('\0');
  send(kConnack << 4, answer);
  // A session that was subscribed still is: what is in flight comes again, at once.
  if (session_.subscribed) {
    subscribed_ = true;
    for (const std::uint16_t id : session_.order) {
      Flight& flight = session_.in_flight[id];
      if (flight.sent) ++resent_;
      send_publish(id, flight, flight.sent);
      flight.sent = true;
    }
    send_more();
  }
}

void ScriptedBroker::acknowledge(std::string_view body) {
  const auto id = static_cast<std::uint16_t>(get_u16(body, 0));
  const auto flight = session_.in_flight.find(id);
  if (flight == session_.in_flight.end()) return;
  messages_[flight->second.message].acknowledged = true;
  session_.in_flight.erase(flight);
  std::erase(session_.order, id);
  send_more();
}

void ScriptedBroker::send(std::uint8_t first, const std::string& body) {
  if (!connection_) return;
  std::string out(1, static_cast<char>(first));
  std::size_t length = body.size();
  do {
    out.push_back(static_cast<char>((length & 0x7f) | (length > 0x7f ? 0x80 : 0)));
    length >>= 7;
  } while (length != 0);
  connection_->write(out + body);
}

void ScriptedBroker::send_publish(std::uint16_t id, const Flight& flight, bool duplicate) {
  const Message& message = messages_[flight.message];
  std::string body;
  put_u16(body, message.topic.size());
  body += message.topic;
  put_u16(body, id);
  if (version_ == 5) body.push_back('\0');
  body += message.payload;
  send(static_cast<std::uint8_t>(kPublish << 4 | (duplicate ? 0x08 : 0) | 0x02), body);
}

std::uint16_t ScriptedBroker::new_id() {
  if (behaviour_.ids == Ids::lowest_free) {
    std::uint16_t id = 1;
    while (session_.in_flight.contains(id)) ++id;
    return id;
  }
  const auto id = static_cast<std::uint16_t>(session_.next_id++);
  highest_id_ = std::max<std::uint32_t>(highest_id_, id);
  return id;
}

void ScriptedBroker::send_more() {
  const std::size_t window = std::min(behaviour_.window, client_window_);
  while (subscribed_ && connection_ && next_message_ < messages_.size() && allowed_ > 0 &&
         session_.in_flight.size() < window) {
    --allowed_;
    const std::uint16_t id = new_id();
    Flight& flight = session_.in_flight[id];
    flight.message = next_message_++;
    session_.order.push_back(id);
    send_publish(id, flight, false);
    flight.sent = true;
  }
}

void ScriptedBroker::publish(const std::string& topic, const std::string& payload) {
  messages_.push_back({topic, payload});
  send_more();
}

void ScriptedBroker::allow(std::size_t messages) {
  allowed_ = messages;
  send_more();
}

void ScriptedBroker::cut() {
  connection_.reset();
  subscribed_ = false;
}

void ScriptedBroker::lose_session() {
  for (const auto& [id, flight] : session_.in_flight) messages_[flight.message].lost = true;
  session_ = {};
  remembered_.reset();
  highest_id_ = repeats_until_ = 0;
  cut();
}

void ScriptedBroker::remember_session() {
  remembered_ = session_;
}

void ScriptedBroker::return_to_remembered() {
  if (!remembered_) return;
  // What came into flight since then is gone on this side, whether the client has it or not.
  std::vector<std::size_t> kept;
  for (const auto& [id, flight] : remembered_->in_flight) kept.push_back(flight.message);
  for (const auto& [id, flight] : session_.in_flight)
    if (std::ranges::find(kept, flight.message) == kept.end()) messages_[flight.message].lost = true;
  session_ = *remembered_;
  repeats_until_ = highest_id_;
  cut();
}

void ScriptedBroker::resend_in_flight() {
  if (!connected()) return;
  for (const std::uint16_t id : session_.order) {
    ++resent_;
    send_publish(id, session_.in_flight[id], true);
  }
}

bool ScriptedBroker::ids_repeat() const {
  if (repeats_until_ == 0) return false;
  if (session_.next_id <= repeats_until_) return true;
  return std::ranges::any_of(session_.order, [&](std::uint16_t id) { return id <= repeats_until_; });
}

ScriptedBroker::Books ScriptedBroker::books() const {
  Books books;
  books.published = messages_.size();
  books.resent = resent_;
  for (std::size_t i = 0; i < messages_.size(); ++i) {
    if (messages_[i].acknowledged)
      ++books.acknowledged;
    else if (messages_[i].lost)
      ++books.lost;
    else
      ++books.waiting;
  }
  for (const auto& [id, flight] : session_.in_flight)
    if (messages_[flight.message].acknowledged)
      ++books.waiting;  // a stale one that is still to be acknowledged again
  return books;
}

}  // namespace tidemark
