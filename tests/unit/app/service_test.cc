#include "app/service.h"

#include <doctest/doctest.h>

#include "app/configuration.h"
#include "base/json.h"
#include "support/fake_platform.h"

namespace tidemark {
namespace {

constexpr const char* kSocket = "/data/control.sock";

// Counts what the service manager is told.
class FakeNotifier final : public ServiceNotifier {
 public:
  void ready() override { ++readies; }
  void status(std::string_view text) override {
    last_status = text;
    ++statuses;
  }
  void stopping() override { ++stops; }
  void watchdog() override { ++beats; }
  void extend_timeout(Duration) override {}
  bool owes() const override { return owing; }
  std::optional<Duration> watchdog_interval() const override { return 3s; }

  int readies = 0;
  int stops = 0;
  int beats = 0;
  int statuses = 0;
  bool owing = false;
  std::string last_status;
};

// A service on fakes, counting the words of its standard input or of a socket.
struct Running {
  FakePlatform fakes;
  FakeNotifier notifier;
  std::vector<ExitCode> exits;
  std::optional<Service> service;

  explicit Running(StartPoint from = {}, const std::string& source = "type = \"stdin\"") {
    Result<Configuration> configuration = configure(source);
    REQUIRE(configuration.has_value());
    INFO(configuration->diagnostics.to_text());
    REQUIRE(configuration->settings.has_value());
    service.emplace(fakes.platform, notifier,
                    Service::Options{.appliance = {.settings = *configuration->settings,
                                                   .from = from,
                                                   .control_socket = kSocket,
                                                   .version = "1.2.3"},
                                     .ended = [this](ExitCode code) { exits.push_back(code); }});
  }

  Result<Configuration> configure(const std::string& source) {
    REQUIRE(fakes.disk->make_directories("/etc").has_value());
    const std::string text = "[node]\nname = \"n\"\ndata_dir = \"/data\"\n[sources.words]\n" + source +
                             "\nformat = \"csv\"\nfields = [\"word:string\"]\n"
                             "[pipelines.counts]\nfrom = [\"words\"]\nkey_by = [\"word\"]\nselect = "
                             "[\"count(*) AS n\"]\nto = [\"screen\"]\n"
                             "[sinks.screen]\ntype = \"stdout\"\nformat = \"json\"\n";
    REQUIRE(write_file_atomically(*fakes.disk, "/etc/t.toml", text).has_value());
    return read_configuration(*fakes.disk, "/etc/t.toml");
  }

