// A real appliance with the real MQTT library against a broker that behaves as brokers do at their worst:
// every message whose acknowledgement the broker received is counted once, whatever was cut, lost, repeated
// or forgotten in between.
//
// Payloads are identical on purpose, except where a broker gives out ids anew while acknowledgements are in
// doubt: a message with DUP, the same id and the same payload can then not be told from the one before it, by
// anybody.

#include <doctest/doctest.h>

#include <cstdlib>
#include <random>

#include "base/format.h"
#include "base/json.h"
#include "config/loader.h"
#include "pipeline/appliance.h"
#include "platform/mosquitto_client.h"
#include "platform/sd_notify.h"
#include "platform/socket_network.h"
#include "platform/sqlite.h"
#include "redelivery/hurried_loop.h"
#include "support/fake_lane.h"
#include "support/fake_log.h"
#include "support/fake_output.h"
#include "support/fake_random.h"
#include "support/fault_files.h"
#include "support/scripted_broker.h"
#include "support/sqlite_vfs.h"

namespace tidemark {
namespace {

// One broker, and an appliance that dies and comes back on the same disk.
class Plant {
 public:
  Plant(std::uint64_t seed, ScriptedBroker::Behaviour behaviour, std::string protocol, bool journal)
      : seed_(seed),
        random_(seed),
        loop_(clock_),
        network_(make_socket_network(loop_, loop_)),
        broker_(*network_, behaviour),
        mqtt_(make_mosquitto_connector(loop_, loop_)),
        disk_(std::make_unique<FaultFiles>()),
        config_(format("[node]\nname = \"plant\"\ndata_dir = \"data\"\n"
                       "[checkpoint]\ninterval = \"2s\"\nmin_pause = \"1ms\"\n"
                       "[journal]\nenabled = {}\nsync = \"5ms\"\n"
                       "[sources.plant]\ntype = \"mqtt\"\nurl = \"mqtt://127.0.0.1:{}\"\ntopics = [\"#\"]\n"
                       "qos = 1\nkeep_alive = \"600s\"\n{}format = \"json\"\n"
                       "[pipelines.counted]\nfrom = [\"plant\"]\nkey_by = [\"d\"]\n"
                       "select = [\"count(*) AS n\"]\nto = [\"out\"]\n"
                       "[sinks.out]\ntype = \"file\"\npath = \"out.jsonl\"\nflush = \"10ms\"\n",
                       journal ? "true" : "false", broker_.port(), protocol)) {}

  void boot() {
    vfs_ = std::make_unique<SqliteVfs>(*disk_);
    sqlite_ = make_sqlite_opener(vfs_->name());
    journal_lane_ = std::make_unique<InlineLane>(loop_);
    bulk_lane_ = std::make_unique<InlineLane>(loop_);
    platform_.reset(new Platform{clock_, loop_, *disk_, *journal_lane_, *bulk_lane_, *network_, *mqtt_,
                                 *sqlite_, log_, random_, output_});
    Diagnostics diagnostics;
    const LoaderEnvironment environment{
        "plant", [](const std::string&) { return std::nullopt; },
        [](const std::string&) -> Result<std::string> { return fail("no secrets"); }};
    auto settings = load_settings({{"test.toml", config_}}, environment, diagnostics);
    REQUIRE_MESSAGE(settings.has_value(), diagnostics.to_text());
    ApplianceOptions options;
    options.settings = std::move(*settings);
    appliance_ = std::make_unique<Appliance>(*platform_, *notifier_, std::move(options));
    appliance_->start([](const Status& status) {
      REQUIRE_MESSAGE(status.has_value(), (status ? std::string() : status.error().message));
    });
  }

  void crash(Loss loss) {
    disk_->crash();
    appliance_.reset();
    // What was already posted to the loop must find nothing to do it to.
    loop_.run_until([] { return true; });
    disk_ = disk_->after_crash(loss, seed_ + ++crashes_);
  }

  bool run_until(const std::function<bool()>& holds) { return loop_.run_until(holds); }
  void run_for(Duration real) {
    const MonotonicTime end = real_time() + real;
    loop_.run_until([end] { return real_time() >= end; });
  }
  ScriptedBroker& broker() { return broker_; }

  // Everything counted is in the sink: stops in order, then reads the last count of each key.
  std::uint64_t counted() {
    bool stopped = false;
    appliance_->stop(false, [&](const Status&) { stopped = true; });
    REQUIRE(run_until([&] { return stopped; }));
    appliance_.reset();
    const std::string rows = disk_->content("data/out.jsonl");
    std::map<std::string, std::uint64_t> counts;
    std::size_t at = 0;
    while (at < rows.size()) {
      const std::size_t end = rows.find('\n', at);
      REQUIRE(end != std::string::npos);
      const auto row = JsonValue::parse(rows.substr(at, end - at));
      REQUIRE(row.has_value());
      const std::string key(row->text_of("d"));
      // Counts go up by one: no result is missing and none stands there twice.
      REQUIRE_MESSAGE(static_cast<std::uint64_t>(row->integer_of("n")) == counts[key] + 1, "seed ", seed_);
      counts[key] += 1;
      at = end + 1;
    }
    std::uint64_t sum = 0;
    for (const auto& [key, n] : counts) sum += n;
    return sum;
  }
  const FakeLog& log() const { return log_; }

