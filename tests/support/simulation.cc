#include "support/simulation.h"

#include <optional>
#include <utility>

#include "base/invariant.h"
#include "config/loader.h"
#include "pipeline/lookup_reader.h"
#include "pipeline/named_zones.h"
#include "platform/lane.h"
#include "platform/sd_notify.h"
#include "platform/sqlite.h"
#include "support/fake_clock.h"
#include "support/fake_lane.h"
#include "support/fake_loop.h"
#include "support/fake_random.h"
#include "support/sqlite_vfs.h"
#include "support/zone_file.h"

namespace tidemark {
namespace {

// Work waits for a moment that the seed chooses; one job after another.
class InterleavedLane final : public Lane {
 public:
  InterleavedLane(Loop& loop, std::uint64_t seed) : loop_(loop), random_(seed) {}

  void submit(std::function<void()> work, std::function<void()> done) override {
    waiting_.emplace_back(std::move(work), std::move(done));
    if (waiting_.size() == 1) consider();
  }

 private:
  // Now and then real time passes, else only other callbacks have their turn.
  void consider() {
    if (random_.one_in(4)) {
      timer_ = loop_.at(loop_.now() + std::chrono::microseconds(1 + random_.below(3000)), [this] { run(); });
    } else {
      loop_.post([this] { random_.one_in(2) ? consider() : run(); });
    }
  }
  void run() {
    auto [work, done] = std::move(waiting_.front());
    work();
    loop_.post(std::move(done));
    waiting_.pop_front();
    if (!waiting_.empty()) consider();
  }

  Loop& loop_;
  FakeRandom random_;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> waiting_;
  std::unique_ptr<Timer> timer_;
};

// One job after another, each as long as the syncs in it.
class TimedLane final : public Lane {
 public:
  TimedLane(Loop& loop, FaultFiles& disk) : loop_(loop), disk_(disk) {}

  void submit(std::function<void()> work, std::function<void()> done) override {
    waiting_.emplace_back(std::move(work), std::move(done));
    if (waiting_.size() == 1) begin();
  }

 private:
  void begin() {
    disk_.take_delay();
    waiting_.front().first();
    timer_ = loop_.at(loop_.now() + disk_.take_delay(), [this] { finish(); });
  }
  void finish() {
    loop_.post(std::move(waiting_.front().second));
    waiting_.pop_front();
    if (!waiting_.empty()) begin();
  }

  Loop& loop_;
  FaultFiles& disk_;
  std::deque<std::pair<std::function<void()>, std::function<void()>>> waiting_;
  std::unique_ptr<Timer> timer_;
};

class SilentNotifier final : public ServiceNotifier {
 public:
  void ready() override {}
  void status(std::string_view) override {}
  void stopping() override {}
  void watchdog() override {}
  void extend_timeout(Duration) override {}
  bool owes() const override { return false; }
  std::optional<Duration> watchdog_interval() const override { return std::nullopt; }
};

std::unique_ptr<Lane> make_lane(Lanes kind, Loop& loop, FaultFiles& disk, std::uint64_t seed) {
  switch (kind) {
    case Lanes::at_once:
      return std::make_unique<InlineLane>(loop);
    case Lanes::interleaved:
      return std::make_unique<InterleavedLane>(loop, seed);
    case Lanes::timed:
      return std::make_unique<TimedLane>(loop, disk);
  }
  std::unreachable();
}

}  // namespace

struct Machine::Shared {
  std::unique_ptr<FaultFiles> disk;
  FakeClock clock;
  FakeLog log;
  Variables variables;
  std::vector<std::string> servers;
  FakeOutput output;
};

// What a process has; gone with it.
struct Machine::Process {
  Process(Shared& machine, Lanes lanes, std::uint64_t seed)
      : loop(machine.clock),
        network(loop),
        mqtt(loop),
        random(seed),
        vfs(*machine.disk),
        sqlite(make_sqlite_opener(vfs.name())),
        journal_lane(make_lane(lanes, loop, *machine.disk, seed * 2 + 1)),
        bulk_lane(make_lane(lanes, loop, *machine.disk, seed * 2 + 2)),
        platform{machine.clock, loop,    *machine.disk, *journal_lane, *bulk_lane,    network,
                 mqtt,          *sqlite, machine.log,   random,        machine.output} {
    for (const std::string& server : machine.servers) network.serve(server);
  }

