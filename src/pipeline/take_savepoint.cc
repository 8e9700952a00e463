// Savepoints of a running appliance: a checkpoint, copied into one file by the bulk lane, a segment a job.
#include <memory>

#include "base/format.h"
#include "pipeline/wiring.h"

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

// Of the last checkpoint, which stays until it is copied.
void Appliance::Work::write_savepoint(SavepointTarget target, std::function<void(Status)> done) {
  const Manifest& manifest = *checkpointer_->last();
  struct Copy {
    std::shared_ptr<CheckpointStore> store;
    SavepointWriter writer;
    std::size_t next = 0;
    Status status = {};
  };
  auto copy = std::make_shared<Copy>(
      Copy{store_, SavepointWriter(std::move(target), manifest, {identity_.ancestry, identity_.client_ids})});
  checkpointer_->pin(manifest.id);
  auto step = std::make_shared<std::function<void()>>();
  *step = [this, copy, step, done = std::move(done), id = manifest.id, alive = alive_] {
    platform_.bulk_lane.submit(
        [copy] {
          const bool last = copy->next >= copy->writer.segments();
          copy->status = last ? copy->writer.finish() : copy->writer.write_segment(*copy->store, copy->next);
          ++copy->next;
        },
        [this, copy, step, done, id, alive] {
          if (!*alive) return;
          if (copy->status && copy->next <= copy->writer.segments()) return (*step)();
          checkpointer_->unpin(id);
          done(std::move(copy->status));
          platform_.loop.post([step] { *step = [] {}; });  // it holds itself; not while it runs
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
