#include "app/command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <functional>
#include <memory>
#include <string_view>

#include "base/format.h"
#include "base/json.h"
#include "base/nearest.h"

namespace tidemark {
namespace {

// What CLI11 collects, before it is made into a CommandLine.
struct Words {
  std::string config = kDefaultConfigPath;
  bool json = false;
  std::string from = "latest";
  bool abandon_replay = false;
  bool compare = false;
  bool allow_non_restored_state = false;
  bool version = false;
  bool drain = false;
  std::string reference;
  std::vector<std::string> references;
  std::string file;
  bool stop = false;
  bool discard_later = false;
  std::string until;
  std::string to, pipeline, name, state_from;
  std::vector<std::string> keys;
  bool force = false;
  bool once = false;
  std::string interval = "2s";
  std::string input, source, other_config;
  std::uint64_t limit = 0;
};

// The leaf command that was chosen, and how its words become the command.
using MakeCommand = std::function<std::expected<CommandLine, std::string>(const Words&)>;

struct Grammar {
  CLI::App root{
      "Tidemark counts, averages and alerts on streams of records, and goes on after a crash where it was.",
      "tidemark"};
  Words words;
  std::vector<std::pair<CLI::App*, MakeCommand>> leaves;
};

std::expected<CheckpointName, std::string> checkpoint_name(const std::string& text) {
  if (text == "latest") return CheckpointName{};
  const Result<CheckpointId> id = parse_checkpoint_id(text);
  if (id) return CheckpointName{*id};
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string::npos)
    return std::unexpected(format("\"{}\" names no checkpoint; did you mean \"chk-{}\"?", text, text));
  return std::unexpected(format("\"{}\" names no checkpoint; write latest or chk-N, as in chk-42", text));
}

// A checkpoint that is mistyped is no savepoint: a path has a slash or a dot.
bool is_path(const std::string& text) {
  return text.find_first_of("/.") != std::string::npos;
}

template <class Command>
std::expected<CommandLine, std::string> plain_command(const Words& words, Command command) {
  return CommandLine{words.config, words.json, std::move(command)};
}

std::expected<CommandLine, std::string> make_run(const Words& words) {
  RunCommand command;
  command.abandon_replay = words.abandon_replay;
  command.allow_non_restored_state = words.allow_non_restored_state;
  if (words.from == "none") {
    command.from.kind = StartPoint::Kind::none;
  } else if (words.from != "latest") {
    const Result<CheckpointId> id = parse_checkpoint_id(words.from);
    if (!id && !is_path(words.from))
      return std::unexpected(
          format("--from \"{}\": write latest, none, chk-N, as in chk-42, or the path of a "
                 "savepoint, as in ./{}",
                 words.from, words.from));
    if (id)
      command.from = {StartPoint::Kind::checkpoint, *id};
    else
      command.from = {StartPoint::Kind::savepoint, {}, words.from};
  }
  if (command.abandon_replay && command.from.kind == StartPoint::Kind::none)
    return std::unexpected(
        "--from none starts empty: there is no replay that --abandon-replay could leave out");
  return plain_command(words, std::move(command));
}

std::expected<CommandLine, std::string> make_show(const Words& words) {
  auto name = checkpoint_name(words.reference);
  if (!name) return std::unexpected(std::move(name.error()));
  return plain_command(words, CheckpointShowCommand{*name});
}

std::expected<CommandLine, std::string> make_verify(const Words& words) {
  CheckpointVerifyCommand command;
  for (const std::string& reference : words.references) {
    auto name = checkpoint_name(reference);
    if (!name) return std::unexpected(std::move(name.error()));
    command.names.push_back(*name);
  }
  return plain_command(words, std::move(command));
}

std::expected<CommandLine, std::string> make_resume(const Words& words) {
  return plain_command(words, PipelineResumeCommand{words.reference});
}

// A time with its zone, or a position.
std::optional<std::string> read_until(const std::string& text, RestoreRequest& request) {
  if (!text.empty() && text.size() < 19 && text.find_first_not_of("0123456789") == std::string::npos) {
    request.follow = RestoreOrder::Follow::until_position;
    request.until_position.value = std::stoull(text);
    return std::nullopt;
  }
  const Result<std::int64_t> time = parse_rfc3339(text);
  if (!time)
    return format(
        "--until \"{}\": write a time with its zone, as in 2026-03-01T12:00:00Z or "
        "2026-03-01T13:00:00+01:00, or a position of the journal",
        text);
  request.follow = RestoreOrder::Follow::until_time;
  request.until_time = time_from_ns<JournalTime>(*time);
  return std::nullopt;
}

std::expected<CommandLine, std::string> make_restore(const Words& words) {
  RestoreCommand command;
  command.reference = words.reference;
  const Result<CheckpointId> id = parse_checkpoint_id(words.reference);
  if (id)
    command.request.checkpoint = *id;
  else if (is_path(words.reference))
    command.request.savepoint = words.reference;
  else if (words.reference != "latest")
    return std::unexpected(
        format("\"{}\": write latest, chk-N, as in chk-42, or the path of a savepoint, as in "
               "./{}",
               words.reference, words.reference));
  if (words.discard_later && !words.until.empty())
    return std::unexpected("--discard-later replays nothing, --until replays up to a time: take one of them");
  if (words.discard_later) command.request.follow = RestoreOrder::Follow::nothing;
  if (!words.until.empty())
    if (auto mistake = read_until(words.until, command.request)) return std::unexpected(std::move(*mistake));
  return plain_command(words, std::move(command));
}

std::expected<CommandLine, std::string> make_savepoint(const Words& words) {
  return plain_command(words, SavepointCreateCommand{words.file, words.stop});
}

std::expected<CommandLine, std::string> make_export(const Words& words) {
  auto name = checkpoint_name(words.reference);
  if (!name) return std::unexpected(std::move(name.error()));
  return plain_command(words, CheckpointExportCommand{*name, words.to, words.pipeline, words.force});
}

std::expected<CommandLine, std::string> make_delete(const Words& words) {
  auto name = checkpoint_name(words.reference);
  if (!name) return std::unexpected(std::move(name.error()));
  return plain_command(words, CheckpointDeleteCommand{*name, words.force});
}

std::expected<CommandLine, std::string> make_state_get(const Words& words) {
  StateGetCommand command;
  command.pipeline = words.pipeline;
  for (const std::string& key : words.keys) {
    const std::size_t equals = key.find('=');
    if (equals == std::string::npos || equals == 0)
      return std::unexpected(format("--key \"{}\": write COLUMN=VALUE, as in --key device=press-1", key));
    command.keys.emplace_back(key.substr(0, equals), key.substr(equals + 1));
  }
  if (!words.state_from.empty()) {
    auto name = checkpoint_name(words.state_from);
    if (!name) return std::unexpected("--from " + name.error());
    command.from = *name;
  }
  return plain_command(words, std::move(command));
}

std::expected<CommandLine, std::string> make_state_drop(const Words& words) {
  return plain_command(words, StateDropCommand{words.pipeline});
}

std::expected<CommandLine, std::string> make_check(const Words& words) {
  if (words.input.empty() && !words.source.empty())
    return std::unexpected("--source names the source of the records of --input FILE");
  if (!words.input.empty() && words.json)
    return std::unexpected(
        "--input prints results, one JSON object a line; --json is for the report of mistakes");
  return plain_command(words, CheckCommand{words.input, words.source});
}

std::expected<CommandLine, std::string> make_test(const Words& words) {
  return plain_command(words, TestCommand{words.references});
}

std::expected<CommandLine, std::string> make_replay(const Words& words) {
  ReplayCommand command{.from = std::nullopt,
                        .until = words.until,
                        .configuration = words.other_config,
                        .drain = words.drain,
                        .compare = words.compare};
  if (words.compare && words.other_config.empty())
    return std::unexpected("--compare needs --config OTHER: the configuration to compare with");
  if (!words.state_from.empty()) {
    auto name = checkpoint_name(words.state_from);
    if (!name) return std::unexpected("--from " + name.error());
    command.from = *name;
  }
  return plain_command(words, std::move(command));
}

std::expected<CommandLine, std::string> make_top(const Words& words) {
  const Result<Duration> interval = parse_duration(words.interval);
  if (!interval) return std::unexpected("--interval: " + interval.error().message);
  if (*interval < 100ms) return std::unexpected("--interval: the least is 100ms");
  return plain_command(words, TopCommand{words.once, *interval});
}

std::expected<CommandLine, std::string> make_tap(const Words& words) {
  return plain_command(words, TapCommand{words.name, words.limit});
}

std::expected<CommandLine, std::string> make_stop(const Words& words) {
  return plain_command(words, StopCommand{words.drain});
}

template <class Command>
MakeCommand make_plain() {
  return [](const Words& words) { return plain_command(words, Command{}); };
}

struct Leaf {
  const char* name;
  const char* does;
  const char* footer;  // exit codes where they need saying, and examples
  bool configured = true;
  bool json = false;
};

CLI::App* add_leaf(Grammar& grammar, CLI::App& parent, const Leaf& leaf, MakeCommand make) {
  CLI::App* app = parent.add_subcommand(leaf.name, leaf.does);
  app->footer(leaf.footer);
  app->allow_extras();  // told apart in unexpected_word(), with the word that was meant
  if (leaf.configured)
    app->add_option("-c,--config", grammar.words.config,
                    format("configuration; conf.d/*.toml beside it is read after it\n(default {})",
                           kDefaultConfigPath))
        ->type_name("FILE");
  if (leaf.json)
    app->add_flag("--json", grammar.words.json, "print JSON, for programs")->disable_flag_override();
  grammar.leaves.emplace_back(app, std::move(make));
  return app;
}

void add_run(Grammar& grammar) {
  CLI::App* run = add_leaf(
      grammar, grammar.root,
      {.name = "run",
       .does = "Run in the foreground, on from where it was",
       .footer = "Goes on from the newest checkpoint that verifies and replays the journal after it.\n"
                 "Ends when every source has ended (files, standard input), or is told to stop.\n"
                 "SIGTERM or SIGINT: a clean stop with a final checkpoint; a second one: exit at once.\n"
                 "SIGHUP: reads the configuration again; one that does not hold changes nothing.\n\n"
                 "Examples:\n"
                 "  tidemark run -c tidemark.toml\n"
                 "  tidemark run -c tidemark.toml --from chk-42\n"
                 "  tidemark run -c tidemark.toml --from none"},
      make_run);
  run->add_option("--from", grammar.words.from,
                  "start from `latest` (default), `chk-N` or a savepoint's path,\n"
                  "replaying the journal after it, or from `none`: empty, setting\nall state aside")
      ->type_name("REF");
  run->add_flag("--abandon-replay", grammar.words.abandon_replay,
                "do not replay what was journaled after the checkpoint:\nit is not counted")
      ->disable_flag_override();
  run->add_flag("--allow-non-restored-state", grammar.words.allow_non_restored_state,
                "drop the state of pipelines that are no longer configured,\nand results kept for sinks that "
                "are gone")
      ->disable_flag_override();
}

void add_checkpoint(Grammar& grammar) {
  CLI::App* group =
      grammar.root.add_subcommand("checkpoint", "Take, list, show, verify, export and delete checkpoints");
  group->allow_extras();
  group->require_subcommand(0, 1);
  group->footer(
      "Examples:\n"
      "  tidemark checkpoint create\n"
      "  tidemark checkpoint list\n"
      "  tidemark checkpoint show chk-42\n"
      "  tidemark checkpoint verify");
  add_leaf(
      grammar, *group,
      {.name = "create",
       .does = "Have the running instance take a checkpoint now, and print its name",
       .footer =
           "Examples:\n  tidemark checkpoint create\n  tidemark checkpoint create -c tidemark.toml --json",
       .json = true},
      make_plain<CheckpointCreateCommand>());
  add_leaf(
      grammar, *group,
      {.name = "list",
       .does = "List the checkpoints there are, oldest first",
       .footer = "Asks the running instance, or reads the data directory when none runs.\n\n"
                 "Examples:\n  tidemark checkpoint list\n  tidemark checkpoint list -c tidemark.toml --json",
       .json = true},
      make_plain<CheckpointListCommand>());
  CLI::App* show = add_leaf(
      grammar, *group,
      {.name = "show",
       .does = "Show what a checkpoint holds",
       .footer = "Exit code 3: there is no such checkpoint.\n\n"
                 "Examples:\n  tidemark checkpoint show latest\n  tidemark checkpoint show chk-42 --json",
       .json = true},
      make_show);
  show->add_option("REF", grammar.words.reference, "chk-N, or latest")->required()->type_name("");
  CLI::App* verify = add_leaf(
      grammar, *group,
      {.name = "verify",
       .does = "Read everything that checkpoints consist of and check every checksum",
       .footer = "Exit code 1: one of them does not verify; 3: there is no such checkpoint.\n\n"
                 "Examples:\n  tidemark checkpoint verify\n  tidemark checkpoint verify chk-41 chk-42",
       .json = true},
      make_verify);
  verify->add_option("REF", grammar.words.references, "chk-N, or latest; none: all of them")->type_name("");
  CLI::App* export_ = add_leaf(
      grammar, *group,
      {.name = "export",
       .does = "Write the state that a checkpoint holds as ordinary tables",
       .footer = "A row a key and window, a column an aggregate. The ending of FILE says what is written:\n"
                 ".sqlite or .db (a table a pipeline), .csv (one pipeline), .jsonl (JSON lines).\n"
                 "Exit code 3: there is no such checkpoint, or no such pipeline in it.\n\n"
                 "Examples:\n"
                 "  tidemark checkpoint export latest --to state.sqlite\n"
                 "  tidemark checkpoint export chk-42 --to totals.csv --pipeline totals"},
      make_export);
  export_->add_option("REF", grammar.words.reference, "chk-N, or latest")->required()->type_name("");
  export_->add_option("--to", grammar.words.to, "the file to write")->required()->type_name("FILE");
  export_->add_option("--pipeline", grammar.words.pipeline, "only the state of this one")->type_name("NAME");
  export_->add_flag("--force", grammar.words.force, "replace FILE where it exists")->disable_flag_override();
  CLI::App* remove = add_leaf(
      grammar, *group,
      {.name = "delete",
       .does = "Delete a checkpoint",
       .footer =
           "Refuses the last one that verifies, and the newest of a running instance, on which the next\n"
           "one builds. Exit code 3: there is no such checkpoint.\n\n"
           "Examples:\n  tidemark checkpoint delete chk-41\n  tidemark checkpoint delete chk-42 --force"},
      make_delete);
  remove->add_option("REF", grammar.words.reference, "chk-N, or latest")->required()->type_name("");
  remove->add_flag("--force", grammar.words.force, "also the last one that verifies")
      ->disable_flag_override();
}

void add_state(Grammar& grammar) {
  CLI::App* group = grammar.root.add_subcommand("state", "Show or drop keyed state");
  group->allow_extras();
  group->require_subcommand(0, 1);
  group->footer("Examples:\n  tidemark state get totals\n  tidemark state get totals --key device=press-1");
  CLI::App* get = add_leaf(
      grammar, *group,
      {.name = "get",
       .does = "Show the keyed state of a pipeline: keys, window, aggregates as they are now",
       .footer =
           "Asks the running instance; with none running, or with --from, reads a checkpoint.\n"
           "Exit code 3: there is no such pipeline or checkpoint, or no row with the keys asked for.\n\n"
           "Examples:\n"
           "  tidemark state get totals\n"
           "  tidemark state get totals --key line=a --key device=press-1\n"
           "  tidemark state get totals --from chk-42 --json",
       .json = true},
      make_state_get);
  get->add_option("PIPELINE", grammar.words.pipeline, "its name")->required()->type_name("");
  get->add_option("--key", grammar.words.keys, "only rows with this key; may be given several times")
      ->type_name("COLUMN=VALUE")
      ->allow_extra_args(false);
  get->add_option("--from", grammar.words.state_from, "the state that a checkpoint holds: chk-N, or latest")
      ->type_name("REF");
  CLI::App* drop = add_leaf(
      grammar, *group,
      {.name = "drop",
       .does = "Forget the keyed state of a pipeline, with the instance stopped",
       .footer =
           "Writes a checkpoint like the newest one without it; the older ones still hold it. Sinks keep\n"
           "what they have, and later results are numbered on. The last stop must have been clean.\n"
           "Exit code 3: the newest checkpoint holds no state of this pipeline.\n\n"
           "Examples:\n  tidemark state drop totals"},
      make_state_drop);
  drop->add_option("PIPELINE", grammar.words.pipeline, "its name, or its uid")->required()->type_name("");
}

void add_replay(Grammar& grammar) {
  CLI::App* replay = add_leaf(
      grammar, grammar.root,
      {.name = "replay",
       .does = "Run the retained journal in memory and print the results",
       .footer =
           "In memory: nothing is written, no sink gets anything, and an instance may be running.\n"
           "What would this rule have said last night? One JSON object a result, with \"_pipeline\".\n\n"
           "Examples:\n"
           "  tidemark replay\n"
           "  tidemark replay -c tidemark.toml --config other.toml --until 2025-03-01T06:00:00Z\n"
           "  tidemark replay --config other.toml --compare",
       .configured = false,
       .json = true},
      make_replay);
  replay
      ->add_option("-c,--journal-of", grammar.words.config,
                   format("the configuration whose journal it is (default {})", kDefaultConfigPath))
      ->type_name("FILE");
  replay->add_option("--from", grammar.words.state_from, "begin with this checkpoint (default: the oldest)")
      ->type_name("REF");
  replay
      ->add_option("--until", grammar.words.until, "stop before what arrived later than this; or a position")
      ->type_name("TIME");
  replay->add_option("--config", grammar.words.other_config, "the configuration to run instead of that one")
      ->type_name("FILE");
  replay
      ->add_flag("--compare", grammar.words.compare,
                 "run both configurations, and print side by side\nwhere their results differ")
      ->disable_flag_override();
  replay->add_flag("--drain", grammar.words.drain, "close every open window at the end")
      ->disable_flag_override();
}

void add_looking(Grammar& grammar) {
  CLI::App* top =
      add_leaf(grammar, grammar.root,
               {.name = "top",
                .does = "Show rates, lags and waits of the running instance, live",
                .footer = "Redraws on a terminal until interrupted. --json looks once.\n"
                          "Exit code 1: no instance is running.\n\n"
                          "Examples:\n  tidemark top\n  tidemark top --once\n  tidemark top --json",
                .json = true},
               make_top);
  top->add_flag("--once", grammar.words.once, "look once, over a second, and end")->disable_flag_override();
  top->add_option("--interval", grammar.words.interval, "time between two looks (default 2s)")
      ->type_name("DURATION");
  CLI::App* tap = add_leaf(
      grammar, grammar.root,
      {.name = "tap",
       .does = "Show records passing a source, or results of a pipeline, live",
       .footer =
           "One JSON object a line, until interrupted. What this end is too slow for is not kept; how\n"
           "much that was is said on standard error. Exit code 3: there is no such source or pipeline.\n\n"
           "Examples:\n  tidemark tap plant\n  tidemark tap machine_health --limit 10"},
      make_tap);
  tap->add_option("NAME", grammar.words.name, "of a source or a pipeline")->required()->type_name("");
  tap->add_option("--limit", grammar.words.limit, "end after so many")->type_name("N");
}

void add_pipeline(Grammar& grammar) {
  CLI::App* group = grammar.root.add_subcommand("pipeline", "Let a pipeline that stands still go on");
  group->allow_extras();
  group->require_subcommand(0, 1);
  group->footer("Examples:\n  tidemark pipeline resume word_count");
  CLI::App* resume = add_leaf(
      grammar, *group,
      {.name = "resume",
       .does = "Start a pipeline that is FAILED, or stands still, again from where it stands",
       .footer =
           "The record that it stands at is evaluated once more; should it fail again, it is set aside\n"
           "(dead_letter_to) and the pipeline goes on with what it has missed.\n"
           "Exit code 3: there is no pipeline of this name.\n\n"
           "Examples:\n  tidemark pipeline resume word_count"},
      make_resume);
  resume->add_option("NAME", grammar.words.reference, "of the pipeline")->required()->type_name("");
}

void add_savepoint(Grammar& grammar) {
  CLI::App* group = grammar.root.add_subcommand("savepoint", "Take savepoints: all state in one file");
  group->allow_extras();
  group->require_subcommand(0, 1);
  group->footer("Example:\n  tidemark savepoint create /media/usb/night.savepoint");
  CLI::App* create =
      add_leaf(grammar, *group,
               {.name = "create",
                .does = "Have the running instance write all its state into one file",
                .footer = "The file goes on in another directory, store or machine: tidemark restore FILE.\n"
                          "With --stop the instance stops, having processed nothing beyond it.\n\n"
                          "Examples:\n  tidemark savepoint create /media/usb/night.savepoint\n"
                          "  tidemark savepoint create --stop ./moving.savepoint",
                .json = true},
               make_savepoint);
  create->add_option("FILE", grammar.words.file, "where to; it must not exist yet")
      ->required()
      ->type_name("");
  create->add_flag("--stop", grammar.words.stop, "stop the instance right after")->disable_flag_override();
}

void add_restore(Grammar& grammar) {
  CLI::App* restore = add_leaf(
      grammar, grammar.root,
      {.name = "restore",
       .does = "Have the next start resume from a checkpoint or a savepoint",
       .footer = "No instance may be running. What was journaled after REF is replayed: nothing is lost.\n"
                 "With --until or --discard-later the rest is left behind and a new timeline begins;\n"
                 "what is left stays until newer checkpoints take its place. `restore latest` takes\n"
                 "an earlier restore back. Exit code 3: REF does not exist.\n\n"
                 "Examples:\n  tidemark restore chk-42\n"
                 "  tidemark restore chk-42 --until 2026-03-01T12:00:00Z\n"
                 "  tidemark restore /media/usb/night.savepoint --discard-later",
       .json = true},
      make_restore);
  restore->add_option("REF", grammar.words.reference, "chk-N, latest, or the path of a savepoint")
      ->required()
      ->type_name("");
  restore
      ->add_flag("--discard-later", grammar.words.discard_later,
                 "replay nothing of what was journaled after REF")
      ->disable_flag_override();
  restore
      ->add_option("--until", grammar.words.until,
                   "replay up to this time of arrival (RFC 3339, with zone) or position")
      ->type_name("TIME");
}

std::unique_ptr<Grammar> make_grammar() {
  auto grammar = std::make_unique<Grammar>();
  CLI::App& root = grammar->root;
  root.allow_extras();
  root.require_subcommand(0, 1);
  root.add_flag("--version", grammar->words.version, "the same as the command version")
      ->disable_flag_override();
  root.footer(
      "Exit codes: 0 done; 1 failed; 2 wrong use or a configuration that does not hold; 3 not found.\n\n"
      "Examples:\n"
      "  tidemark check -c tidemark.toml\n"
      "  tidemark run -c tidemark.toml\n"
      "  tidemark status\n"
      "  tidemark checkpoint list --help");
  add_run(*grammar);
  CLI::App* check = add_leaf(
      *grammar, root,
      {.name = "check",
       .does = "Report every mistake in the configuration, or try it on records",
       .footer =
           "Exit code 2: the configuration does not hold. The network is not touched.\n"
           "--input runs the pipelines in memory over the lines of FILE and prints what they would emit,\n"
           "with every window closed at the end. For an mqtt source a line may begin with its topic, as\n"
           "mosquitto_sub -v prints it. Messages of binary formats stand in hex digits, as with -F '%t "
           "%x'.\n\n"
           "Examples:\n"
           "  tidemark check -c tidemark.toml\n"
           "  tidemark check -c tidemark.toml --input sample.jsonl --source plant",
       .json = true},
      make_check);
  check->add_option("--input", grammar->words.input, "records to run through the pipelines")
      ->type_name("FILE");
  check->add_option("--source", grammar->words.source, "the source that they are of, if there are several")
      ->type_name("NAME");
  CLI::App* test = add_leaf(
      *grammar, root,
      {.name = "test",
       .does = "Run the tests of the configuration, over time, crashes and restarts",
       .footer =
           "A test ([[tests]] in the configuration) says what comes in, how time passes, when the power "
           "goes,\n"
           "and what must come out. All of it happens in memory: nothing outside is touched, and a running\n"
           "instance is not disturbed.\n"
           "Exit code 1: a test failed; 2: the configuration does not hold; 3: there is no such test.\n\n"
           "Examples:\n"
           "  tidemark test -c tidemark.toml\n"
           "  tidemark test -c tidemark.toml \"silence is told once\"",
       .json = true},
      make_test);
  test->add_option("NAME", grammar->words.references, "only tests whose names hold this");
  add_leaf(*grammar, root,
           {.name = "status",
            .does = "Show how the running instance is, and what is degraded and why",
            .footer = "Exit code 1: no instance is running.\n\n"
                      "Examples:\n  tidemark status\n  tidemark status -c tidemark.toml --json",
            .json = true},
           make_plain<StatusCommand>());
  add_looking(*grammar);
  add_checkpoint(*grammar);
  add_pipeline(*grammar);
  add_state(*grammar);
  add_replay(*grammar);
  CLI::App* stop = add_leaf(
      *grammar, root,
      {.name = "stop",
       .does = "Stop the running instance cleanly, with a final checkpoint",
       .footer =
           "Stops reading, processes and delivers what was read, and returns when the instance has stopped.\n"
           "No window is closed by it; --drain closes them all first, for a permanent end.\n"
           "checkpoint.on_stop decides whether checkpoints stay.\n\n"
           "Examples:\n  tidemark stop\n  tidemark stop --drain"},
      make_stop);
  stop->add_flag("--drain", grammar->words.drain, "close every open window and deliver its results first")
      ->disable_flag_override();
  add_savepoint(*grammar);
  add_restore(*grammar);
  add_leaf(*grammar, root,
           {.name = "version",
            .does = "Print the version, the build, and the libraries it runs with",
            .footer = "Examples:\n  tidemark version\n  tidemark version --json",
            .configured = false,
            .json = true},
           make_plain<VersionCommand>());
  return grammar;
}

// "tidemark checkpoint list": for messages.
std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + " " + app.get_name();
}

