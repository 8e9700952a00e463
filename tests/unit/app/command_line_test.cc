#include "app/command_line.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "base/format.h"
#include "support/source_tree.h"

namespace tidemark {
namespace {

std::expected<CommandLine, CommandLineReply> parse(const std::vector<std::string>& words) {
  return parse_command_line(words);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text = "tidemark";
  for (const std::string& word : words) text += " " + word;
  return text;
}

std::string names_text(const std::vector<CheckpointName>& names) {
  std::string text;
  for (const CheckpointName& name : names)
    text += " " + (name.id ? to_text(*name.id) : std::string("latest"));
  return text;
}

std::string joined_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += " " + name;
  return text;
}

// The command as one line, so that a table can say what is expected.
struct Text {
  std::string operator()(const RunCommand& run) const {
    const std::string from = run.from.kind == StartPoint::Kind::latest ? "latest"
                             : run.from.kind == StartPoint::Kind::none ? "none"
                                                                       : to_text(run.from.id);
    return "run from " + from + (run.abandon_replay ? " abandoning the replay" : "");
  }
  std::string operator()(const CheckCommand& check) const {
    return "check" + (check.input.empty() ? "" : " with " + check.input + " of " + check.source);
  }
  std::string operator()(const CheckpointExportCommand& command) const {
    return "export" + names_text({command.name}) + " to " + command.to + " " + command.pipeline +
           (command.force ? " by force" : "");
  }
  std::string operator()(const CheckpointDeleteCommand& command) const {
    return "delete" + names_text({command.name}) + (command.force ? " by force" : "");
  }
  std::string operator()(const StateGetCommand& get) const {
    std::string text = "state of " + get.pipeline;
    for (const auto& [name, value] : get.keys) text += " where " + name + " is " + value;
    return text + (get.from ? " from" + names_text({*get.from}) : "");
  }
  std::string operator()(const StateDropCommand& drop) const { return "drop " + drop.pipeline; }
  std::string operator()(const ReplayCommand& replay) const {
    return "replay" + (replay.from ? " from" + names_text({*replay.from}) : "") + " until " + replay.until +
           " under " + replay.configuration + (replay.drain ? " drained" : "");
  }
  std::string operator()(const TopCommand& top) const {
    return "top every " + to_text(top.interval) + (top.once ? " once" : "");
  }
  std::string operator()(const TapCommand& tap) const { return format("tap {} {}", tap.name, tap.limit); }
  std::string operator()(const StatusCommand&) const { return "status"; }
  std::string operator()(const CheckpointCreateCommand&) const { return "create"; }
  std::string operator()(const CheckpointListCommand&) const { return "list"; }
  std::string operator()(const CheckpointShowCommand& show) const { return "show" + names_text({show.name}); }
  std::string operator()(const CheckpointVerifyCommand& verify) const {
    return "verify" + names_text(verify.names);
  }
  std::string operator()(const SavepointCreateCommand& savepoint) const {
    return "savepoint to " + savepoint.file + (savepoint.stop ? " and stop" : "");
  }
  std::string operator()(const RestoreCommand& restore) const {
    return "restore " + restore.reference +
           (restore.request.follow == RestoreOrder::Follow::nothing ? " alone" : "");
  }
  std::string operator()(const PipelineResumeCommand& resume) const { return "resume " + resume.name; }
  std::string operator()(const StopCommand& stop) const { return stop.drain ? "drain" : "stop"; }
  std::string operator()(const TestCommand& test) const { return "test" + joined_names(test.names); }
  std::string operator()(const VersionCommand&) const { return "version"; }
};

std::string text_of(const CommandLine& line) {
  return std::visit(Text(), line.command) + (line.json ? " as json" : "") +
         (line.config == kDefaultConfigPath ? "" : " of " + line.config);
}

const std::vector<std::vector<std::string>> kCommands = {{"run"},
                                                         {"check"},
                                                         {"test"},
                                                         {"status"},
                                                         {"checkpoint", "create"},
                                                         {"checkpoint", "list"},
                                                         {"checkpoint", "show", "latest"},
                                                         {"checkpoint", "verify"},
                                                         {"pipeline", "resume", "p"},
                                                         {"checkpoint", "export", "latest", "--to", "x.db"},
                                                         {"checkpoint", "delete", "chk-1"},
                                                         {"state", "get", "totals"},
                                                         {"state", "drop", "totals"},
                                                         {"top"},
                                                         {"tap", "plant"},
                                                         {"stop"}};

// Without its arguments.
std::vector<std::string> name_of(std::vector<std::string> words) {
  const bool in_group = !words.empty() && (words[0] == "checkpoint" || words[0] == "state" ||
                                           words[0] == "pipeline" || words[0] == "savepoint");
  words.resize(std::min<std::size_t>(words.size(), in_group ? 2 : 1));
  return words;
}

TEST_CASE("every command and option is understood") {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"run"}, "run from latest"},
      {{"run", "--from", "latest"}, "run from latest"},
      {{"run", "--from", "none"}, "run from none"},
      {{"run", "--from=chk-42"}, "run from chk-42"},
      {{"run", "--abandon-replay"}, "run from latest abandoning the replay"},
      {{"run", "--from", "chk-1", "--abandon-replay", "-c", "x.toml"},
       "run from chk-1 abandoning the replay of x.toml"},
      {{"check"}, "check"},
      {{"check", "--json"}, "check as json"},
      {{"status"}, "status"},
      {{"status", "--json"}, "status as json"},
      {{"checkpoint", "create"}, "create"},
      {{"checkpoint", "create", "--json"}, "create as json"},
      {{"checkpoint", "list", "--json"}, "list as json"},
      {{"checkpoint", "show", "chk-7"}, "show chk-7"},
      {{"checkpoint", "show", "--json", "latest"}, "show latest as json"},
      {{"checkpoint", "verify"}, "verify"},
      {{"checkpoint", "verify", "chk-1", "--json", "latest", "-c", "x"}, "verify chk-1 latest as json of x"},
      {{"savepoint", "create", "x.sav", "--stop"}, "savepoint to x.sav and stop"},
      {{"restore", "chk-3"}, "restore chk-3"},
      {{"restore", "chk-3", "--discard-later"}, "restore chk-3 alone"},
      {{"pipeline", "resume", "word_count", "-c", "x"}, "resume word_count of x"},
      {{"check", "--input", "x", "--source", "s"}, "check with x of s"},
      {{"checkpoint", "export", "chk-1", "--to", "x.csv"}, "export chk-1 to x.csv "},
      {{"checkpoint", "export", "latest", "--to", "x.db", "--pipeline", "p", "--force"},
       "export latest to x.db p by force"},
      {{"checkpoint", "delete", "chk-1"}, "delete chk-1"},
      {{"checkpoint", "delete", "latest", "--force"}, "delete latest by force"},
      {{"state", "get", "p", "--json"}, "state of p as json"},
      {{"state", "get", "--key", "a=1", "p", "--key", "b=x=y", "--from", "chk-2"},
       "state of p where a is 1 where b is x=y from chk-2"},
      {{"state", "drop", "p"}, "drop p"},
      {{"replay"}, "replay until  under "},
      {{"replay", "-c", "x", "--config", "y", "--from", "chk-1", "--until", "7", "--drain"},
       "replay from chk-1 until 7 under y drained of x"},
      {{"test"}, "test"},
      {{"test", "one", "--json", "two", "-c", "x"}, "test one two as json of x"},
      {{"top"}, "top every 2s"},
      {{"top", "--once", "--interval", "500ms"}, "top every 500ms once"},
      {{"tap", "plant"}, "tap plant 0"},
      {{"tap", "--limit", "3", "plant"}, "tap plant 3"},
      {{"stop"}, "stop"},
      {{"stop", "--drain"}, "drain"},
      {{"version"}, "version"},
      {{"version", "--json"}, "version as json"},
      {{"--version"}, "version"},
  };
  for (const auto& [words, expected] : cases) {
    INFO(joined(words));
    const auto line = parse(words);
    REQUIRE(line.has_value());
    CHECK(text_of(*line) == expected);
  }
}