  void start() {
    service->start();
    REQUIRE(fakes.loop.run_until([this] { return notifier.readies > 0 || !exits.empty(); }));
  }
  bool ended() {
    return fakes.loop.run_until([this] { return !exits.empty(); });
  }
  JsonValue ask(FakePeer& peer, const std::string& command) {
    peer.take_received();
    peer.send("{\"command\":\"" + command + "\"}\n");
    REQUIRE(fakes.loop.run_until([&] { return peer.received().find("\"ok\"") != std::string::npos; }));
    const std::string& lines = peer.received();
    const std::size_t last = lines.rfind('\n', lines.size() - 2);
    const Result<JsonValue> answer =
        JsonValue::parse(std::string_view(lines).substr(last == std::string::npos ? 0 : last + 1));
    REQUIRE(answer.has_value());
    return *answer;
  }
};

TEST_CASE("it answers on its control socket what it is") {
  Running running;
  running.start();
  const auto peer = running.fakes.network.connect(kSocket);
  REQUIRE(peer);
  const JsonValue answer = running.ask(*peer, "status");
  REQUIRE(answer.boolean_of("ok"));
  const JsonValue* status = answer.find("result");
  CHECK(status->text_of("phase") == "running");
  CHECK(status->text_of("node") == "n");
  CHECK(status->text_of("version") == "1.2.3");
  REQUIRE(status->find("sources")->items.size() == 1);
  CHECK(status->find("sources")->items[0].text_of("name") == "words");
}

TEST_CASE("checkpoints are taken, listed, shown and verified on request") {
  Running running;
  running.fakes.network.standard_input_peer().send("hello\nhello\n");
  running.start();
  const auto peer = running.fakes.network.connect(kSocket);
  REQUIRE(peer);
  const JsonValue created = running.ask(*peer, "checkpoint-create");
  INFO(created.text_of("error"));
  REQUIRE(created.boolean_of("ok"));
  const std::string id(created.find("result")->text_of("id"));
  CHECK(id == "chk-1");
  const JsonValue listed = running.ask(*peer, "checkpoint-list");
  REQUIRE(listed.find("result")->items.size() == 1);
  CHECK(listed.find("result")->items[0].text_of("id") == id);
  CHECK(listed.find("result")->items[0].boolean_of("ok"));

  const JsonValue shown = running.ask(*peer, "checkpoint-show\",\"id\":\"chk-1");
  REQUIRE(shown.boolean_of("ok"));
  REQUIRE(shown.find("result")->find("pipelines")->items.size() == 1);
  CHECK(shown.find("result")->find("pipelines")->items[0].integer_of("keys") == 1);
  CHECK(running.ask(*peer, "checkpoint-verify\",\"id\":\"chk-1").boolean_of("ok"));

  for (const std::string command : {"checkpoint-show", "checkpoint-verify"}) {
    const JsonValue missing = running.ask(*peer, command + "\",\"id\":\"chk-9");
    CHECK(missing.text_of("kind") == "not_found");
    const JsonValue nonsense = running.ask(*peer, command + "\",\"id\":\"nine");
    CHECK(nonsense.text_of("kind") == "usage");
  }
  CHECK(running.ask(*peer, "dance").text_of("error") == "this instance does not know the command \"dance\"");
}

TEST_CASE("what the service manager had no room for is told again soon, and then no more often than usual") {
  Running running;
  running.notifier.owing = true;
  running.start();
  running.fakes.loop.advance(1s);
  const int told = running.notifier.statuses;
  CHECK(told >= 5);
  running.notifier.owing = false;
  running.fakes.loop.advance(200ms);
  const int settled = running.notifier.statuses;
  running.fakes.loop.advance(900ms);
  CHECK(running.notifier.statuses <= settled + 1);
}

TEST_CASE("the first signal stops it cleanly, the second is the caller's") {
  Running running;
  running.start();
  CHECK(running.service->signal(15));
  CHECK(!running.service->signal(15));
  REQUIRE(running.ended());
  CHECK(running.exits == std::vector<ExitCode>{ExitCode::done});
  CHECK(running.notifier.stops == 1);
  CHECK(running.fakes.network.connect(kSocket) == nullptr);
}

TEST_CASE("stop by command is answered when it has stopped, to everybody who asked") {
  Running running;
  running.start();
  const auto first = running.fakes.network.connect(kSocket);
  const auto second = running.fakes.network.connect(kSocket);
  first->send("{\"command\":\"stop\"}\n");
  second->send("{\"command\":\"stop\"}\n");
  REQUIRE(running.ended());
  CHECK(running.exits == std::vector<ExitCode>{ExitCode::done});
  CHECK(first->received() == "{\"ok\":true,\"result\":{}}\n");
  CHECK(second->received() == "{\"ok\":true,\"result\":{}}\n");
}

TEST_CASE("it ends by itself when all input has ended") {
  Running running;
  running.fakes.network.standard_input_peer().send("hello\nhello\n");
  running.fakes.network.standard_input_peer().close();
  running.service->start();
  REQUIRE(running.ended());
  CHECK(running.exits == std::vector<ExitCode>{ExitCode::done});
  CHECK(running.fakes.output.text() == "{\"word\":\"hello\",\"n\":1}\n{\"word\":\"hello\",\"n\":2}\n");
}

TEST_CASE("a start from a checkpoint that does not exist is not found") {
  Running running({StartPoint::Kind::checkpoint, CheckpointId{7}});
  running.service->start();
  REQUIRE(running.ended());
  CHECK(running.exits == std::vector<ExitCode>{ExitCode::not_found});
  CHECK(running.notifier.readies == 0);
  CHECK(running.fakes.log.contains("cannot start"));
}

TEST_CASE("the watchdog is fed thrice an interval, from the loop") {
  Running running;
  running.start();
  running.fakes.loop.run_ready();
  const int before = running.notifier.beats;
  running.fakes.loop.advance(30s);
  CHECK(running.notifier.beats - before == 30);
  CHECK(running.notifier.last_status.starts_with("running; "));
}

TEST_CASE("without a control socket it runs, and says so") {
  Running running;
  running.fakes.network.refuse_listen("permission denied");
  running.start();
  running.fakes.loop.run_ready();
  CHECK(running.exits.empty());
  INFO(running.fakes.log.text());
  CHECK(running.fakes.log.contains("will not reach this instance"));
}

TEST_CASE("a signal during the start ends the start") {
  Running running;
  running.service->start();
  CHECK(running.service->signal(2));
  REQUIRE(running.ended());
  CHECK(running.exits == std::vector<ExitCode>{ExitCode::done});
}

}  // namespace
}  // namespace tidemark
