// Savepoints of a running appliance: a checkpoint, copied into one file by the bulk lane, a segment or some
// thousand results a job.
#include <deque>
#include <memory>
#include <set>

#include "base/format.h"
#include "pipeline/undelivered.h"
#include "pipeline/wiring.h"
#include "sinks/stream_ledger.h"

namespace tidemark {

void Appliance::Work::create_savepoint(SavepointTarget target,
                                       std::function<void(Result<CheckpointId>)> done) {
  checkpointer_->request(
      [this, target = std::move(target), done = std::move(done)](Result<CheckpointId> taken) {
        if (!taken) return done(std::move(taken));
        write_savepoint(std::move(target), [done, id = *taken](Status written) {
          if (!written) return done(pass_on(written));
          done(id);
        });
      });
}

namespace {

// Done on the bulk lane, a step at a time.
struct Copy {
  std::shared_ptr<CheckpointStore> store;
  SavepointWriter writer;
  Files& files;
  std::string data_dir;
  std::deque<UndeliveredReader> results;
  std::size_t next_segment = 0;
  bool done = false;
  Status status = {};

  Status step() {
    if (next_segment < writer.segments()) return writer.write_segment(*store, next_segment++);
    if (!results.empty()) {
      auto rows = results.front().next();
      if (!rows) return pass_on(rows);
      const std::string sink = results.front().sink();
      if (!rows->empty()) return writer.write_results(sink, *rows);
      results.pop_front();
      return {};
    }
    if (Status added = add_streams(); !added) return added;
    done = true;
    return writer.finish();
  }

  Status add_streams() {
    const std::string folder = sinks_folder(data_dir);
    auto names = files.list(folder);
    if (!names) return names.error().kind == Error::Kind::not_found ? Status() : pass_on(names);
    for (const std::string& name : *names) {
      const std::string sink = name.substr(0, name.find('.'));
      if (join_path(folder, name) != stream_ledger_path(folder, sink)) continue;
      auto state = StreamLedger(files, join_path(folder, name)).open();
      if (!state) return pass_on(state);
      if (*state) writer.add_stream(sink, encode(**state));
    }
    return {};
  }
};

}  // namespace

// Of the last checkpoint, which stays until it is copied, with the results up to it that wait now.
void Appliance::Work::write_savepoint(SavepointTarget target, std::function<void(Status)> done) {
  const Manifest& manifest = *checkpointer_->last();
  auto copy = std::make_shared<Copy>(Copy{
      .store = store_,
      .writer = SavepointWriter(std::move(target), manifest, {identity_.ancestry, identity_.client_ids, {}}),
      .files = platform_.files,
      .data_dir = data_dir_,
      .results = {}});
  const UndeliveredReader::Past past{identity_.lineage, identity_.ancestry, manifest.position};
  std::set<std::string> known;
  for (const auto& delivery : deliveries_) {
    copy->results.emplace_back(platform_.files, delivery->undelivered(manifest.position), past);
    known.insert(delivery->settings().name);
  }
  for (Delivery::Undelivered& other : other_outboxes(platform_.files, outbox_folder(data_dir_), known))
    copy->results.emplace_back(platform_.files, std::move(other), past);
  checkpointer_->pin(manifest.id);
  auto step = std::make_shared<std::function<void()>>();
  *step = [this, copy, step, done = std::move(done), id = manifest.id, alive = alive_] {
    platform_.bulk_lane.submit([copy] { copy->status = copy->step(); },
                               [this, copy, step, done, id, alive] {
                                 if (!*alive) return;
                                 if (copy->status && !copy->done) return (*step)();
                                 checkpointer_->unpin(id);
                                 done(std::move(copy->status));
                                 // It holds itself; not while it runs.
                                 platform_.loop.post([step] { *step = [] {}; });
                               });
  };
  (*step)();
}

void Appliance::Work::stop_with_savepoint(SavepointTarget target, std::function<void(Status)> stopped) {
  if (phase_ != Phase::running) return stopped(fail("the instance is " + phase_text(), Error::Kind::busy));
  final_savepoint_ = std::move(target);
  stop(false, std::move(stopped));
}

}  // namespace tidemark