 private:
  std::uint64_t seed_;
  std::uint64_t crashes_ = 0;
  FakeRandom random_;
  HurriedClock clock_;
  HurriedLoop loop_;
  std::unique_ptr<Network> network_;
  ScriptedBroker broker_;
  std::unique_ptr<MqttConnector> mqtt_;
  std::unique_ptr<FaultFiles> disk_;
  std::string config_;
  std::unique_ptr<SqliteVfs> vfs_;
  std::unique_ptr<SqliteOpener> sqlite_;
  std::unique_ptr<InlineLane> journal_lane_, bulk_lane_;
  FakeLog log_;
  FakeOutput output_;
  std::unique_ptr<ServiceNotifier> notifier_ = make_service_notifier();
  std::unique_ptr<Platform> platform_;
  std::unique_ptr<Appliance> appliance_;
};

struct Totals {
  std::uint64_t schedules = 0, messages = 0, resent = 0, crashes = 0, cuts = 0, lost = 0;
};

constexpr const char* kActs[] = {"cut",    "cut",   "lose session", "return to remembered",
                                 "resend", "crash", "crash"};

int number(std::mt19937_64& dice, int from, int to) {
  return from + static_cast<int>(dice() % static_cast<std::uint64_t>(to - from + 1));
}

void run_schedule(std::uint64_t seed, Totals& totals) {
  INFO("seed ", seed, "; repeat with TIDEMARK_SEED=", seed, " TIDEMARK_SCHEDULES=1");
  std::mt19937_64 dice(seed);
  ScriptedBroker::Behaviour behaviour;
  behaviour.window = static_cast<std::size_t>(number(dice, 1, 30));
  behaviour.ids = number(dice, 0, 2) == 0 ? ScriptedBroker::Ids::lowest_free : ScriptedBroker::Ids::counting;
  behaviour.speaks_v5 = number(dice, 0, 3) != 0;
  const std::string protocol = number(dice, 0, 2) == 0 ? "protocol = \"3.1.1\"\n" : "";
  const bool journal = number(dice, 0, 3) != 0;
  const bool identical = behaviour.ids == ScriptedBroker::Ids::counting;
  const bool journal_loses = number(dice, 0, 1) == 0;

  Plant plant(seed, behaviour, protocol, journal);
  ScriptedBroker& broker = plant.broker();
  plant.boot();
  REQUIRE(plant.run_until([&] { return broker.connected(); }));

  const int rounds = number(dice, 3, 8);
  std::string story = format("ids {} window {} v5 {} {} journal {} ", identical ? "counting" : "lowest",
                             behaviour.window, behaviour.speaks_v5, protocol, journal);
  std::uint64_t published = 0;
  for (int round = 0; round < rounds; ++round) {
    const int messages = number(dice, 0, 25);
    for (int i = 0; i < messages; ++i) {
      const std::string own = identical ? std::string() : format(",\"i\":{}", published);
      broker.publish("plant/line", format("{{\"d\":\"d{}\"{}}}", number(dice, 0, 2), own));
      ++published;
    }
    if (number(dice, 0, 2) == 0) {
      broker.remember_session();
      story += " (remembered)";
    }
    if (number(dice, 0, 1) == 0) plant.run_for(std::chrono::microseconds(number(dice, 0, 3000)));

    // A broker that repeats a message within a connection and gives out lowest ids takes the second
    // acknowledgement for that of another message: it deceives itself, and nobody can help it. While ids are
    // given out anew, nothing may put acknowledgements in doubt: identical messages could not be told apart.
    const bool in_doubt = identical && broker.ids_repeat();
    int act = in_doubt ? 9 : number(dice, 0, 7);
    if (act == 4 && !identical) act = 0;
    // After a session that counts as new because it was in doubt, what was remembered of ids is gone: a
    // broker that then falls back to before deceives us.
    if (act == 3 && plant.log().contains("counts as new")) act = 0;
    story += format("\n  +{} messages, {} waiting{}; ", messages, broker.books().waiting,
                    in_doubt ? ", in doubt" : "");
    story += act > 6 ? "wait" : kActs[act];
    switch (act) {
      case 0:
      case 1:
        broker.cut();
        ++totals.cuts;
        break;
      case 2:
        broker.lose_session();
        break;
      case 3:
        broker.return_to_remembered();
        break;
      case 4:
        broker.resend_in_flight();
        break;
      case 5:
      case 6:
        plant.crash(journal_loses ? Loss::all_unsynced : number(dice, 0, 1) == 0 ? Loss::none : Loss::random);
        ++totals.crashes;
        plant.boot();
        break;
      default:
        REQUIRE(plant.run_until([&] { return broker.quiet(); }));
        break;
    }
    if (number(dice, 0, 1) == 0) REQUIRE(plant.run_until([&] { return broker.connected(); }));
  }
  REQUIRE(plant.run_until([&] { return broker.quiet() && broker.connected(); }));

  const ScriptedBroker::Books books = broker.books();
  const std::uint64_t counted = plant.counted();
  INFO(story);
  CHECK(books.published == published);
  CHECK(counted >= books.acknowledged);
  CHECK(counted <= books.acknowledged + books.lost);
  ++totals.schedules;
  totals.messages += published;
  totals.resent += books.resent;
  totals.lost += books.lost;
}

std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : fallback;
}

}  // namespace

TEST_CASE("every message whose acknowledgement the broker received is counted once") {
  const std::uint64_t first = from_environment("TIDEMARK_SEED", 1);
  const std::uint64_t schedules = from_environment("TIDEMARK_SCHEDULES", 2000);
  Totals totals;
  for (std::uint64_t seed = first; seed < first + schedules; ++seed) run_schedule(seed, totals);
  MESSAGE(totals.schedules, " schedules, ", totals.messages, " messages, ", totals.resent, " sent again, ",
          totals.crashes, " crashes, ", totals.cuts, " cut connections, ", totals.lost,
          " lost by the broker itself");
  // A test in which nothing is ever sent again would prove nothing.
  CHECK((schedules < 50 || totals.resent > schedules));
}

}  // namespace tidemark
