#include "app/control_server.h"

#include <doctest/doctest.h>

#include <optional>
#include <random>

#include "base/format.h"
#include "support/fake_log.h"
#include "support/fake_loop.h"
#include "support/fake_network.h"

namespace tidemark {
namespace {

constexpr const char* kPath = "/run/tidemark/control.sock";

// A server whose command "now" answers at once, "fail" with an error, and every other one when the test says
// so.
struct Serving {
  FakeClock clock;
  FakeLoop loop{clock};
  FakeNetwork network{loop};
  FakeLog log;
  std::vector<ControlServer::Answer> waiting;
  int handled = 0;
  ControlServer server{
      {.network = network, .loop = loop, .log = log, .handler = [this](const auto& r, auto a) {
         handle(r, std::move(a));
       }}};

  Serving() { REQUIRE(server.listen(kPath).has_value()); }

  void handle(const JsonValue& request, ControlServer::Answer answer) {
    ++handled;
    const std::string_view command = request.text_of("command");
    if (command == "now")
      answer(format("\"{}\"", request.text_of("id")));
    else if (command == "fail")
      answer(fail("no such thing", Error::Kind::not_found));
    else
      waiting.push_back(std::move(answer));
  }

  std::unique_ptr<FakePeer> connect() {
    auto peer = network.connect(kPath);
    REQUIRE(peer);
    loop.run_ready();
    return peer;
  }
  std::string ask(FakePeer& peer, std::string_view bytes) {
    peer.send(bytes);
    loop.run_ready();
    return peer.take_received();
  }
};

const std::string kNow = R"({"command":"now","id":"x"})"
                         "\n";
const std::string kAnswer = "{\"ok\":true,\"result\":\"x\"}\n";

TEST_CASE("a request is answered on one line, an error with its kind") {
  Serving serving;
  const auto peer = serving.connect();
  CHECK(serving.ask(*peer, kNow) == kAnswer);
  CHECK(serving.ask(*peer, "{\"command\":\"fail\"}\n") ==
        "{\"ok\":false,\"kind\":\"not_found\",\"error\":\"no such thing\"}\n");
  CHECK(serving.ask(*peer, kNow) == kAnswer);
}

TEST_CASE("requests are framed by newlines, however they are cut") {
  const std::string three = kNow + kNow + kNow;
  for (std::size_t cut = 1; cut <= three.size(); cut += 7) {
    Serving serving;
    const auto peer = serving.connect();
    peer->send_cut(three, cut);
    serving.loop.run_ready();
    CHECK(peer->received() == kAnswer + kAnswer + kAnswer);
  }
}

TEST_CASE("the next request of a client waits for the answer to the last") {
  Serving serving;
  const auto peer = serving.connect();
  CHECK(serving.ask(*peer, "{\"command\":\"later\"}\n" + kNow).empty());
  CHECK(serving.handled == 1);
  CHECK(peer->paused_by_program());
  const auto other = serving.connect();
  CHECK(serving.ask(*other, kNow) == kAnswer);
  serving.waiting[0]("1");
  serving.loop.run_ready();
  CHECK(peer->received() == "{\"ok\":true,\"result\":1}\n" + kAnswer);
  CHECK(!peer->paused_by_program());
}

TEST_CASE("who hangs up before its turn has withdrawn its request") {
  Serving serving;
  auto peer = serving.network.connect(kPath);
  peer->send(kNow);
  peer->close();
  serving.loop.run_ready();
  CHECK(serving.handled == 0);
  CHECK(serving.server.clients() == 0);

  // The first is under way; the second was not begun when the peer left.
  auto two = serving.connect();
  serving.ask(*two, "{\"command\":\"later\"}\n" + kNow);
  two->close();
  serving.waiting[0]("1");
  serving.loop.run_ready();
  CHECK(serving.handled == 1);
}

TEST_CASE("a request under way is reported every few seconds") {
  Serving serving;
  const auto peer = serving.connect();
  const auto idle = serving.connect();
  serving.ask(*peer, "{\"command\":\"later\"}\n");
  serving.loop.advance(12s);
  CHECK(peer->take_received() == "{\"progress\":{\"seconds\":5}}\n{\"progress\":{\"seconds\":10}}\n");
  serving.waiting[0]("{}");
  serving.loop.advance(60s);
  CHECK(peer->received() == "{\"ok\":true,\"result\":{}}\n");
  CHECK(idle->received().empty());
  CHECK(serving.loop.timers() == 0);
}

TEST_CASE("what is no request is answered with a reason, and the client may go on") {
  Serving serving;
  const auto peer = serving.connect();
  const std::string deep(60000, '[');
  for (const std::string& bad :
       {std::string("hello"), std::string("{"), std::string("[]"), std::string("7"), std::string("\"x\""),
        std::string(""), std::string("\xff\xfe"), std::string("{\"a\":1}x"), std::string(1, '\0'), deep}) {
    const std::string answer = serving.ask(*peer, bad + "\n");
    INFO(bad.substr(0, 20));
    CHECK(answer.starts_with(
        "{\"ok\":false,\"kind\":\"usage\",\"error\":\"a request is a JSON object on one line"));
    CHECK(answer.find('\n') == answer.size() - 1);
  }
  CHECK(serving.handled == 0);
  CHECK(serving.ask(*peer, kNow) == kAnswer);
}

TEST_CASE("a line without end is cut off") {
  Serving serving;
  const auto peer = serving.connect();
  const std::string piece(1000, 'x');
  std::size_t sent = 0;
  while (!peer->closed_by_program() && sent < 10 * kMaxControlRequest) {
    peer->send(piece);
    sent += piece.size();
    serving.loop.run_ready();
  }
  CHECK(peer->closed_by_program());
  CHECK(sent <= kMaxControlRequest + piece.size());
  CHECK(peer->received().find("one line of at most 65536 bytes") != std::string::npos);
  CHECK(serving.server.clients() == 0);
}

TEST_CASE("a line of exactly the longest length is served") {
  Serving serving;
  const auto peer = serving.connect();
  const std::string start = R"({"command":"now","id":"x","p":")";
  const std::string end = R"("})";
  CHECK(serving.ask(*peer, start + std::string(kMaxControlRequest - start.size() - end.size(), 'p') + end +
                               "\n") == kAnswer);
}

