#include "trial/simulated_machine.h"

#include <optional>
#include <utility>

#include "base/format.h"
#include "platform/lane.h"
#include "platform/mqtt.h"
#include "platform/network.h"
#include "platform/output.h"
#include "platform/platform.h"
#include "platform/random.h"
#include "platform/sd_notify.h"
#include "platform/sqlite.h"

namespace tidemark {
namespace {

// Nobody who runs in a trial comes through these doors.
constexpr const char* kNotThere = "there is none in a test";

class NoNetwork final : public Network {
 public:
  Result<std::unique_ptr<Listener>> listen_tcp(const std::string&,
                                               std::function<void(std::unique_ptr<Connection>)>) override {
    return fail(kNotThere);
  }
  Result<std::unique_ptr<Listener>> listen_unix(const std::string&, unsigned,
                                                std::function<void(std::unique_ptr<Connection>)>) override {
    return fail(kNotThere);
  }
  Result<std::unique_ptr<DatagramSocket>> listen_udp(
      const std::string&, std::uint64_t, std::function<void(std::span<const std::string_view>)>) override {
    return fail(kNotThere);
  }
  std::unique_ptr<Connecting> connect_tcp(const std::string&, Connected) override { return nullptr; }
  Result<std::unique_ptr<Connection>> standard_input() override { return fail(kNotThere); }
};

class NoMqtt final : public MqttConnector {
 public:
  Result<std::unique_ptr<MqttClient>> make(MqttOptions, MqttClient::Events) override {
    return fail(kNotThere);
  }
  Status self_test() override { return {}; }
};

class NoSqlite final : public SqliteOpener {
 public:
  Result<std::unique_ptr<Sqlite>> open(const std::string&, const SqliteOptions&) override {
    return fail(kNotThere);
  }
};

class NoOutput final : public ByteOutput {
 public:
  Status write(std::string_view) override { return {}; }
};

class NoNotifier final : public ServiceNotifier {
 public:
  void ready() override {}
  void status(std::string_view) override {}
  void stopping() override {}
  void watchdog() override {}
  void extend_timeout(Duration) override {}
  bool owes() const override { return false; }
  std::optional<Duration> watchdog_interval() const override { return std::nullopt; }
};

// The same at each run of a test (splitmix64).
class RepeatableRandom final : public Random {
 public:
  explicit RepeatableRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_;
};

// The disk takes no time.
class ImmediateLane final : public Lane {
 public:
  explicit ImmediateLane(Loop& loop) : loop_(loop) {}
  void submit(std::function<void()> work, std::function<void()> done) override {
    work();
    loop_.post(std::move(done));
  }

 private:
  Loop& loop_;
};

}  // namespace

void TrialLog::write(LogLevel level, std::string_view subject, std::string_view message, Fields) {
  keep(level, format("{}: {}", subject, message));
}

void TrialLog::sampled(LogLevel level, std::string_view subject, std::string_view kind,
                       std::string_view message) {
  keep(level, format("{}: {}: {}", subject, kind, message));
}

void TrialLog::keep(LogLevel level, std::string line) {
  constexpr std::size_t kMost = 20;
  if (level < LogLevel::warning) return;
  if (lines_.size() < kMost)
    lines_.push_back(std::move(line));
  else
    ++left_out_;
}

std::vector<std::string> TrialLog::take() {
  if (left_out_ != 0) lines_.push_back(format("and {} more", std::exchange(left_out_, 0)));
  return std::exchange(lines_, {});
}

struct SimulatedMachine::Process {
  Process(SimulatedMachine& machine, std::uint64_t seed)
      : loop(machine.clock_),
        journal_lane(loop),
        bulk_lane(loop),
        random(seed),
        platform{machine.clock_, loop,   machine.disk_, journal_lane, bulk_lane, network,
                 mqtt,           sqlite, machine.log_,  random,       output} {}

  SimulatedLoop loop;
  ImmediateLane journal_lane, bulk_lane;
  NoNetwork network;
  NoMqtt mqtt;
  NoSqlite sqlite;
  RepeatableRandom random;
  NoOutput output;
  NoNotifier notifier;
  Platform platform;
  std::unique_ptr<Appliance> appliance;
};

SimulatedMachine::SimulatedMachine(Settings settings, std::int64_t wall_ns, Outside outside)
    : settings_(std::move(settings)),
      outside_(std::move(outside)),
      clock_(wall_ns),
      begun_(clock_.monotonic()) {}

SimulatedMachine::~SimulatedMachine() {
  disk_.end();
}

Status SimulatedMachine::answered(const std::shared_ptr<std::optional<Status>>& answer,
                                  std::string_view what) {
  process_->loop.run_until([&] { return answer->has_value(); }, 10min);
  if (!*answer) return fail(format("{} came to no end within ten minutes", what));
  return std::move(**answer);
}

Status SimulatedMachine::boot() {
  process_ = std::make_unique<Process>(*this, ++boots_);
  process_->appliance = std::make_unique<Appliance>(process_->platform, process_->notifier,
                                                    ApplianceOptions{.settings = settings_,
                                                                     .from = {},
                                                                     .environment = {},
                                                                     .control_socket = {},
                                                                     .version = "test",
                                                                     .make_source = outside_.make_source,
                                                                     .make_sink = outside_.make_sink});
  auto answer = std::make_shared<std::optional<Status>>();
  process_->appliance->start([answer](Status ready) { *answer = std::move(ready); });
  Status ready = answered(answer, "the start");
  if (!ready) crash(SimulatedFiles::Left::everything);
  return ready;
}

void SimulatedMachine::crash(SimulatedFiles::Left left) {
  // The disk ends first: what destructors would still do is not done.
  disk_.end();
  process_.reset();
  disk_.begin(left);
}

Status SimulatedMachine::stop() {
  auto answer = std::make_shared<std::optional<Status>>();
  process_->appliance->stop(false, [answer](Status stopped) { *answer = std::move(stopped); });
  Status stopped = answered(answer, "the stop");
  process_.reset();
  return stopped;
}

Status SimulatedMachine::drain() {
  auto answer = std::make_shared<std::optional<Status>>();
  process_->appliance->drain([answer](Status stopped) { *answer = std::move(stopped); });
  Status stopped = answered(answer, "the drain");
  process_.reset();
  return stopped;
}

Status SimulatedMachine::take_checkpoint() {
  auto answer = std::make_shared<std::optional<Status>>();
  process_->appliance->create_checkpoint([answer](Result<CheckpointId> taken) {
    *answer = taken ? Status() : Status(std::unexpected(taken.error()));
  });
  return answered(answer, "the checkpoint");
}

void SimulatedMachine::advance(Duration d) {
  if (process_)
    process_->loop.advance(d);
  else
    clock_.advance(d);
}

void SimulatedMachine::settle() {
  if (process_) process_->loop.run_ready();
}

}  // namespace tidemark
