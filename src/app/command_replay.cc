// `tidemark replay`, and `tidemark check --input FILE`: pipelines run in memory, their results printed.
#include <algorithm>
#include <filesystem>
#include <map>

#include "app/checkpoints.h"
#include "app/commands.h"
#include "app/comparison_text.h"
#include "app/configuration.h"
#include "app/console.h"
#include "app/instance.h"
#include "app/rehearse.h"
#include "base/format.h"
#include "base/hex.h"
#include "pipeline/rehearsal.h"
#include "pipeline/result_comparison.h"
#include "platform/posix_files.h"
#include "platform/sqlite.h"
#include "platform/system_clock.h"

namespace tidemark {
namespace {

// Lines are collected, so that not every one is a write; each problem of a kind is shown a few times.
class Printed {
 public:
  RehearsalEvents events() {
    return {.result = [this](const std::string& line) { text(line + '\n'); },
            .row = {},
            .noticed = [this](std::string_view subject, std::string_view kind,
                              std::string_view text) { noticed(std::string(subject), kind, text); }};
  }
  // The same for one of two runs that are compared, which has a name.
  RehearsalEvents events(ResultComparison& comparison, ResultComparison::Run run, const std::string& name) {
    return {
        .result = {},
        .row = [&comparison, run](const ResultSchema& schema,
                                  std::span<const Value> values) { comparison.take(run, schema, values); },
        .noticed = [this, name](
                       std::string_view subject, std::string_view kind,
                       std::string_view text) { noticed(format("{}: {}", name, subject), kind, text); }};
  }
  void text(const std::string& text) {
    waiting_ += text;
    if (waiting_.size() > kBlock) flush();
  }
  ExitCode flush() {
    if (!waiting_.empty()) exit_ = std::max(exit_, print(waiting_));
    waiting_.clear();
    return exit_;
  }

 private:
  void noticed(const std::string& subject, std::string_view kind, std::string_view text) {
    constexpr int kShown = 5;
    const int seen = ++seen_[subject];
    if (seen <= kShown) print_error(format("tidemark: {}: {}: {}\n", subject, kind, text));
    if (seen == kShown)
      print_error(format("tidemark: {}: what follows of this kind is only counted\n", subject));
  }

