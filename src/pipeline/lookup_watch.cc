#include "pipeline/lookup_watch.h"

#include <algorithm>
#include <utility>

#include "base/format.h"
#include "pipeline/lookup_reader.h"

namespace tidemark {

struct LookupWatch::Watched {
  LookupSettings settings;
  std::string mark;                          // of the file as it was read last; empty: not yet looked at
  std::shared_ptr<const LookupTable> found;  // another table, not yet in force
  std::uint64_t failures = 0;
  std::string trouble;
  std::unique_ptr<Timer> timer;
  bool gone = false;
};

namespace {

// What tells one state of a file from the next. A SQLite database in WAL mode changes beside itself.
std::string mark_of(Files& files, const LookupSettings& lookup) {
  std::string mark;
  for (const char* suffix : {"", "-wal"}) {
    if (*suffix != '\0' && lookup.type != LookupSettings::Type::sqlite) continue;
    const auto status = files.status(*lookup.path + suffix);
    if (status)
      mark += format("{}.{}.{}.{} ", status->identity.device, status->identity.inode, status->size,
                     status->modified_ns);
    else
      mark += "- ";
  }
  return mark;
}

}  // namespace

LookupWatch::LookupWatch(Doors doors, Events events) : doors_(doors), events_(std::move(events)) {}

LookupWatch::~LookupWatch() {
  *alive_ = false;
}

void LookupWatch::use(const std::vector<LookupSettings>& lookups) {
  std::vector<std::shared_ptr<Watched>> before = std::exchange(watched_, {});
  for (const LookupSettings& lookup : lookups) {
    auto watched = std::make_shared<Watched>();
    watched->settings = lookup;
    for (const auto& old : before)
      if (old->settings.name == lookup.name) {
        watched->failures = old->failures;
        const bool same = *old->settings.path == *lookup.path && *old->settings.query == *lookup.query;
        if (same && old->found && lookup.table && old->found->hash() == lookup.table->hash())
          watched->mark = old->mark;
      }
    watched_.push_back(watched);
    schedule(*watched);
  }
  for (const auto& old : before) {
    old->gone = true;
    old->timer.reset();
  }
}

void LookupWatch::schedule(Watched& watched) {
  if (watched.settings.check_every <= 0s) return;
  const auto at = std::ranges::find_if(watched_, [&](const auto& its) { return its.get() == &watched; });
  if (at == watched_.end()) return;
  watched.timer = doors_.loop.at(doors_.loop.now() + std::max<Duration>(watched.settings.check_every, 10ms),
                                 [this, its = std::weak_ptr(*at)] {
                                   if (const auto locked = its.lock(); locked && !locked->gone) look(locked);
                                 });
}

void LookupWatch::look(const std::shared_ptr<Watched>& watched) {
  if (watched->found) {  // and not yet taken
    events_.changed(watched->settings.name, watched->found);
    if (!watched->gone) schedule(*watched);
    return;
  }
  struct Looked {
    std::string mark;
    Result<std::shared_ptr<const LookupTable>> read = std::shared_ptr<const LookupTable>();
  };
  auto looked_at = std::make_shared<Looked>();
  doors_.lane.submit(
      [&files = doors_.files, &sqlite = doors_.sqlite, settings = watched->settings, before = watched->mark,
       looked_at] {
        looked_at->mark = mark_of(files, settings);
        if (looked_at->mark == before) return;
        looked_at->read = read_lookup(files, sqlite, settings);
        // Somebody is writing it.
        if (mark_of(files, settings) != looked_at->mark)
          looked_at->read = fail(*settings.path + " changes while it is read", Error::Kind::busy);
      },
      [this, watched, looked_at, alive = alive_] {
        if (!*alive || watched->gone) return;
        looked(*watched, looked_at->mark, std::move(looked_at->read));
        if (!watched->gone) schedule(*watched);
      });
}

void LookupWatch::looked(Watched& watched, const std::string& mark,
                         Result<std::shared_ptr<const LookupTable>> read) {
  if (mark == watched.mark) return;
  if (!read) {
    // Locked by somebody who writes it: looked at again, and no fault of the file.
    if (read.error().kind == Error::Kind::busy) return;
    watched.mark = mark;
    ++watched.failures;
    watched.trouble = read.error().message;
    return events_.failed(watched.settings.name, read.error());
  }
  watched.mark = mark;
  watched.trouble.clear();
  if (watched.settings.table && (*read)->hash() == watched.settings.table->hash()) return;
  watched.found = std::move(*read);
  events_.changed(watched.settings.name, watched.found);
}

void LookupWatch::refused(const std::string& name, const std::string& why) {
  for (const auto& watched : watched_) {
    if (watched->settings.name != name) continue;
    watched->found.reset();
    ++watched->failures;
    watched->trouble = why;
  }
}

std::vector<LookupReport> LookupWatch::reports() const {
  std::vector<LookupReport> out;
  for (const auto& watched : watched_) {
    const auto& table = watched->settings.table;
    out.push_back({.name = watched->settings.name,
                   .rows = table ? table->rows() : 0,
                   .bytes = table ? table->encoded().size() : 0,
                   .hash = table ? table->hash() : std::string(),
                   .failures = watched->failures,
                   .trouble = watched->trouble});
  }
  return out;
}

}  // namespace tidemark
