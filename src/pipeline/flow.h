// Flow is the way of a record: from a source into the journal, and on into the engine.
//
// It numbers and stamps what comes in, journals it, shows it to the engine, and decides when sources must
// wait: while the journal or a sink has too much waiting, while the engine closes windows in slices, while a
// snapshot has captured too much. What a source still hands over after it was told to wait (the rest of one
// read) is kept and applied in turn. It also makes time pass when nothing arrives: a tick is journaled when a
// timer is due, and only then. Another plan may come into force between two entries: use() says which engine
// and which sources belong to it. Threads: loop only.  Lifetime: the parts outlive it; an intake lives until
// the use() that no longer names it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "journal/writer.h"
#include "pipeline/arrival_clock.h"
#include "pipeline/engine.h"
#include "platform/loop.h"
#include "platform/random.h"
#include "sources/source.h"

namespace tidemark {

class Flow {
 public:
  struct Parts {
    Loop& loop;
    Clock& clock;
  };
  struct Events {
    std::function<void()> turn;              // between two slices of work: the checkpointer's turn
    std::function<void()> feed_missed;       // a pipeline catches up: the engine waits for what it has missed
    std::function<bool()> hold;              // somebody else wants input to wait
    std::function<void()> hold_overcome;     // sources are waiting because of hold(): help if you can
    std::function<void()> hurry_checkpoint;  // without a journal: something waits for the next checkpoint
    std::function<void()> all_ended;         // every source was bounded and has ended
    // A record is on its way; for those who watch.
    std::function<void(std::size_t source, Position position, const Entry& entry)> passing;
  };

  Flow(Parts parts, Events events);
  ~Flow();

  // Where new entries go and which position they follow. `journal` is null when the journal is off; it
  // outlives the flow.
  void resume_at(JournalWriter* journal, Position after, JournalTime last_time);

  // The way in for a source that is being made. `number`: of its name in the journal's table.
  Intake& make_intake(std::uint16_t number);
  // The engine in force, and its sources in the order of its settings, each with the way in that it was made
  // with.
  struct Inlet {
    Intake* intake;
    Source* source;
  };
  void use(Engine& engine, const std::vector<Inlet>& inlets);

  // A control record of the appliance's own.
  Position control(EntryKind kind, std::string_view payload);
  // From here on, sources may hand over records and time passes.
  void run();
  // No input is taken and no time passes any more; what was taken is still applied.
  void stop();
  // The same for a while: sources are paused, until go_on().
  void suspend();
  void go_on();
  // Everything that was taken has been applied.
  bool settled() const { return !engine_->busy() && backlog_.empty(); }

  // The journal or a sink has come further, or hold() may have changed.
  void progress();
  // What a pipeline has missed can be handed over.
  void missed_ready() { post_work(); }
  // What may be acknowledged has moved: the journal's durable position, or a checkpoint's without a journal.
  void safe(Position position);
  Position appended() const { return appended_; }
  JournalTime now() { return clock_.now(); }
  bool waiting() const { return paused_; }                    // sources are being held
  std::uint64_t received_bytes() const { return received_; }  // payloads and topics

 private:
  class SourceIntake;
  struct Kept {
    Position position;
    Entry entry;
    std::size_t source;
    std::string bytes;  // what the entry's views point into
  };

  Position append(EntryKind kind, const SourceIntake* source, std::string_view payload,
                  std::string_view topic, std::string_view resume);
  void show(Position position, const Entry& entry, std::size_t source);
  void keep(Position position, const Entry& entry, std::size_t source);
  void check_clock();
  bool open() const;
  void work_on();
  void post_work();
  void set_paused(bool paused);
  void schedule_tick();

  Parts parts_;
  Events events_;
  Engine* engine_ = nullptr;
  JournalWriter* journal_ = nullptr;
  ArrivalClock clock_;
  MonotonicTime slice_begun_{};
  JournalTime stamp_{};                                 // of the read at hand
  std::vector<std::unique_ptr<SourceIntake>> intakes_;  // of use(), then those made since
  std::vector<Source*> sources_;
  std::deque<Kept> backlog_;
  Position appended_, safe_;
  std::uint64_t received_ = 0;
  bool running_ = false;
  bool paused_ = true;
  bool refused_ = false;  // a source has asked and was told to wait
  bool work_posted_ = false;
  std::unique_ptr<Timer> tick_;
  std::optional<JournalTime> tick_due_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tidemark