TEST_CASE("every command but version takes a configuration, by either name") {
  for (std::vector<std::string> words : kCommands) {
    for (const std::vector<std::string>& option :
         {std::vector<std::string>{"-c", "a b.toml"}, {"--config", "a b.toml"}, {"--config=a b.toml"}}) {
      std::vector<std::string> all = words;
      all.insert(all.end(), option.begin(), option.end());
      INFO(joined(all));
      const auto line = parse(all);
      REQUIRE(line.has_value());
      CHECK(line->config == "a b.toml");
    }
    const auto line = parse(words);
    REQUIRE(line.has_value());
    CHECK(line->config == "/etc/tidemark/tidemark.toml");
  }
}

TEST_CASE("misuse exits with 2 and says what was meant") {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{}, "tidemark: which command?"},
      {{"checkpoint"}, "tidemark checkpoint: which command?"},
      {{"statsu"}, "tidemark: unknown command \"statsu\"; did you mean \"status\"?"},
      {{"xyzzy"}, "tidemark: unknown command \"xyzzy\"\n"},
      {{""}, "tidemark: unknown command \"\"\n"},
      {{"checkpoint", "lsit"}, "tidemark checkpoint: unknown command \"lsit\"; did you mean \"list\"?"},
      {{"list"}, "tidemark: unknown command \"list\"\n"},
      {{"status", "--jsno"}, "tidemark status: unknown option \"--jsno\"; did you mean \"--json\"?"},
      {{"run", "--form=none"}, "tidemark run: unknown option \"--form\"; did you mean \"--from\"?"},
      {{"run", "--json"}, "tidemark run: unknown option \"--json\"\n"},
      {{"stop", "--json"}, "tidemark stop: unknown option \"--json\"\n"},
      {{"version", "-c", "x"}, "tidemark version: unknown option \"-c\"\n"},
      {{"-c", "x", "run"}, "tidemark: unknown option \"-c\"; a command's options stand after it"},
      {{"checkpoint", "-c", "x", "list"},
       "tidemark checkpoint: unknown option \"-c\"; a command's options stand after it"},
      {{"status", "now"}, "tidemark status: unexpected argument \"now\"\n"},
      {{"status", "stop"}, "tidemark status: unexpected argument \"stop\"\n"},
      {{"checkpoint", "list", "list"}, "tidemark checkpoint list: unexpected argument \"list\"\n"},
      {{"checkpoint", "show", "chk-1", "chk-2"}, "tidemark checkpoint show: unexpected argument \"chk-2\"\n"},
      {{"checkpoint", "show"}, "tidemark checkpoint show: REF is required\n"},
      {{"checkpoint", "show", "42"}, "\"42\" names no checkpoint; did you mean \"chk-42\"?"},
      {{"checkpoint", "verify", "chk-1", "chk-x"}, "\"chk-x\" names no checkpoint; write latest or chk-N"},
      {{"checkpoint", "verify", "none"}, "\"none\" names no checkpoint"},
      {{"run", "--from"}, "tidemark run: --from:"},
      {{"run", "--from", "7"}, "tidemark run: --from \"7\": write latest, none, chk-N, as in chk-42"},
      {{"run", "--from", ""}, "tidemark run: --from \"\": write latest, none, chk-N, as in chk-42"},
      {{"run", "--from", "none", "--abandon-replay"},
       "there is no replay that --abandon-replay could leave out"},
      {{"run", "-c", "a", "-c", "b"}, "tidemark run: --config:"},
      {{"check", "-c"}, "tidemark check: --config:"},
  };
  for (const auto& [words, expected] : cases) {
    INFO(joined(words));
    const auto line = parse(words);
    REQUIRE(!line.has_value());
    CHECK(line.error().exit == ExitCode::usage);
    INFO(line.error().text);
    CHECK(line.error().text.find(expected) != std::string::npos);
    CHECK(line.error().text.ends_with("\n"));
  }
}