CommandLineReply mistake(const CLI::App& app, std::string_view what) {
  return {ExitCode::usage, format("{}: {}\nTry '{} --help'.\n", full_name(app), what, full_name(app))};
}

const CLI::App& deepest(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : deepest(*chosen.front());
}

// What is wrong with a word that the command takes no more, with the word that was probably meant.
std::string unexpected_word(const CLI::App& app, const std::string& word) {
  std::vector<std::string> allowed;
  const bool is_option = word.size() > 1 && word.front() == '-';
  if (is_option) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) allowed.push_back("--" + name);
      for (const std::string& name : option->get_snames()) allowed.push_back("-" + name);
    }
  } else {
    for (const CLI::App* command : app.get_subcommands({})) allowed.push_back(command->get_name());
  }
  const std::string name = is_option ? word.substr(0, word.find('=')) : word;
  const std::vector<std::string_view> views(allowed.begin(), allowed.end());
  const auto meant = nearest(name, views);
  const std::string hint = meant ? format("; did you mean \"{}\"?", *meant) : "";
  const bool is_group = !app.get_subcommands({}).empty();
  if (is_option && is_group) return format("unknown option \"{}\"; a command's options stand after it", name);
  if (is_option) return format("unknown option \"{}\"{}", name, name.starts_with("--") ? hint : "");
  if (!allowed.empty()) return format("unknown command \"{}\"{}", word, hint);
  return format("unexpected argument \"{}\"", word);
}

