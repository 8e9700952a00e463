#include "config/tables.h"

namespace tidemark {
namespace {

bool is_node_name(const Located<std::string>& name, Diagnostics& diagnostics) {
  for (const char c : *name)
    if (c == '/' || static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) {
      diagnostics.error(name.place, "a node's name holds no slashes, spaces or control characters",
                        "it is a part of output ids: node/timeline/pipeline/sequence");
      return false;
    }
  return true;
}

}  // namespace

Keys node_keys(NodeSettings& node) {
  Keys keys("node");
  keys.text("name", node.name)
      .check(is_node_name)
      .doc("name of this instance in output ids and metric labels; left out, the host's name");
  keys.text("data_dir", node.data_dir).doc("folder of checkpoints, journal and undelivered results");
  keys.outside_but({});
  return keys;
}

Keys checkpoint_keys(CheckpointSettings& checkpoint) {
  Keys keys("checkpoint");
  keys.word("store", checkpoint.store, {{"files", StoreType::files}, {"sqlite", StoreType::sqlite}})
      .doc("where checkpoints are kept: a folder of files, or one SQLite database");
  keys.word("mode", checkpoint.mode,
            {{"exactly-once", DeliveryMode::exactly_once}, {"at-least-once", DeliveryMode::at_least_once}})
      .doc("exactly-once: results leave when their input is durable; at-least-once: at once, and may repeat");
  keys.duration("interval", checkpoint.interval).at_least(10ms).doc("time from one checkpoint to the next");
  keys.duration("min_pause", checkpoint.min_pause)
      .doc("least time from the end of one to the start of the next");
  keys.duration("timeout", checkpoint.timeout)
      .at_least(10ms)
      .doc("a longer one is abandoned and counted as failed");
  keys.integer("retain", checkpoint.retain)
      .at_least(1)
      .at_most(1000)
      .doc("how many completed checkpoints are kept");
  keys.word("on_stop", checkpoint.delete_on_stop, {{"retain", false}, {"delete", true}})
      .doc("what `tidemark stop` does with the checkpoints; SIGTERM always retains them");
  keys.integer("tolerable_failures", checkpoint.tolerable_failures)
      .doc("failed checkpoints in a row after which the instance says that it is unhealthy");
  keys.outside_but({});
  return keys;
}

Keys journal_keys(JournalSettings& journal) {
  Keys keys("journal");
  keys.flag("enabled", journal.enabled).doc("keep what comes in until no retained checkpoint needs it");
  keys.duration("sync", journal.sync)
      .at_most(1min)
      .doc("longest wait of an input for its fsync, and so for its acknowledgement; \"0\": every batch");
  keys.size("max_size", journal.max_size)
      .at_least(64 << 10)
      .doc("at this size early checkpoints free space, and if that is not enough, sources pause");
  keys.word("compression", journal.compress, {{"lz4", true}, {"none", false}}).doc("of the journal's blocks");
  keys.outside_but({});
  return keys;
}

Keys limit_keys(LimitSettings& limits) {
  Keys keys("limits");
  keys.size("max_record", limits.max_record)
      .at_least(64)
      .at_most(std::int64_t{1} << 30)
      .doc("a longer record is a bad record");
  keys.integer("max_connections", limits.max_connections).at_least(1).doc("peers of one listener at a time");
  keys.integer("max_fields", limits.max_fields).at_least(1).doc("a record with more fields is a bad record");
  keys.integer("max_depth", limits.max_depth)
      .at_least(1)
      .at_most(1024)
      .doc("a record nested deeper is a bad record");
  keys.integer("max_peers", limits.max_peers)
      .at_least(1)
      .doc("names of acknowledged peers remembered a source");
  keys.size("births", limits.births)
      .at_least(1 << 10)
      .doc(
          "what a sparkplug source remembers of births, counted by node, device and metric; a birth beyond "
          "it is not remembered");
  keys.size("min_free", limits.min_free).doc("with less free on the disk, sources pause");
  keys.size("memory", limits.memory)
      .at_least(4 << 10)
      .doc("of the state of all pipelines (keys and aggregates); beyond it new keys are refused and counted");
  keys.integer("max_keys", limits.max_keys)
      .at_least(1)
      .doc("keys, or keys and windows, that a pipeline holds at a time, unless it has a max_keys of its own");
  keys.outside({"max_connections", "max_peers", "min_free"});
  return keys;
}

Keys restart_keys(RestartSettings& restart) {
  using Strategy = RestartSettings::Strategy;
  Keys keys("restart");
  keys.word("strategy", restart.strategy,
            {{"none", Strategy::none},
             {"fixed-delay", Strategy::fixed_delay},
             {"failure-rate", Strategy::failure_rate},
             {"exponential-delay", Strategy::exponential_delay}})
      .doc("when a pipeline with on_error = \"fail\" tries again, and when it counts as FAILED");
  keys.integer("attempts", restart.attempts)
      .at_least(1)
      .only_for("strategy", {"fixed-delay"})
      .doc("failing records it goes on after; at the next one it is FAILED");
  keys.integer("max_failures", restart.max_failures)
      .at_least(1)
      .at_most(1000)
      .only_for("strategy", {"failure-rate"})
      .doc("failing records within `per` it goes on after; at one more it is FAILED");
  keys.duration("per", restart.per)
      .at_least(1ms)
      .only_for("strategy", {"failure-rate"})
      .doc("the time over which max_failures counts");
  keys.duration("delay", restart.delay)
      .only_for("strategy", {"fixed-delay", "failure-rate"})
      .doc("time before each attempt");
  keys.duration("initial", restart.initial)
      .only_for("strategy", {"exponential-delay"})
      .doc("time before the first attempt");
  keys.duration("max", restart.max).only_for("strategy", {"exponential-delay"}).doc("the longest time");
  keys.number("multiplier", restart.multiplier)
      .between(1, 1000)
      .only_for("strategy", {"exponential-delay"})
      .doc("by which the time grows from one failure to the next");
  keys.duration("reset_after", restart.reset_after)
      .only_for("strategy", {"exponential-delay"})
      .doc("after so long without a failure it begins with `initial` again");
  keys.number("jitter", restart.jitter)
      .between(0, 1)
      .only_for("strategy", {"exponential-delay"})
      .doc("the part of a time by which it varies at random, up and down");
  keys.outside({"delay", "initial", "max", "multiplier", "jitter"});  // when, not whether, it tries again
  return keys;
}

Keys log_keys(LogSettings& log) {
  Keys keys("log");
  keys.word("level", log.level,
            {{"trace", "trace"},
             {"debug", "debug"},
             {"info", "info"},
             {"warning", "warning"},
             {"error", "error"}})
      .doc("the least level that is logged");
  keys.word("format", log.format, {{"text", LogFormat::text}, {"json", LogFormat::json}})
      .doc("of a log line");
  keys.outside_but({});
  return keys;
}

}  // namespace tidemark
