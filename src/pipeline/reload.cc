// The configuration changes while everything runs: SIGHUP, `tidemark reload`.
//
// Everything that can refuse the new one comes first, and then everything runs as it did. After that: input
// waits, what was taken is applied and delivered, sources and sinks that are changed or gone close, and the
// state goes over to the new plan between two entries of the journal, which says so (evolution.cc). Sources
// and sinks of which nothing has changed keep their connections.
#include <algorithm>
#include <map>
#include <set>

#include "base/format.h"
#include "base/invariant.h"
#include "pipeline/wiring.h"
#include "platform/clock.h"

namespace tidemark {
namespace {

// "TABLE.KEY" -> value of the tables before sources, pipelines and sinks, out of the canonical text: so a key
// that is added to them is compared without being named here.
std::map<std::string, std::string> keys_of(const std::string& canonical) {
  std::map<std::string, std::string> out;
  std::string table;
  for (std::size_t at = 0; at < canonical.size();) {
    const std::size_t end = std::min(canonical.find('\n', at), canonical.size());
    const std::string_view line = std::string_view(canonical).substr(at, end - at);
    at = end + 1;
    if (line.starts_with('[')) {
      table = line.substr(1, line.find(']') - 1);
    } else if (const std::size_t is = line.find(" = ");
               is != std::string_view::npos && !table.contains('.')) {
      out[format("{}.{}", table, line.substr(0, is))] = line.substr(is + 3);
    }
  }
  return out;
}

// What only a start can change.
bool needs_start(std::string_view key) {
  static const std::set<std::string_view> kChangeable = {
      "checkpoint.interval", "checkpoint.min_pause", "checkpoint.timeout",
      "checkpoint.retain",   "checkpoint.on_stop",   "checkpoint.tolerable_failures"};
  return !kChangeable.contains(key) && !key.starts_with("restart.");
}

std::string needing_start(const Settings& before, const Settings& after) {
  const auto was = keys_of(before.canonical_text), is = keys_of(after.canonical_text);
  std::set<std::string> changed;
  for (const auto& [key, value] : was)
    if (const auto at = is.find(key); at == is.end() || at->second != value) changed.insert(key);
  for (const auto& [key, value] : is)
    if (!was.contains(key)) changed.insert(key);
  std::string out;
  for (const std::string& key : changed)
    if (needs_start(key)) out += (out.empty() ? "" : ", ") + key;
  return out;
}

template <class T>
std::vector<std::uint64_t> digests(const std::vector<T>& tables) {
  std::vector<std::uint64_t> out;
  for (const T& table : tables) out.push_back(table.digest);
  return out;
}

bool nothing_changed(const Settings& before, const Settings& after) {
  return before.canonical_text == after.canonical_text && before.fingerprint == after.fingerprint &&
         digests(before.sources) == digests(after.sources) && digests(before.sinks) == digests(after.sinks);
}

}  // namespace

void Appliance::Work::reload(Settings settings, std::function<void(Status)> done) {
  if (phase_ != Phase::running || reloading_)
    return done(fail("the configuration cannot be changed while this instance is " +
                         (reloading_ ? std::string("changing it") : phase_text()),
                     Error::Kind::busy));
  reloading_ = true;
  platform_.loop.post(
      [this, settings = std::move(settings), done = std::move(done), alive = alive_]() mutable {
        if (*alive) procedure_ = change_configuration(std::move(settings), std::move(done));
      });
}

void Appliance::Work::reload_refused(const std::string& why) {
  reload_refused_ = why;
}

Procedure Appliance::Work::change_configuration(Settings settings, std::function<void(Status)> done) {
  const auto next = std::make_shared<const Settings>(std::move(settings));
  const auto timer = std::make_shared<std::unique_ptr<Timer>>();

  // --- Whatever can be refused without touching anything.
  if (const std::string keys = needing_start(*present_, *next); !keys.empty())
    co_return reloaded(fail("a change of these needs a restart: " + keys, Error::Kind::usage), done);
  Diagnostics diagnostics;
  std::unique_ptr<Plan> plan = make_plan(*next, diagnostics);
  if (!plan)
    co_return reloaded(fail("the configuration does not hold:\n" + diagnostics.to_text(), Error::Kind::usage),
                       done);
  if (nothing_changed(*present_, *next)) {
    platform_.log.info("configuration", "read again: nothing has changed");
    co_return reloaded({}, done);
  }

  // --- Input waits; what was taken is applied, and no checkpoint is under way. Then it is known what state
  // there is.
  flow_->suspend();
  checkpointer_->stop_timer();
  Later<bool> quiet = until(
      platform_.loop, platform_.loop.now() + settings_.checkpoint.timeout + 5s,
      [this] {
        checkpointer_->turn();
        return flow_->settled() && !checkpointer_->under_way();
      },
      timer);
  Status refused;
  if (!co_await quiet)
    refused =
        fail("a sink or the disk does not take what is waiting; try again when it does", Error::Kind::busy);
  if (refused) refused = check_evolution(*plan);

  // --- Results go out, or into the outboxes: what changes can then be closed.
  if (refused && !journal_) {
    Later<Result<CheckpointId>> checkpoint(platform_.loop,
                                           [this](std::function<void(Result<CheckpointId>)> taken) {
                                             checkpointer_->request(std::move(taken));
                                           });
    if (Result<CheckpointId> taken = co_await checkpoint; !taken) refused = pass_on(taken);
  }
  if (refused) {
    if (journal_) journal_->sync_now();
    for (auto& delivery : deliveries_) delivery->flush_through(engine_->position());
    Later<bool> drained = until(
        platform_.loop, platform_.loop.now() + settings_.checkpoint.timeout, [this] { return drained_all(); },
        timer);
    if (!co_await drained)
      refused = fail("a sink and its outbox do not take what is waiting; try again when they do",
                     Error::Kind::busy);
  }

  // --- What a recovery needs, durably, before anything refers to it.
  if (refused) {
    name_clients(*next);
    Later<Status> stored(platform_.loop, [&](std::function<void(Status)> then) {
      auto status = std::make_shared<Status>();
      platform_.bulk_lane.submit(
          [this, next, status, identity = identity_, at = flow_->appended()] {
            *status = store_configuration(*next, at);
            if (*status) *status = write_identity(platform_.files, data_dir_, identity);
          },
          [status, then = std::move(then)] { then(std::move(*status)); });
    });
    refused = co_await stored;
  }
  if (!refused) {
    checkpointer_->run();
    flow_->go_on();
    co_return reloaded(std::move(refused), done);
  }

  // --- Sources that change or go: they acknowledge what is safe, and close. From here on there is no way
  // back, and none is needed.
  const auto closing = std::make_shared<std::size_t>(0);
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (!stays(i, *next)) {
      ++*closing;
      sources_[i]->stop([closing] { --*closing; });
    }
  if (journal_) journal_->sync_now();
  Later<bool> closed = until(
      platform_.loop, platform_.loop.now() + 30s,
      [this, closing] { return *closing == 0 && flow_->settled() && !checkpointer_->under_way(); }, timer);
  if (!co_await closed)
    platform_.log.warning("configuration",
                          "a source that changes did not come to its end in time; it is cut");

  // --- The new sinks, beside those that stay; results of the old plan still find their way.
  options_.settings = *next;
  present_ = next;
  present_plan_ = std::move(plan);
  number_on_present_timeline();
  const std::vector<Delivery*> stale = stale_deliveries();
  for (Delivery* delivery : stale) delivery->flush_through(engine_->position());
  Later<bool> written = until(
      platform_.loop, platform_.loop.now() + 30s, [stale] { return idle(stale); }, timer);
  co_await written;
  Later<bool> sinks_closed = close_deliveries(stale);
  co_await sinks_closed;
  remake_deliveries(stale);

  // --- The switch: nothing comes between the new engine and the entry that says so.
  while (!flow_->settled() || checkpointer_->under_way()) {
    Later<bool> settled = until(
        platform_.loop, platform_.loop.now() + 1s,
        [this] { return flow_->settled() && !checkpointer_->under_way(); }, timer);
    co_await settled;
  }
  restarts_.reset();
  missed_.reset();
  const Status switched = put_in_force({present_, std::move(present_plan_), present_name()});
  invariant(switched.has_value(), "state that runs can be taken over by a plan that was checked against it");
  configuration_changed_ = true;
  if (recorded_ != present_name()) {
    platform_.log.info("configuration", format("{} takes over from {} at position {}", present_name(),
                                               recorded_, flow_->appended().next().value));
    recorded_ = present_name();
    flow_->control(EntryKind::configuration, recorded_);
  }
  watch_pipelines();
  watch_lookups();
  open_deliveries();
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if (sources_made_from_[i] == present_)
      if (const Status begun = sources_[i]->start(); !begun) {
        reports_.push_back("source \"" + present_->sources[i].name + "\": " + begun.error().message);
        platform_.log.error("sources." + present_->sources[i].name, begun.error().message);
      }
  checkpointer_->run();
  reloaded({}, done);
  checkpointer_->request();
  flow_->go_on();
  journal_moved();
}

bool Appliance::Work::drained_all() const {
  return std::ranges::all_of(
      deliveries_, [this](const auto& delivery) { return delivery->delivered_through(engine_->position()); });
}

// Whether the running source with this index goes on under the next configuration.
bool Appliance::Work::stays(std::size_t source, const Settings& next) const {
  const SourceSettings& mine = in_force_.settings->sources[source];
  const bool holds_as_long =
      settings_.journal.enabled || *in_force_.settings->checkpoint.interval == *next.checkpoint.interval;
  return holds_as_long && std::ranges::any_of(next.sources, [&](const SourceSettings& its) {
           return its.name == mine.name && its.digest == mine.digest;
         });
}

void Appliance::Work::reloaded(Status status, const std::function<void(Status)>& done) {
  reloading_ = false;
  if (status) {
    reload_refused_.clear();
    loaded_ns_ = platform_.clock.wall_ns();
  } else {
    reload_refused_ = status.error().message;
  }
  done(std::move(status));
  if (stop_after_reload_) std::exchange(stop_after_reload_, {})();
}

}  // namespace tidemark