  static constexpr std::size_t kBlock = 64u << 10;
  std::string waiting_;
  std::map<std::string, int> seen_;
  ExitCode exit_ = ExitCode::done;
};

std::string summary(const Rehearsal::Counts& counts) {
  return format("tidemark: {} record{}, {} result{}, {} problem{}\n", counts.records,
                counts.records == 1 ? "" : "s", counts.results, counts.results == 1 ? "" : "s",
                counts.problems, counts.problems == 1 ? "" : "s");
}

Result<std::size_t> source_of(const Settings& settings, const std::string& name) {
  std::string known;
  for (std::size_t i = 0; i < settings.sources.size(); ++i) {
    if (settings.sources[i].name == name) return i;
    known += (i == 0 ? "" : ", ") + settings.sources[i].name;
  }
  if (name.empty() && settings.sources.size() == 1) return std::size_t{0};
  if (name.empty())
    return fail("name the source that the records are of with --source; there are: " + known,
                Error::Kind::usage);
  return fail(format("there is no source \"{}\"; there are: {}", name, known), Error::Kind::not_found);
}

// Whether messages of the topic come to who has subscribed to the filter; level by level.
bool comes_to(std::string_view topic, std::string_view filter) {
  if (filter.starts_with("$share/")) filter.remove_prefix(filter.find('/', 7) + 1);
  while (true) {
    const std::size_t level = std::min(topic.find('/'), topic.size());
    const std::size_t wanted = std::min(filter.find('/'), filter.size());
    const std::string_view its = filter.substr(0, wanted);
    if (its == "#") return true;
    if (its != "+" && its != topic.substr(0, level)) return false;
    const bool topic_ends = level == topic.size(), filter_ends = wanted == filter.size();
    if (topic_ends) return filter_ends || filter.substr(wanted) == "/#";
    if (filter_ends) return false;
    topic.remove_prefix(level + 1);
    filter.remove_prefix(wanted + 1);
  }
}

// `mosquitto_sub -v` prints the topic, a space, and the payload. A line of which the source would not get the
// topic has none.
std::string_view take_topic(std::string_view& line, const SourceSettings& source) {
  const std::string_view topic = line.substr(0, line.find(' '));
  if (topic.size() == line.size()) return {};
  const auto subscribed = [&](const Located<std::string>& filter) { return comes_to(topic, *filter); };
  if (std::ranges::none_of(source.topics, subscribed)) return {};
  line.remove_prefix(topic.size() + 1);
  return topic;
}

Status feed(Files& files, const std::string& path, const std::function<void(std::string_view line)>& take) {
  auto file = files.open(path, Files::Open::read);
  if (!file) return pass_on(file);
  constexpr std::size_t kRead = 256u << 10;
  std::string bytes;
  for (std::uint64_t offset = 0;;) {
    auto more = (*file)->read_at(offset, kRead);
    if (!more) return pass_on(more);
    offset += more->size();
    bytes += *more;
    std::size_t begin = 0;
    for (std::size_t end; (end = bytes.find('\n', begin)) != std::string::npos; begin = end + 1) {
      std::string_view line = std::string_view(bytes).substr(begin, end - begin);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!line.empty()) take(line);
    }
    bytes.erase(0, begin);
    if (!more->empty()) continue;
    if (!bytes.empty()) take(bytes);
    return {};
  }
}

// RFC 3339, or a position.
Status read_until(const std::string& text, Rehearsal::Replay& what) {
  if (text.empty()) return {};
  if (text.find_first_not_of("0123456789") == std::string::npos) {
    what.until = Position{std::stoull(text.substr(0, 19))};
    return {};
  }
  const Result<std::int64_t> time = parse_rfc3339(text);
  if (!time)
    return fail(
        format("--until \"{}\": write a time with its zone, as in 2025-03-01T12:00:00Z, or a position", text),
        Error::Kind::usage);
  what.until_ns = *time;
  return {};
}

// The configuration that is run: this one, or another.
std::expected<Settings, ExitCode> compiled(Files& files, const std::string& path) {
  Result<Configuration> configuration = read_configuration(files, path);
  if (!configuration) return std::unexpected(report(configuration.error()));
  check_pipelines(*configuration);
  print_error(configuration->diagnostics.to_text());
  if (!configuration->settings) return std::unexpected(ExitCode::usage);
  return std::move(*configuration->settings);
}

// From where, until when: a checkpoint, by default the oldest, so that all of the journal that is kept is
// replayed.
Status read_range(Checkpoints& checkpoints, CheckpointReader& reader, const std::vector<CheckpointId>& ids,
                  const ReplayCommand& command, Rehearsal::Replay& what) {
  if (command.from) {
    Result<Manifest> manifest = reader.manifest(ids.front());
    if (!manifest) return pass_on(manifest);
    what.from = std::move(*manifest);
  } else {
    auto oldest = oldest_checkpoint(reader, what.doors, checkpoints.settings(), ids);
    if (!oldest) return pass_on(oldest);
    what.from = std::move(*oldest);
  }
  return read_until(command.until, what);
}

Result<std::vector<CheckpointId>> ids_for(Checkpoints& checkpoints, const ReplayCommand& command) {
  if (!command.from) return checkpoints.readable();
  Result<CheckpointId> id = checkpoints.find(*command.from);
  if (!id) return pass_on(id);
  return std::vector{*id};
}

std::string summary(const ResultComparison::Counts& counts, const ComparedRuns& runs) {
  return format("tidemark: {} result{} alike, {} differ{}, {} only in {}, {} only in {}\n", counts.alike,
                counts.alike == 1 ? "" : "s", counts.differ, counts.differ == 1 ? "s" : "", counts.only_first,
                runs.first, counts.only_second, runs.second);
}

}  // namespace

