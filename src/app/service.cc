#include "app/service.h"

#include <algorithm>
#include <utility>

#include "app/console.h"
#include "app/control_requests.h"
#include "app/status_text.h"
#include "base/format.h"
#include "platform/files.h"
#include "platform/log.h"
#include "platform/loop.h"

namespace tidemark {
namespace {

constexpr std::string_view kSubject = "tidemark";
// How often the service manager is told how it is. The watchdog wants to hear thrice an interval, to be safe.
constexpr Duration kStatusEvery = 10s;
constexpr Duration kWhileOwing = 100ms;

Duration beat_interval(const ServiceNotifier& notifier) {
  const std::optional<Duration> watchdog = notifier.watchdog_interval();
  return watchdog ? std::clamp<Duration>(*watchdog / 3, 1ms, kStatusEvery) : kStatusEvery;
}

}  // namespace

Service::Service(Platform& platform, ServiceNotifier& notifier, Options options)
    : platform_(platform),
      notifier_(notifier),
      options_(std::move(options)),
      beat_every_(beat_interval(notifier)),
      appliance_(platform, notifier, options_.appliance),
      control_({.network = platform.network,
                .loop = platform.loop,
                .log = platform.log,
                .handler = make_control_handler(appliance_,
                                                [this](bool drain, std::function<void(Status)> stopped) {
                                                  platform_.log.info(
                                                      kSubject, drain ? "draining and stopping by command"
                                                                      : "stopping by command");
                                                  stop(true, std::move(stopped), drain);
                                                }),
                .file_handler =
                    make_file_handler(appliance_,
                                      [this](SavepointTarget target, std::function<void(Status)> stopped) {
                                        platform_.log.info(kSubject, "stopping by command, with a savepoint");
                                        stop_with_savepoint(std::move(target), std::move(stopped));
                                      }),
                .streams = make_control_streams(appliance_, platform.loop)}) {}

Service::~Service() = default;

void Service::start() {
  beat();
  // Before the appliance starts, so that `status` answers while it replays.
  listening_ = listen();
  appliance_.on_ended([this] {
    platform_.log.info(kSubject, "every source has ended: stopping");
    stop(false, [](const Status&) {});
  });
  appliance_.start([this](const Status& started) { ready(started); });
}

Status Service::listen() {
  const std::string& path = options_.appliance.control_socket;
  if (Status made = platform_.files.make_directories(parent_path(path)); !made) return made;
  Result<SocketName> name = SocketName::make(path);
  if (!name) return pass_on(name);
  socket_name_.emplace(std::move(*name));
  if (Status listening = control_.listen(socket_name_->text()); !listening) return listening;
  open_to_group(socket_name_->text());
  return {};
}

void Service::ready(const Status& started) {
  if (stopping_) return;  // it was told to stop meanwhile, and says so itself
  // Not earlier: another instance on the directory has the socket too, and that is the better reason.
  if (started && !listening_)
    platform_.log.error(kSubject,
                        format("{}; status, stop and checkpoint commands will not reach this instance",
                               listening_.error().message));
  if (started) {  // the appliance has told the service manager, if that had room for it
    if (notifier_.owes()) beat();
    return;
  }
  platform_.log.error(kSubject, format("cannot start: {}", started.error().message));
  end(exit_code_of(started.error().kind));
}

bool Service::signal(int number) {
  if (std::exchange(signalled_, true)) return false;
  platform_.log.info(kSubject, format("signal {}: stopping; a second one ends it at once", number));
  stop(false, [](const Status&) {});
  return true;
}

void Service::reload() {
  Result<Settings> settings = options_.read_configuration();
  const auto refused = [this](const Error& error) {
    platform_.log.error(kSubject,
                        format("the configuration was read again and refused; everything runs on as it "
                               "was: {}",
                               error.message));
  };
  if (!settings) {
    refused(settings.error());
    return appliance_.reload_refused(settings.error().message);
  }
  platform_.log.info(kSubject, "reading the configuration again");
  appliance_.reload(std::move(*settings), [this, refused](const Status& done) {
    if (!done) return refused(done.error());
    platform_.log.info(kSubject, "the configuration is in force");
    notifier_.status(status_line(appliance_.status()));
  });
}

void Service::stop(bool command, std::function<void(Status)> stopped_too, bool drain) {
  if (ended_) return stopped_too(fail("the instance is ending"));
  if (drain && stopping_)
    return stopped_too(
        fail("the instance is stopping already, without closing its windows", Error::Kind::busy));
  if (drain && appliance_.status().phase != "running")
    return stopped_too(
        fail("nothing can be drained while the instance is " + appliance_.status().phase, Error::Kind::busy));
  waiting_for_stop_.push_back(std::move(stopped_too));
  if (std::exchange(stopping_, true)) return;
  if (drain) return appliance_.drain([this](const Status& status) { stopped(status); });
  appliance_.stop(command, [this](const Status& status) { stopped(status); });
}

void Service::stop_with_savepoint(SavepointTarget target, std::function<void(Status)> stopped_too) {
  if (stopping_ || ended_) return stopped_too(fail("the instance is stopping already", Error::Kind::busy));
  if (!appliance_.running())
    return stopped_too(
        fail("no savepoint can be taken while " + appliance_.status().phase, Error::Kind::busy));
  waiting_for_stop_.push_back(std::move(stopped_too));
  stopping_ = true;
  appliance_.stop_with_savepoint(std::move(target), [this](const Status& status) { stopped(status); });
}

void Service::stopped(const Status& status) {
  if (!status) platform_.log.error(kSubject, format("the stop was not clean: {}", status.error().message));
  for (const auto& waiting : std::exchange(waiting_for_stop_, {})) waiting(status);
  end(status ? ExitCode::done : exit_code_of(status.error().kind));
}

void Service::end(ExitCode code) {
  if (std::exchange(ended_, true)) return;
  exit_ = code;
  // Answers that are written leave first.
  control_.close([this] {
    beat_.reset();
    options_.ended(exit_);
  });
}

// Runs on the loop, so that a loop which no longer turns is noticed.
void Service::beat() {
  notifier_.watchdog();
  if (!ended_) notifier_.status(status_line(appliance_.status()));
  const Duration next = notifier_.owes() ? std::min(kWhileOwing, beat_every_) : beat_every_;
  beat_ = platform_.loop.at(platform_.loop.now() + next, [this] { beat(); });
}

}  // namespace tidemark
