#include "pipeline/stored_results.h"

#include <algorithm>
#include <utility>

namespace tidemark {

void StoredResults::open(std::function<void(Result<Found>)> opened) {
  outbox_ = std::make_unique<Outbox>(files_, options_);
  struct Answer {
    Result<Found> found = Found{};
    Outbox::Extent extent;
  };
  auto answer = std::make_shared<Answer>();
  lane_.submit(
      [this, answer] {
        if (Status done = outbox_->open(); !done) {
          answer->found = pass_on(done);
          return;
        }
        answer->found = Found{outbox_->marks(), outbox_->origins(), outbox_->take_reports()};
        answer->extent = outbox_->extent();
      },
      [this, answer, opened = std::move(opened)] {
        set_extent(answer->extent);
        opened(std::move(answer->found));
      });
}

void StoredResults::append(Rows rows, std::uint64_t under_way,
                           std::function<void(Result<Outbox::Appended>)> done) {
  struct Job {
    Rows rows;
    Result<Outbox::Appended> appended = Outbox::Appended{};
    Outbox::Extent extent;
  };
  auto job = std::make_shared<Job>();
  job->rows = std::move(rows);
  lane_.submit(
      [this, job, under_way] {
        job->appended = outbox_->append(job->rows, under_way);
        job->extent = outbox_->extent();
      },
      [this, job, done = std::move(done)] {
        set_extent(job->extent);
        done(std::move(job->appended));
      });
}

void StoredResults::read(std::uint64_t sequence, std::function<void(Result<Part>)> done) {
  auto part = std::make_shared<Result<Part>>();
  lane_.submit(
      [this, part, sequence] {
        Result<Rows> rows = outbox_->read(sequence);
        if (rows)
          *part = Part{std::move(*rows), outbox_->take_reports()};
        else
          *part = pass_on(rows);
      },
      [part, done = std::move(done)] { done(std::move(*part)); });
}

void StoredResults::consume(std::uint64_t sequence, std::function<void(Status)> done) {
  struct Job {
    Status status;
    Outbox::Extent extent;
  };
  auto job = std::make_shared<Job>();
  lane_.submit(
      [this, job, sequence] {
        job->status = outbox_->consume(sequence);
        job->extent = outbox_->extent();
      },
      [this, job, done = std::move(done)] {
        set_extent(job->extent);
        done(std::move(job->status));
      });
  // Known at once, so that nobody reads again what was delivered.
  consumed_ = std::max(consumed_, sequence);
  set_extent(extent_);
}

void StoredResults::set_extent(const Outbox::Extent& extent) {
  extent_ = extent;
  extent_.first = std::min(std::max(extent_.first, consumed_), extent_.end);
}

// What was consumed and is not remembered comes again, which is what such a sink's results may do.
void StoredResults::close(std::function<void()> closed) {
  lane_.submit(
      [this] {
        if (!outbox_) return;
        const Status done = outbox_->close();
        static_cast<void>(done);
      },
      std::move(closed));
}

}  // namespace tidemark
