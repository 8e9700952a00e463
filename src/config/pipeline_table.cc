#include <algorithm>

#include "base/format.h"
#include "config/tables.h"

namespace tidemark {
namespace {

// "on-close", "on-update", "every 5s"
bool read_emit(const Located<std::string>& text, PipelineSettings& pipeline, Diagnostics& diagnostics) {
  const std::string& word = *text;
  if (word == "on-close" || word == "on-update") {
    pipeline.emit = {word == "on-close" ? EmitPolicy::on_close : EmitPolicy::on_update, text.place};
    return true;
  }
  if (word.starts_with("every ")) {
    const Result<Duration> every = parse_duration(std::string_view(word).substr(6));
    if (every && *every >= 1ms) {
      pipeline.emit = {EmitPolicy::every, text.place};
      pipeline.emit_every = *every;
      return true;
    }
    diagnostics.error_inside(text, 6, std::max<std::size_t>(1, word.size() - 6),
                             every ? "the least is \"every 1ms\"" : every.error().message);
    return false;
  }
  diagnostics.error(text.place, format("unknown emit \"{}\"", word),
                    "allowed: \"on-close\" (windows), \"on-update\" (without a window), \"every 5s\"");
  return false;
}

std::string print_emit(const PipelineSettings& pipeline) {
  switch (*pipeline.emit) {
    case EmitPolicy::on_close:
      return "on-close";
    case EmitPolicy::on_update:
      return "on-update";
    case EmitPolicy::every:
      return "every " + to_text(pipeline.emit_every);
  }
  return {};
}

Keys window_keys(WindowSettings& window) {
  Keys keys("window");
  keys.word("type", window.type,
            {{"tumbling", WindowSettings::Type::tumbling},
             {"hopping", WindowSettings::Type::hopping},
             {"cumulating", WindowSettings::Type::cumulating},
             {"session", WindowSettings::Type::session},
             {"count", WindowSettings::Type::count},
             {"absence", WindowSettings::Type::absence},
             {"none", WindowSettings::Type::none}})
      .required()
      .doc("how records are put together in time");
  const auto counts = [&window] { return window.type == WindowSettings::Type::count; };
  keys.extent("size", window.size, window.size_count, counts)
      .at_least(1ms)
      .only_for("type", {"tumbling", "hopping", "cumulating", "count"})
      .required()
      .doc("length of a window, of a cumulating one the longest; of a count, its records, as in 100");
  keys.extent("slide", window.slide, window.slide_count, counts)
      .at_least(1ms)
      .only_for("type", {"hopping", "count"})
      .required_for("type", {"hopping"})
      .doc(
          "a window begins every so often, or after so many records, at most size; of a count, left out: "
          "size");
  keys.duration("step", window.step)
      .at_least(1ms)
      .only_for("type", {"cumulating"})
      .required()
      .doc("a window ends every so often, all with one beginning, until size is reached, a multiple of it");
  keys.duration("offset", window.offset)
      .only_for("type", {"tumbling", "hopping", "cumulating"})
      .doc("windows begin at multiples of size (hopping: of slide) since 1970 in UTC, plus this");
  keys.text("zone", window.zone)
      .only_for("type", {"tumbling", "hopping", "cumulating"})
      .doc(
          "windows are days of this time zone, as in \"Europe/Berlin\", each as long as it is there; left "
          "out: UTC");
  keys.duration("gap", window.gap)
      .at_least(1ms)
      .only_for("type", {"session"})
      .required()
      .doc("a session ends when no record has come for so long");
  keys.duration("max", window.max)
      .only_for("type", {"session"})
      .doc("a session ends at the latest so long after its first record; 0s: whenever");
  keys.duration("timeout", window.timeout)
      .at_least(1ms)
      .only_for("type", {"absence"})
      .required()
      .doc("how long a key may send nothing before it has fallen silent");
  return keys;
}

}  // namespace

Keys pipeline_keys(PipelineSettings& pipeline) {
  Keys keys("pipeline");
  keys.texts("from", pipeline.from).required().doc("the sources or pipelines whose records it reads");
  keys.text("where", pipeline.where).doc("a condition; records for which it is not true are left out");
  keys.texts("derive", pipeline.derive).doc("further fields, as in \"temp * 9 / 5 + 32 AS temp_f\"");
  keys.texts("key_by", pipeline.key_by)
      .doc("what its groups are formed by; left out, all records are one group");
  keys.group("window", window_keys(pipeline.window)).doc("left out: running aggregates without end");
  keys.texts("select", pipeline.select).at_least(1).doc("what a result carries, as in \"count(*) AS n\"");
  keys.text("having", pipeline.having).doc("a condition; results for which it is not true are left out");
  keys.texts("to", pipeline.to).doc("the sinks that results go to");
  keys.text("late_to", pipeline.late_to).doc("the sink that late records go to; left out, they are counted");
  keys.parsed(
          "emit",
          [&pipeline](const Located<std::string>& text, Diagnostics& diagnostics) {
            return read_emit(text, pipeline, diagnostics);
          },
          [&pipeline] { return print_emit(pipeline); })
      .doc(
          "when results leave: on-close with a window, without one on-update; \"every 5s\": what has "
          "changed, that "
          "often, and with a window also its last result when it closes");
  keys.duration("allowed_lateness", pipeline.allowed_lateness)
      .doc("how long after its end a window still takes records, each giving a corrected result");
  keys.word("time", pipeline.time, {{"event", TimeDomain::event}, {"processing", TimeDomain::processing}})
      .doc(
          "which time windows are cut by: the records' own, or that of their arrival; left out, event, for "
          "absence processing");
  keys.word("on_error", pipeline.on_error,
            {{"skip", OnError::skip}, {"dead-letter", OnError::dead_letter}, {"fail", OnError::fail}})
      .doc(
          "a record that an expression fails on is counted and skipped, or sent to dead_letter_to, or the "
          "pipeline stands still at it and tries again, as `restart` says");
  keys.text("dead_letter_to", pipeline.dead_letter_to)
      .doc("the sink for on_error = \"dead-letter\", and for what on_error = \"fail\" sets aside");
  keys.integer("poison_after", pipeline.poison_after)
      .at_least(1)
      .doc("with on_error = \"fail\": after failing so often at one record, the pipeline sets it aside");
  keys.group("restart", restart_keys(pipeline.restart))
      .optional()
      .doc("its own restart strategy; left out, the one of the table [restart]");
  keys.text("uid", pipeline.uid).doc("what its state belongs to; left out, its name");
  keys.duration("ttl", pipeline.ttl)
      .doc(
          "running aggregates and absence: a key without input for so long, by `time`, starts from nothing; "
          "0s: never");
  keys.integer("max_keys", pipeline.max_keys)
      .doc("keys, or keys and windows, that it holds at a time; 0: limits.max_keys");
  keys.word("on_max_keys", pipeline.on_max_keys.value,
            {{"refuse", OnMaxKeys::refuse}, {"evict-oldest", OnMaxKeys::evict_oldest}})
      .doc("records with new keys beyond max_keys are refused, or the key that was made first is forgotten");
  return keys;
}

}  // namespace tidemark
