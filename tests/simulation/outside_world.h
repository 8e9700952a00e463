// OutsideWorld: everything around a machine that has every kind of source and sink. It outlives the machine
// and its crashes.
//
// Each source is fed records that say which of it they are: v = 1, 2, 3, …
//
//   device   tcp, with acknowledgements; some lines are none, some come late
//   near     unix, with acknowledgements
//   broker   mqtt, QoS 1: delivered again, as duplicates, until acknowledged
//   plant    mqtt like it, Sparkplug B: a node and its device are born, say by alias alone which metric they
//            mean, and are born again with other aliases
//   log      a file that is followed and rotated away twice
//   parts    a file that is read once
//   lines    tcp, without acknowledgements
//   back     tcp: the machine connects
//   gauges   udp
//   pipe     standard input
//
// The last four lose what was on its way when the power goes, and are not asked for it again. The brokers of
// two mqtt sinks and standard output keep what they were given; they are away for a while.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/simulation.h"
#include "support/simulation_peer.h"

namespace tidemark {

class OutsideWorld {
 public:
  static constexpr std::uint64_t kEach = 24;  // records of each source
  static const std::vector<std::string>& sources();
  static bool lossy(const std::string& source);
  // What a source has read when it has been sent everything up to v. Births are more records than one.
  static std::uint64_t records(const std::string& source, std::uint64_t v);

  // A broker's session of a source.
  struct Session {
    bool known = false;
    bool subscribed = false;
    std::set<std::uint16_t> acknowledged;  // by the machine
  };
  // What must be known to go on from a moment with another world and another machine.
  struct Memory {
    SimulatedPeer::Memory device, near;
    std::map<std::string, std::uint64_t> sent;  // of the other sources
    std::map<std::string, Session> sessions;    // of broker and plant
    std::string log;                            // the file's content
    std::uint64_t rotations = 0;
    std::map<std::string, std::vector<std::string>> received;  // by sink: screen, alerts, lossy
  };

  explicit OutsideWorld(Memory memory);
  static void put_files(FaultFiles& disk);

  void connect(Machine& machine);
  // A few more records of each source, up to `each` of it.
  void turn(Machine& machine, std::uint64_t each);
  // The sinks' brokers and standard output take nothing.
  void away(Machine& machine, bool on);
  // Everything was sent, and acknowledged where that is promised.
  bool done(std::uint64_t each) const;
  // What has arrived out here so far.
  Memory memory(Machine& machine);
  std::uint64_t sent(const std::string& source) const;
  // The device's lines that are none.
  const std::vector<std::string>& broken() const { return broken_; }
  std::vector<std::string> violations() const;
  void disconnect();

 private:
  void turn_source_broker(Machine& machine, const std::string& source, std::uint64_t each);
  void turn_sink_brokers(Machine& machine);

  Memory memory_;
  SimulatedPeer device_, near_;
  std::vector<std::string> broken_;
  std::unique_ptr<FakePeer> lines_, back_;
  bool piped_ = false;  // the header has gone into the pipe
  bool away_ = false;
  std::map<std::string, std::size_t> granted_;    // subscriptions, by source
  std::map<std::string, std::size_t> confirmed_;  // the opposite
  std::map<const FakeMqtt*, std::size_t> taken_;  // publications that were answered, or lost
};

}  // namespace tidemark
