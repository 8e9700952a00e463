// Outside: what is beyond Tidemark's doors in a trial, and outlives the process: peers that send records,
// and those who get results.
//
// A peer that is told what is durable (mqtt with qos 1, `ack`, a file that is read again) sends the rest once
// more to the next process; any other has sent what it sent, and what was not durable by then is lost. Who
// gets results takes each once, by its number: as a `file` or `sqlite` sink does by itself, and a subscriber
// by the ids. With mode = "at-least-once" numbers mean nothing over a restart, and repetitions stand.
// Threads: one. Lifetime: outlives the sources and sinks that are made for it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/settings.h"
#include "sinks/sink.h"
#include "sources/source.h"

namespace tidemark {

class TrialSource;

// Who sends to one source.
struct TrialPeer {
  struct Message {
    std::string topic, payload;
  };
  std::string name;
  bool is_told = false;           // what is durable
  std::vector<Message> sent;      // from the beginning of the trial
  std::uint64_t handed_over = 0;  // of them, to whatever process
  std::uint64_t gone = 0;         // what was sent up to here will not be sent again
  std::uint64_t lost = 0;         // of that, what no process keeps
  TrialSource* source = nullptr;  // of the process that runs
};

// Who gets the results of one sink.
struct Receiver {
  std::string name;
  bool takes_once = true;
  bool remembers = true;          // the sink itself says what it holds
  std::vector<std::string> rows;  // JSON objects
  std::size_t looked_at = 0;      // of them, by the steps so far
  Holdings holds;
};

class TrialSource final : public Source {
 public:
  TrialSource(SourceContext context, TrialPeer& peer);
  ~TrialSource() override;

  // Hands over what the peer has sent, as far as there is room.
  void deliver();
  // What was handed over should be durable now.
  void hurry() { context_.intake.hurry(); }

  void save(Encoder& out) const override;
  bool load(Decoder& in) override;
  void remember_record(Position position, std::string_view topic, std::string_view payload,
                       std::string_view resume) override;
  void remember_event(Position position, std::string_view payload) override;
  Status start() override;
  void pause() override {}
  void resume() override { deliver(); }
  void safe_moved() override { finish_stop(); }
  void stop(std::function<void()> done) override;
  SourceStatus status() const override;
  std::string summary() const override;

 private:
  void finish_stop();

  SourceContext context_;
  TrialPeer& peer_;
  std::uint64_t taken_ = 0;  // of what the peer has sent, up to the journal's end
  Position last_;
  bool running_ = false;
  std::function<void()> stopped_;
};

std::unique_ptr<Sink> make_trial_sink(SinkContext context, Receiver& receiver);

}  // namespace tidemark