  FakeLoop loop;
  FakeNetwork network;
  FakeMqttConnector mqtt;
  FakeRandom random;
  SqliteVfs vfs;
  std::unique_ptr<SqliteOpener> sqlite;
  std::unique_ptr<Lane> journal_lane, bulk_lane;  // work that waits may hold a database open
  SilentNotifier notifier;
  Platform platform;
  std::unique_ptr<Appliance> appliance;
};

LoaderEnvironment simulated_environment(const Variables& variables, FaultFiles* disk = nullptr) {
  LoaderEnvironment environment{
      .host_name = "sim",
      .variable = [variables](const std::string& name) -> std::optional<std::string> {
        if (name == "TIDEMARK_DATA") return "/data";
        const auto set = variables.find(name);
        return set == variables.end() ? std::nullopt : std::optional(set->second);
      },
      .secret_file = [](const std::string& path) -> Result<std::string> { return fail("no file " + path); },
      .named_zones = named_zones,
      .zone_file = [variables](const std::string& name) -> Result<std::string> {
        const auto set = variables.find("zone " + name);
        if (set == variables.end() && name == "Europe/Berlin") return zone_file("CET-1CEST,M3.5.0,M10.5.0/3");
        if (set == variables.end()) return fail("there is no time zone '" + name + "'");
        return zone_file(set->second);
      }};
  if (disk != nullptr)
    environment.lookup = [disk](const LookupSettings& lookup) {
      const SqliteVfs vfs(*disk);
      return read_lookup(*disk, *make_sqlite_opener(vfs.name()), lookup);
    };
  return environment;
}

std::optional<Settings> settings_of(std::string_view config, Diagnostics& diagnostics,
                                    const Variables& variables, FaultFiles* disk) {
  return load_settings({{"sim.toml", std::string(config)}}, simulated_environment(variables, disk),
                       diagnostics);
}

Result<Settings> settings_of(std::string_view config, const Variables& variables, FaultFiles* disk) {
  Diagnostics diagnostics;
  auto settings = settings_of(config, diagnostics, variables, disk);
  if (!settings) return fail(diagnostics.to_text(), Error::Kind::usage);
  return std::move(*settings);
}

Machine::Machine(MachineOptions options, std::unique_ptr<FaultFiles> disk)
    : options_(options), shared_(new Shared{std::move(disk), FakeClock(options.wall_ns), {}, {}, {}, {}}) {}

Machine::~Machine() = default;

Status Machine::boot(std::string_view config, const BootOptions& options) {
  auto settings = settings_of(config, variables(), &disk());
  if (!settings) return pass_on(settings);
  return boot(std::move(*settings), options);
}

Status Machine::boot(Settings settings, const BootOptions& options) {
  invariant(!process_, "one instance at a time");
  process_ = std::make_unique<Process>(*shared_, options_.lanes, options_.seed * 1000 + ++boots_);
  process_->appliance = std::make_unique<Appliance>(
      process_->platform, process_->notifier,
      ApplianceOptions{.settings = std::move(settings),
                       .from = options.from,
                       .abandon_replay = options.abandon_replay,
                       .allow_non_restored_state = options.allow_non_restored_state,
                       .environment = simulated_environment(variables()),
                       .control_socket = "/run/sim.sock",
                       .version = "simulated"});
  auto answer = std::make_shared<std::optional<Status>>();
  process_->appliance->start([answer](Status ready) { *answer = std::move(ready); });
  run_until([&] { return answer->has_value(); }, 10min);
  if (!*answer) *answer = fail(disk().dead() ? "the power went" : "the start came to no end");
  if (!**answer) process_.reset();
  return std::move(**answer);
}

Status Machine::reload(std::string_view config) {
  auto settings = settings_of(config, variables(), &disk());
  if (!settings) {
    process_->appliance->reload_refused(settings.error().message);
    return pass_on(settings);
  }
  auto answer = std::make_shared<std::optional<Status>>();
  process_->appliance->reload(std::move(*settings), [answer](Status done) { *answer = std::move(done); });
  run_until([&] { return answer->has_value(); }, 10min);
  if (!*answer) return fail(disk().dead() ? "the power went" : "the reload came to no end");
  return std::move(**answer);
}

void Machine::crash(Loss loss, std::uint64_t seed) {
  // The disk dies first: what destructors still do is not done.
  shared_->disk->crash();
  process_.reset();
  shared_->disk = shared_->disk->after_crash(loss, seed);
}

Status Machine::stop(bool command) {
  auto answer = std::make_shared<std::optional<Status>>();
  process_->appliance->stop(command, [answer](Status stopped) { *answer = std::move(stopped); });
  return stopped(answer);
}

Status Machine::drain() {
  auto answer = std::make_shared<std::optional<Status>>();
  process_->appliance->drain([answer](Status stopped) { *answer = std::move(stopped); });
  return stopped(answer);
}

Status Machine::stopped(const std::shared_ptr<std::optional<Status>>& answer) {
  run_until([&] { return answer->has_value(); }, 10min);
  if (!*answer) return fail(disk().dead() ? "the power went" : "the stop came to no end");
  process_.reset();
  return std::move(**answer);
}

bool Machine::running() const {
  return process_ != nullptr;
}

void Machine::settle() {
  process_->loop.run_ready();
}
void Machine::advance(Duration d) {
  process_->loop.advance(d);
}

bool Machine::run_until(const std::function<bool()>& holds, Duration limit) {
  bool held = false;
  process_->loop.run_until([&] { return (held = holds()) || shared_->disk->dead(); }, limit);
  return held;
}

Result<CheckpointId> Machine::create_checkpoint() {
  std::optional<Result<CheckpointId>> answer;
  process_->appliance->create_checkpoint([&](Result<CheckpointId> done) { answer = std::move(done); });
  run_until([&] { return answer.has_value(); }, 10min);
  if (!answer) return fail("the checkpoint came to no end");
  return std::move(*answer);
}

Status Machine::create_savepoint(const std::string& path, bool stop) {
  auto opened = disk().open(path, Files::Open::create_new);
  if (!opened) return pass_on(opened);
  const std::shared_ptr<File> file = std::move(*opened);
  auto at = std::make_shared<std::uint64_t>(0);
  SavepointTarget target{.write = [file, at](std::string_view bytes) -> Status {
                           Status written = file->write_at(*at, bytes);
                           *at += bytes.size();
                           return written;
                         },
                         .sync = [file] { return file->sync(); }};
  auto answer = std::make_shared<std::optional<Status>>();
  if (stop)
    process_->appliance->stop_with_savepoint(std::move(target),
                                             [answer](Status done) { *answer = std::move(done); });
  else
    process_->appliance->create_savepoint(std::move(target), [answer](Result<CheckpointId> done) {
      *answer = done ? Status() : pass_on(done);
    });
  run_until([&] { return answer->has_value(); }, 10min);
  if (!*answer) return fail(disk().dead() ? "the power went" : "the savepoint came to no end");
  if (stop) process_.reset();
  if (**answer) return disk().sync_directory(parent_path(path));
  return std::move(**answer);
}

Result<RestoreNoted> Machine::restore(std::string_view config, const RestoreRequest& request) {
  auto settings = settings_of(config, variables());
  if (!settings) return pass_on(settings);
  FakeRandom random(options_.seed * 1000 + 500 + ++boots_);
  const SqliteVfs vfs(disk());
  const auto sqlite = make_sqlite_opener(vfs.name());
  return order_restore({disk(), *sqlite}, random, *settings, request);
}

namespace {

void hold(Lane& lane, bool on) {
  auto* at_once = dynamic_cast<InlineLane*>(&lane);
  invariant(at_once != nullptr, "only a lane that works at once can be held");
  on ? at_once->hold() : at_once->release();
}

}  // namespace

void Machine::hold_journal(bool on) {
  hold(*process_->journal_lane, on);
}
void Machine::hold_bulk(bool on) {
  hold(*process_->bulk_lane, on);
}

Variables& Machine::variables() {
  return shared_->variables;
}
void Machine::serve(const std::string& address) {
  shared_->servers.push_back(address);
}
FaultFiles& Machine::disk() {
  return *shared_->disk;
}
Appliance& Machine::appliance() {
  return *process_->appliance;
}
FakeNetwork& Machine::network() {
  return process_->network;
}
FakeMqttConnector& Machine::mqtt() {
  return process_->mqtt;
}
FakeOutput& Machine::output() {
  return shared_->output;
}
FakeLog& Machine::log() {
  return shared_->log;
}
void Machine::pass(Duration d) {
  shared_->clock.advance(d);
}
MonotonicTime Machine::now() const {
  return shared_->clock.monotonic();
}
JournalTime Machine::wall() const {
  return time_from_ns<JournalTime>(shared_->clock.wall_ns());
}
void Machine::step_wall(Duration d) {
  shared_->clock.step_wall(d);
}
void Machine::set_synchronised(bool synchronised) {
  shared_->clock.set_synchronised(synchronised);
}

bool Machine::disk_has(const std::string& path) const {
  return shared_->disk->exists(path);
}

std::string Machine::file(const std::string& path) const {
  return disk_has(path) ? shared_->disk->content(path) : std::string();
}

std::vector<std::string> Machine::lines(const std::string& path) const {
  const std::string text = file(path);
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::vector<std::string> Machine::query(const std::string& path, const std::string& sql) const {
  return query_database(*shared_->disk, path, sql);
}

std::vector<std::string> query_database(const FaultFiles& disk, const std::string& path,
                                        const std::string& sql) {
  const auto error = [](const std::string& what) { return std::vector<std::string>{"error: " + what}; };
  const auto copy = disk.after_crash(Loss::none);
  if (!copy->exists(path)) return error("no " + path);
  const SqliteVfs vfs(*copy);
  const auto database = make_sqlite_opener(vfs.name())->open(path, {.create = false});
  if (!database) return error(database.error().message);
  const auto statement = (*database)->prepare(sql);
  if (!statement) return error(statement.error().message);
  std::vector<std::string> rows;
  while (true) {
    const auto row = (*statement)->step();
    if (!row) return error(row.error().message);
    if (!*row) return rows;
    const Value value = (*statement)->column(0);
    rows.push_back(value.is_text() ? std::string(value.as_text()) : to_text(value));
  }
}

}  // namespace tidemark