TEST_CASE("every command has help, with a runnable example of itself") {
  std::vector<std::vector<std::string>> commands = kCommands;
  commands.push_back({"version"});
  commands.push_back({"replay"});
  commands.push_back({});
  commands.push_back({"checkpoint"});
  commands.push_back({"state"});
  for (std::vector<std::string> words : commands) {
    words = name_of(words);
    const std::string name = joined(words);
    for (const std::string option : {"--help", "-h"}) {
      std::vector<std::string> asked = words;
      asked.push_back(option);
      const auto line = parse(asked);
      REQUIRE(!line.has_value());
      const std::string& help = line.error().text;
      INFO(name << "\n" << help);
      CHECK(line.error().exit == ExitCode::done);
      CHECK(help.find("Usage: " + name) != std::string::npos);
      CHECK(help.find("Examples:\n  " + name) != std::string::npos);
    }
  }
}

TEST_CASE("the examples that help prints are themselves understood") {
  std::size_t examples = 0;
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"run"},
                                                {"check"},
                                                {"test"},
                                                {"status"},
                                                {"checkpoint"},
                                                {"checkpoint", "create"},
                                                {"checkpoint", "list"},
                                                {"checkpoint", "show"},
                                                {"checkpoint", "verify"},
                                                {"pipeline"},
                                                {"pipeline", "resume"},
                                                {"checkpoint", "export"},
                                                {"checkpoint", "delete"},
                                                {"state"},
                                                {"state", "get"},
                                                {"state", "drop"},
                                                {"replay"},
                                                {"top"},
                                                {"tap"},
                                                {"stop"},
                                                {"version"}}) {
    std::vector<std::string> asked = words;
    asked.push_back("--help");
    const std::string help = parse(asked).error().text;
    for (std::size_t at = help.find("Examples:");
         (at = help.find("\n  tidemark ", at)) != std::string::npos;) {
      at += std::string("\n  tidemark ").size();
      const std::string example = help.substr(at, help.find('\n', at) - at);
      std::vector<std::string> example_words;
      for (std::size_t from = 0; from <= example.size();) {
        const std::size_t end = std::min(example.find(' ', from), example.size());
        example_words.push_back(example.substr(from, end - from));
        from = end + 1;
      }
      INFO(example);
      const auto line = parse(example_words);
      CHECK((line.has_value() || line.error().exit == ExitCode::done));
      ++examples;
    }
  }
  CHECK(examples > 20);
}