TEST_CASE("many requests in one piece do not nest") {
  Serving serving;
  const auto peer = serving.connect();
  std::string many;
  for (int i = 0; i < 2000; ++i) many += kNow;
  CHECK(serving.ask(*peer, many).size() == 2000 * kAnswer.size());
  const std::string blank(60000, '\n');
  serving.ask(*peer, blank);
  CHECK(serving.ask(*peer, kNow).ends_with(kAnswer));
}

TEST_CASE("a client that does not read is served no further") {
  Serving serving;
  const auto peer = serving.connect();
  peer->stop_reading();
  CHECK(serving.ask(*peer, kNow + kNow + kNow).empty());
  serving.loop.advance(1min);
  CHECK(serving.handled == 1);
  peer->resume_reading();
  serving.loop.run_ready();
  CHECK(serving.handled == 3);
}

TEST_CASE("one client too many takes the place of the longest idle one") {
  Serving serving;
  std::vector<std::unique_ptr<FakePeer>> peers;
  for (std::size_t i = 0; i < kMaxControlClients; ++i) peers.push_back(serving.connect());
  CHECK(serving.ask(*peers[0], kNow) == kAnswer);  // no longer the one that has been idle for longest
  const auto another = serving.connect();
  CHECK(serving.server.clients() == kMaxControlClients);
  CHECK(!peers[0]->closed_by_program());
  CHECK(peers[1]->closed_by_program());
  CHECK(serving.ask(*another, kNow) == kAnswer);
}

TEST_CASE("clients with a request under way are not displaced") {
  Serving serving;
  std::vector<std::unique_ptr<FakePeer>> peers;
  for (std::size_t i = 0; i < kMaxControlClients; ++i) {
    peers.push_back(serving.connect());
    serving.ask(*peers.back(), "{\"command\":\"later\"}\n");
  }
  const auto refused = serving.connect();
  CHECK(refused->received() ==
        "{\"ok\":false,\"kind\":\"busy\",\"error\":\"too many clients; try again\"}\n");
  CHECK(refused->closed_by_program());
  for (const auto& peer : peers) CHECK(!peer->closed_by_program());
}

TEST_CASE("an answer to a client that has gone is nobody's") {
  Serving serving;
  auto peer = serving.connect();
  serving.ask(*peer, "{\"command\":\"later\"}\n");
  peer->reset();
  serving.loop.run_ready();
  // While its request is under way the connection is not read; that it has gone shows at the next progress
  // line.
  serving.waiting[0]("{}");
  serving.loop.run_ready();
  CHECK(serving.server.clients() == 0);
}

TEST_CASE("closing lets answers leave and takes nothing more") {
  Serving serving;
  const auto peer = serving.connect();
  const auto slow = serving.connect();
  const auto idle = serving.connect();
  slow->stop_reading();
  serving.ask(*slow, kNow);
  CHECK(serving.ask(*peer, kNow) == kAnswer);
  bool closed = false;
  serving.server.close([&] { closed = true; });
  serving.loop.run_ready();
  CHECK(!closed);
  CHECK(idle->closed_by_program());
  CHECK(serving.network.connect(kPath) == nullptr);
  slow->resume_reading();
  serving.loop.run_ready();
  CHECK(closed);
  CHECK(slow->received() == kAnswer);
}

TEST_CASE("closing does not wait for ever") {
  Serving serving;
  const auto slow = serving.connect();
  slow->stop_reading();
  serving.ask(*slow, kNow);
  bool closed = false;
  serving.server.close([&] { closed = true; });
  serving.loop.advance(1s);
  CHECK(!closed);
  serving.loop.advance(2s);
  CHECK(closed);
}

