// The tables of lookups while everything runs: a file that has changed becomes another configuration, that
// differs from the present one in this table only.
#include <algorithm>

#include "base/format.h"
#include "config/lookups.h"
#include "pipeline/wiring.h"

namespace tidemark {

void Appliance::Work::watch_lookups() {
  lookups_to_trim_ = true;
  if (!lookup_watch_)
    lookup_watch_ = std::make_unique<LookupWatch>(
        LookupWatch::Doors{platform_.loop, platform_.bulk_lane, platform_.files, platform_.sqlite},
        LookupWatch::Events{.changed =
                                [this](const std::string& name, std::shared_ptr<const LookupTable> table) {
                                  exchange_lookup(name, std::move(table));
                                },
                            .failed =
                                [this](const std::string& name, const Error& error) {
                                  platform_.log.error("lookups." + name,
                                                      error.message + "; it goes on with the table it had");
                                }});
  lookup_watch_->use(present_->lookups);
}

void Appliance::Work::exchange_lookup(const std::string& name, std::shared_ptr<const LookupTable> table) {
  if (phase_ != Phase::running || reloading_) return;  // it is handed over again
  Settings next = *present_;
  const auto at = std::ranges::find(next.lookups, name, &LookupSettings::name);
  if (at == next.lookups.end()) return;
  at->table = std::move(table);
  const std::string hash = at->table->hash();
  const std::size_t rows = at->table->rows();
  use_lookup_tables(next);
  // What was said of the configuration file stays true.
  reload(std::move(next), [this, name, hash, rows, before = reload_refused_](Status done) {
    reload_refused_ = before;
    if (done) {
      platform_.log.info("lookups." + name,
                         format("its file has changed: {} row{}, table {}, from position {} on", rows,
                                rows == 1 ? "" : "s", hash, flow_->appended().value));
      return;
    }
    // A sink that takes nothing now may do so at the next look.
    if (done.error().kind == Error::Kind::busy) return;
    platform_.log.error("lookups." + name,
                        "what its file holds now cannot be used, it goes on with the table it "
                        "had: " +
                            done.error().message);
    lookup_watch_->refused(name, done.error().message);
  });
}

// Once what followed a table is older than everything that is retained.
void Appliance::Work::trim_lookups(Position oldest) {
  if (!lookups_to_trim_ || present_->lookups.empty()) return;
  lookups_to_trim_ = false;
  struct Trimmed {
    Result<bool> more = false;
  };
  auto trimmed = std::make_shared<Trimmed>();
  platform_.bulk_lane.submit([this, oldest, trimmed] { trimmed->more = kept_lookups_.trim(oldest); },
                             [this, trimmed, alive = alive_] {
                               if (!*alive) return;
                               if (!trimmed->more)
                                 platform_.log.warning(
                                     "lookups", "old tables stay for now: " + trimmed->more.error().message);
                               if (!trimmed->more || *trimmed->more) lookups_to_trim_ = true;
                             });
}

}  // namespace tidemark