ExitCode rehearse_file(const Settings& settings, const std::string& path, const std::string& source_name) {
  const std::unique_ptr<Files> files = make_posix_files();
  Result<std::size_t> source = source_of(settings, source_name);
  if (!source) return report(source.error());
  Printed printed;
  auto rehearsal = Rehearsal::make(settings, printed.events());
  if (!rehearsal) return report(rehearsal.error());
  const auto arrival = time_from_ns<JournalTime>(SystemClock().wall_ns());
  const SourceSettings& its = settings.sources[*source];
  const bool topics = its.type == SourceSettings::Type::mqtt;
  Status good;
  const Status fed = feed(*files, path, [&](std::string_view line) {
    const std::string_view topic = topics ? take_topic(line, its) : std::string_view();
    if (!its.format.is_binary()) return (*rehearsal)->record(*source, topic, line, arrival);
    const std::optional<std::string> payload = from_hex(line);
    if (payload)
      (*rehearsal)->record(*source, topic, *payload, arrival);
    else if (good)
      good =
          fail(format("{}: a line of it is no message in hex digits, as mosquitto_sub -F '%t %x' prints "
                      "them and dead letters hold them: {}",
                      path, line.substr(0, 40)));
  });
  if (!fed || !good) return report(fed ? good.error() : fed.error());
  (*rehearsal)->drain();
  const ExitCode exit = printed.flush();
  print_error(summary((*rehearsal)->counts()));
  return exit;
}

ExitCode replay_command(const CommandLine& asked, const ReplayCommand& command) {
  CommandLine line = asked;
  // With nothing but another configuration at hand, the journal is the one that it names.
  std::error_code error;
  if (!command.configuration.empty() && line.config == kDefaultConfigPath &&
      !std::filesystem::exists(line.config, error))
    line.config = command.configuration;
  auto checkpoints = checkpoints_for(line);
  if (!checkpoints) return checkpoints.error();
  const std::unique_ptr<Files> files = make_posix_files();
  const std::unique_ptr<SqliteOpener> sqlite = make_sqlite_opener();

  // --- What is run: one configuration, or two side by side.
  std::vector<std::string> names;
  if (command.compare || command.configuration.empty()) names.push_back(line.config);
  if (!command.configuration.empty()) names.push_back(command.configuration);
  const ComparedRuns runs{names.front(), names.back()};
  Printed printed;
  ResultComparison comparison([&](const ResultComparison::Difference& difference) {
    printed.text(line.json ? comparison_json(difference) : comparison_text(difference, runs));
  });
  std::vector<std::unique_ptr<Rehearsal>> rehearsals;
  for (const std::string& name : names) {
    auto settings = compiled(*files, name);
    if (!settings) return settings.error();
    const auto run = rehearsals.empty() ? ResultComparison::Run::first : ResultComparison::Run::second;
    auto made = Rehearsal::make(std::move(*settings),
                                command.compare ? printed.events(comparison, run, name) : printed.events());
    if (!made) return report(made.error());
    rehearsals.push_back(std::move(*made));
  }

  // --- Over what. Checkpoints are listed before one is read: without an instance each of the two takes the
  // directory's lock.
  const Result<std::vector<CheckpointId>> ids = ids_for(*checkpoints, command);
  if (!ids) return report(ids.error());
  auto reader = checkpoints->reader();
  if (!reader) return report(reader.error());
  const OfflineDoors doors{*files, *sqlite};
  Rehearsal::Replay what{.doors = doors,
                         .settings = checkpoints->settings(),
                         .from = std::nullopt,
                         .until_ns = std::nullopt,
                         .until = std::nullopt,
                         .progress = {}};
  if (const Status range = read_range(*checkpoints, **reader, *ids, command, what); !range)
    return report(range.error());

  std::vector<Rehearsal*> all;
  for (const auto& rehearsal : rehearsals) all.push_back(rehearsal.get());
  std::vector<std::vector<std::string>> notes;
  Status replayed;
  {
    WorkProgress progress("replaying");
    what.progress = [&](Position at) {
      progress.show(
          [&] { return format("position {}, {} results", at.value, all.back()->counts().results); });
    };
    replayed = Rehearsal::replay(all, **reader, what, notes);
  }
  if (replayed && command.drain)
    for (Rehearsal* const rehearsal : all) rehearsal->drain();
  if (replayed) comparison.finish();
  const ExitCode exit = printed.flush();
  for (std::size_t i = 0; i < notes.size(); ++i)
    for (const std::string& note : notes[i])
      print_error(format("tidemark: {}{}\n", command.compare ? names[i] + ": " : std::string(), note));
  if (!replayed) return report(replayed.error());
  print_error(format("tidemark: from {}\n{}",
                     what.from ? to_text(what.from->id) : std::string("the beginning"),
                     command.compare ? summary(comparison.counts(), runs) : summary(all.front()->counts())));
  return exit;
}

}  // namespace tidemark