TEST_CASE("a socket that cannot be had is an error with its path") {
  FakeClock clock;
  FakeLoop loop(clock);
  FakeNetwork network(loop);
  FakeLog log;
  ControlServer server({.network = network, .loop = loop, .log = log, .handler = {}});
  network.refuse_listen("permission denied");
  const Status status = server.listen(kPath);
  REQUIRE(!status.has_value());
  CHECK(status.error().message == format("control socket: listen on {}: permission denied", kPath));
}

TEST_CASE("random bytes from several clients break nothing") {
  const std::uint32_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Serving serving;
  std::vector<std::unique_ptr<FakePeer>> peers;
  const std::string alphabet = "{}[]\",:\\ntrue0123456789\n\n\xff\x00 command now later";
  for (int step = 0; step < 3000; ++step) {
    if (peers.empty() || random() % 8 == 0) peers.push_back(serving.connect());
    const std::size_t which = random() % peers.size();
    switch (random() % 10) {
      case 0:
        peers[which]->close();
        break;
      case 1:
        peers[which]->reset();
        break;
      case 2:
        peers.erase(peers.begin() + static_cast<std::ptrdiff_t>(which));
        break;
      case 3:
        peers[which]->send(kNow);
        break;
      case 4:
        peers[which]->send("{\"command\":\"later\"}\n");
        break;
      case 5:
        for (const auto& answer : std::exchange(serving.waiting, {})) answer("{}");
        break;
      default: {
        std::string bytes;
        for (std::size_t i = random() % 200; i > 0; --i) bytes += alphabet[random() % alphabet.size()];
        peers[which]->send(bytes);
      }
    }
    serving.loop.advance(Duration(random() % 1'000'000'000));
    REQUIRE(serving.server.clients() <= kMaxControlClients);
  }
  for (const auto& answer : std::exchange(serving.waiting, {})) answer("{}");
  serving.loop.run_ready();
  const auto peer = serving.connect();
  CHECK(serving.ask(*peer, kNow) == kAnswer);
}

// A server that streams: the stream is the test's.
struct Streaming {
  FakeClock clock;
  FakeLoop loop{clock};
  FakeNetwork network{loop};
  FakeLog log;
  std::shared_ptr<ControlStream> stream;
  int gone = 0, drained = 0;
  std::optional<ControlServer> server;

  Streaming() {
    server.emplace(ControlServer::Options{
        .network = network,
        .loop = loop,
        .log = log,
        .handler = [](const auto&, auto answer) { answer(std::string("\"plain\"")); },
        .streams =
            [this](const JsonValue& request, const std::shared_ptr<ControlStream>& made) {
              if (request.text_of("command") != "stream") return false;
              stream = made;
              stream->gone = [this] { ++gone; };
              stream->drained = [this] { ++drained; };
              return true;
            }});
    REQUIRE(server->listen(kPath).has_value());
  }
  std::unique_ptr<FakePeer> ask() {
    auto peer = network.connect(kPath);
    peer->send("{\"command\":\"stream\"}\n");
    loop.run_ready();
    REQUIRE(stream);
    return peer;
  }
};

TEST_CASE("a streamed answer is items and then an answer, and the next request is served") {
  Streaming streaming;
  const auto peer = streaming.ask();
  streaming.stream->item("1");
  streaming.stream->item("{\"a\":2}");
  streaming.loop.run_ready();
  CHECK(peer->take_received() == "{\"item\":1}\n{\"item\":{\"a\":2}}\n");
  CHECK(streaming.drained > 0);
  streaming.stream->finish(std::string("3"));
  streaming.stream->item("4");  // too late
  peer->send("{\"command\":\"other\"}\n");
  streaming.loop.run_ready();
  CHECK(peer->received() == "{\"ok\":true,\"result\":3}\n{\"ok\":true,\"result\":\"plain\"}\n");
  CHECK(streaming.gone == 0);
}

TEST_CASE("who streams hears that nobody reads, and that the client has hung up") {
  Streaming streaming;
  const auto peer = streaming.ask();
  peer->stop_reading();
  streaming.stream->item(std::string(1000, '7'));
  streaming.loop.run_ready();
  CHECK(streaming.stream->unsent() > 1000);
  peer->close();
  streaming.loop.run_ready();
  CHECK(streaming.gone == 1);
  CHECK(streaming.stream->unsent() == 0);
  streaming.stream->item("1");
  CHECK(streaming.server->clients() == 0);
}

TEST_CASE("a stream ends with its server, and a client that talks into it goes") {
  Streaming streaming;
  const auto peer = streaming.ask();
  peer->send(std::string(kMaxControlRequest + 1, 'x'));
  streaming.loop.run_ready();
  CHECK(streaming.gone == 1);
  const auto other = streaming.ask();
  streaming.server.reset();
  CHECK(streaming.gone == 2);
  streaming.stream->item("1");
  streaming.stream->finish(std::string("1"));
}

}  // namespace
}  // namespace tidemark