// Words that CLI11 left over belong to the deepest command that was recognised.
std::optional<CommandLineReply> leftover(const CLI::App& root) {
  for (const CLI::App* app = &root;; app = app->get_subcommands().front()) {
    const std::vector<std::string> words = app->remaining();
    if (!words.empty()) return mistake(*app, unexpected_word(*app, words.front()));
    if (app->get_subcommands().empty()) return std::nullopt;
  }
}

}  // namespace

std::expected<CommandLine, CommandLineReply> parse_command_line(std::span<const std::string> arguments) {
  const std::unique_ptr<Grammar> grammar = make_grammar();
  CLI::App& root = grammar->root;
  try {
    root.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return std::unexpected(CommandLineReply{ExitCode::done, root.help()});
  } catch (const CLI::ParseError& error) {
    if (auto reply = leftover(root)) return std::unexpected(std::move(*reply));
    return std::unexpected(mistake(deepest(root), error.what()));
  }
  if (auto reply = leftover(root)) return std::unexpected(std::move(*reply));

  const CLI::App& chosen = deepest(root);
  if (grammar->words.version) return CommandLine{.command = VersionCommand{}};
  for (const auto& [app, make] : grammar->leaves) {
    if (app != &chosen) continue;
    auto line = make(grammar->words);
    if (line) return std::move(*line);
    return std::unexpected(mistake(chosen, line.error()));
  }
  // A group, or nothing at all.
  return std::unexpected(
      CommandLineReply{ExitCode::usage, full_name(chosen) + ": which command?\n\n" + root.help()});
}