TEST_CASE("the manual page knows every command and option") {
  const std::ifstream file(source_tree() + "/packaging/man/tidemark.1");
  REQUIRE(file.good());
  std::ostringstream page;
  page << file.rdbuf();
  std::string text = page.str();
  for (std::size_t at; (at = text.find("\\-")) != std::string::npos;) text.erase(at, 1);

  std::vector<std::vector<std::string>> commands = kCommands;
  commands.push_back({"version"});
  commands.push_back({"replay"});
  std::size_t options = 0;
  for (const std::vector<std::string>& all : commands) {
    const std::vector<std::string> words = name_of(all);
    const std::string name = words.size() > 1 ? words[0] + " " + words[1] : words[0];
    CHECK_MESSAGE(text.find(name) != std::string::npos, name);
    std::vector<std::string> asked = words;
    asked.push_back("--help");
    const std::string help = parse(asked).error().text;
    for (std::size_t at = help.find("Options:"); (at = help.find("--", at)) != std::string::npos;) {
      const std::size_t end = help.find_first_not_of("-abcdefghijklmnopqrstuvwxyz", at);
      const std::string option = help.substr(at, end - at);
      CHECK_MESSAGE(text.find(option) != std::string::npos, option);
      at = end;
      ++options;
    }
  }
  CHECK(options > 20);
}

TEST_CASE("help lines fit a terminal") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--help"},
                                                {"run", "--help"},
                                                {"checkpoint", "--help"},
                                                {"checkpoint", "verify", "--help"},
                                                {"pipeline", "resume", "--help"}}) {
    const std::string help = parse(words).error().text;
    for (std::size_t from = 0; from < help.size();) {
      const std::size_t end = help.find('\n', from);
      INFO(help.substr(from, end - from));
      CHECK(end - from <= 100);
      from = end + 1;
    }
  }
}

}  // namespace
}  // namespace tidemark