namespace {

void describe_option(const CLI::Option& option, JsonWriter& out) {
  out.begin_object();
  if (!option.get_positional()) {
    out.key("names").begin_array();
    for (const std::string& name : option.get_lnames()) out.text("--" + name);
    for (const std::string& name : option.get_snames()) out.text("-" + name);
    out.end_array();
  }
  const bool takes_value = option.get_items_expected_max() > 0;
  out.key("value").text(!takes_value              ? std::string()
                        : option.get_positional() ? option.get_name(true)
                                                  : option.get_type_name());
  out.key("does").text(option.get_description()).end_object();
}

void describe_command(const CLI::App& app, const std::string& above, JsonWriter& out) {
  const std::string name = above.empty() ? app.get_name() : above + " " + app.get_name();
  const auto below = app.get_subcommands({});
  for (const CLI::App* command : below) describe_command(*command, name, out);
  if (!below.empty()) return;
  out.begin_object().key("name").text(name).key("does").text(app.get_description());
  for (const bool positional : {false, true}) {
    out.key(positional ? "arguments" : "options").begin_array();
    for (const CLI::Option* option : app.get_options())
      if (option->get_positional() == positional) describe_option(*option, out);
    out.end_array();
  }
  out.end_object();
}

}  // namespace

std::string commands_reference() {
  const std::unique_ptr<Grammar> grammar = make_grammar();
  JsonWriter out;
  out.begin_array();
  for (const CLI::App* command : grammar->root.get_subcommands({})) describe_command(*command, "", out);
  return out.end_array().take();
}

}  // namespace tidemark
