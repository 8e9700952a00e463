#include "config/loader.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/checksum.h"
#include "base/format.h"
#include "config/checks.h"
#include "config/tables.h"
#include "config/toml_door.h"
#include "config/variables.h"

namespace tidemark {
namespace {

bool is_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

// At the end of a stored configuration: what decides results and was written with a ${NAME}, and a checksum
// of the value that it had.
constexpr std::string_view kResolved = "# resolved: ";

std::string checksum_text(std::string_view value) {
  return format("{:016x}", checksum(value));
}

class Loading {
 public:
  Loading(const LoaderEnvironment& environment, Diagnostics& diagnostics)
      : reading_{environment, diagnostics},
        diagnostics_(diagnostics),
        tables_{Loaded(node_keys),
                Loaded(checkpoint_keys),
                Loaded(journal_keys),
                Loaded(limit_keys),
                Loaded(log_keys),
                Loaded(restart_keys),
                {},
                {},
                {},
                {},
                {}} {
    tables_.node.settings.name.value = environment.host_name.empty() ? "localhost" : environment.host_name;
  }

  // `tree` must stay until take_settings().
  void read(const Node& tree) {
    Keys keys("configuration");
    keys.table("node", tables_.node.keys);
    keys.table("checkpoint", tables_.checkpoint.keys);
    keys.table("journal", tables_.journal.keys);
    keys.table("limits", tables_.limits.keys);
    keys.table("log", tables_.log.keys);
    keys.table("restart", tables_.restart.keys);
    keys.tables("sources", [this](const TableEntry& entry) { read_source(entry); });
    keys.tables("pipelines", [this](const TableEntry& entry) { read_pipeline(entry); });
    keys.tables("sinks", [this](const TableEntry& entry) { read_sink(entry); });
    keys.tables("lookups", [this](const TableEntry& entry) {
      read_named(entry, "lookup", lookup_keys, tables_.lookups);
    });
    keys.list("tests", [this](const Node& node) {
      TestSettings test;
      if (!read_test(node, test, reading_)) return false;
      tables_.tests.push_back(std::move(test));
      return true;
    });
    keys.later("http");
    keys.read(tree, "", reading_);

    tables_.node.sound = keys.fine("node");
    tables_.checkpoint.sound = keys.fine("checkpoint");
    tables_.journal.sound = keys.fine("journal");
    tables_.limits.sound = keys.fine("limits");
    tables_.log.sound = keys.fine("log");
    tables_.restart.sound = keys.fine("restart");
    const auto by_name = [](const auto& a, const auto& b) { return a.settings.name < b.settings.name; };
    tables_.sources.sort(by_name);
    tables_.pipelines.sort(by_name);
    tables_.sinks.sort(by_name);
    tables_.lookups.sort(by_name);
  }

  void check() {
    check_references(tables_, diagnostics_);
    check_sources(tables_, diagnostics_);
    check_pipelines(tables_, diagnostics_);
    check_resources(tables_, diagnostics_);
    check_tests(tables_, diagnostics_);
  }

  // A stored configuration: what its sources and sinks would do was checked when it was stored.
  void check_stored() {
    check_references(tables_, diagnostics_);
    check_pipelines(tables_, diagnostics_);
  }

  // What decides results and was written with a ${NAME}: "pipelines.alarm.where" and its value.
  std::vector<Keys::Referring> referring() const {
    std::vector<Keys::Referring> out;
    const auto table = [&](const std::string& name, const Keys& keys) {
      for (Keys::Referring& key : keys.referring()) {
        key.name = format("{}.{}", name, key.name);
        out.push_back(std::move(key));
      }
    };
    table("limits", tables_.limits.keys);
    table("restart", tables_.restart.keys);
    for (const auto& source : tables_.sources) table("sources." + source.settings.name, source.keys);
    for (const auto& pipeline : tables_.pipelines)
      table("pipelines." + pipeline.settings.name, pipeline.keys);
    for (const auto& sink : tables_.sinks) table("sinks." + sink.settings.name, sink.keys);
    for (const auto& lookup : tables_.lookups) table("lookups." + lookup.settings.name, lookup.keys);
    return out;
  }

  // What lookups have now. A mistake stands at the path.
  void read_lookups() {
    if (!reading_.environment.lookup) return;
    for (auto& lookup : tables_.lookups) {
      if (!lookup.sound) continue;
      auto table = reading_.environment.lookup(lookup.settings);
      if (table)
        lookup.settings.table = std::move(*table);
      else
        diagnostics_.error(lookup.settings.path.place,
                           format("lookup {}: {}", lookup.settings.name, table.error().message));
    }
  }

  // What they had when the configuration was stored.
  void recall_lookups(const std::map<std::string, std::string, std::less<>>& hashes) {
    if (!reading_.environment.kept_lookup) return;
    for (auto& lookup : tables_.lookups) {
      const auto hash = hashes.find(lookup.settings.name);
      if (hash == hashes.end()) continue;
      auto table = reading_.environment.kept_lookup(hash->second);
      if (table)
        lookup.settings.table = std::move(*table);
      else
        diagnostics_.error(lookup.settings.place, format("the table of lookup {} as it was then: {}",
                                                         lookup.settings.name, table.error().message));
    }
  }

  // The keys still refer to tables_, so texts are made before the settings are taken.
  Settings take_settings() {
    for (auto& source : tables_.sources) source.settings.qos = std::min(source.settings.qos, 1);
    for (auto& sink : tables_.sinks) sink.settings.qos = std::min(sink.settings.qos, 1);
    Settings out;
    out.canonical_text = text(Keys::Form::stored, true) + resolved_lines();
    out.fingerprint = checksum(text(Keys::Form::resolved, false));
    for (auto& source : tables_.sources)
      source.settings.digest = checksum(source.keys.lines(Keys::Form::whole));
    for (auto& sink : tables_.sinks) sink.settings.digest = checksum(sink.keys.lines(Keys::Form::whole));
    out.node = std::move(tables_.node.settings);
    out.checkpoint = std::move(tables_.checkpoint.settings);
    out.journal = std::move(tables_.journal.settings);
    out.limits = std::move(tables_.limits.settings);
    out.log = std::move(tables_.log.settings);
    for (auto& source : tables_.sources) out.sources.push_back(std::move(source.settings));
    out.restart = tables_.restart.settings;
    for (auto& pipeline : tables_.pipelines) {
      if (!pipeline.keys.given("restart")) pipeline.settings.restart = out.restart;
      out.pipelines.push_back(std::move(pipeline.settings));
    }
    for (auto& sink : tables_.sinks) {
      SinkSettings& settings = out.sinks.emplace_back(std::move(sink.settings));
      if (!settings.path->empty()) settings.path.value = path_below(*out.node.data_dir, *settings.path);
    }
    for (auto& lookup : tables_.lookups) out.lookups.push_back(std::move(lookup.settings));
    out.tests = std::move(tables_.tests);
    return out;
  }

 private:
  // Reads one [sources.NAME], [pipelines.NAME] or [sinks.NAME].
  template <class T>
  Loaded<T>& read_named(const TableEntry& entry, std::string_view kind, Keys (*declare)(T&),
                        std::list<Loaded<T>>& into) {
    Loaded<T>& loaded = into.emplace_back(declare);
    loaded.settings.name = entry.key;
    loaded.settings.place = entry.key_place;
    if (!is_name(entry.key)) {
      diagnostics_.error(entry.key_place, format("\"{}\" is no name for a {}", entry.key, kind),
                         "names are of A-Z a-z 0-9 _ - and begin with a letter or _");
      loaded.sound = false;
    }
    if (entry.value.kind != Node::Kind::table) {
      diagnostics_.error(entry.key_place,
                         format("{} {} is a table, not {}", kind, entry.key, entry.value.kind_name()),
                         format("write [{}s.{}] and its keys below", kind, entry.key));
      loaded.sound = false;
    } else if (!loaded.keys.read(entry.value, format("{}s.{}", kind, entry.key), reading_)) {
      loaded.sound = false;
    }
    return loaded;
  }

  void read_source(const TableEntry& entry) {
    auto& loaded = read_named(entry, "source", source_keys, tables_.sources);
    if (!loaded.keys.given("timestamp")) loaded.settings.timestamp.reset();
  }

  void read_pipeline(const TableEntry& entry) {
    auto& loaded = read_named(entry, "pipeline", pipeline_keys, tables_.pipelines);
    PipelineSettings& settings = loaded.settings;
    if (settings.uid.empty()) settings.uid = settings.name;
    settings.window.place = loaded.keys.place_of("window");
    if (!loaded.keys.given("time") && settings.window.type == WindowSettings::Type::absence)
      settings.time = TimeDomain::processing;
    if (settings.window.slide_count == 0) settings.window.slide_count = settings.window.size_count;
    if (!settings.emit.given() && settings.window.type == WindowSettings::Type::none)
      settings.emit.value = EmitPolicy::on_update;
  }

  void read_sink(const TableEntry& entry) { read_named(entry, "sink", sink_keys, tables_.sinks); }

  std::string text(Keys::Form form, bool whole) const {
    std::string out;
    const auto table = [&](std::string_view name, const Keys& keys) {
      if (!out.empty()) out += "\n";
      out += format("[{}]\n{}", name, keys.lines(form));
    };
    if (whole) {
      table("node", tables_.node.keys);
      table("checkpoint", tables_.checkpoint.keys);
      table("journal", tables_.journal.keys);
      table("log", tables_.log.keys);
    } else {
      out += format("node.name = \"{}\"\n", *tables_.node.settings.name);
    }
    table("limits", tables_.limits.keys);
    table("restart", tables_.restart.keys);
    for (const auto& source : tables_.sources) table("sources." + source.settings.name, source.keys);
    for (const auto& pipeline : tables_.pipelines)
      table("pipelines." + pipeline.settings.name, pipeline.keys);
    for (const auto& sink : tables_.sinks) table("sinks." + sink.settings.name, sink.keys);
    for (const auto& lookup : tables_.lookups) table("lookups." + lookup.settings.name, lookup.keys);
    return out;
  }

  std::string resolved_lines() const {
    std::string out = "\n";
    for (const Keys::Referring& key : referring())
      out += format("{}{} {}\n", kResolved, key.name, checksum_text(key.value));
    return out == "\n" ? format("\n{}nothing\n", kResolved) : out;
  }

  Reading reading_;
  Diagnostics& diagnostics_;
  LoadedTables tables_;
};

template <class T>
void withhold(Node& table, Keys (*declare)(T&)) {
  T settings;
  declare(settings).withhold(table);
}

// No variable is asked for that the plan does not depend on.
void withhold_outside(Node& tree) {
  for (TableEntry& entry : tree.entries) {
    const auto each = [&entry](auto declare) {
      for (TableEntry& named : entry.value.entries) withhold(named.value, declare);
    };
    if (entry.key == "node") withhold(entry.value, node_keys);
    if (entry.key == "checkpoint") withhold(entry.value, checkpoint_keys);
    if (entry.key == "journal") withhold(entry.value, journal_keys);
    if (entry.key == "log") withhold(entry.value, log_keys);
    if (entry.key == "limits") withhold(entry.value, limit_keys);
    if (entry.key == "restart") withhold(entry.value, restart_keys);
    if (entry.key == "sources") each(source_keys);
    if (entry.key == "pipelines") each(pipeline_keys);
    if (entry.key == "sinks") each(sink_keys);
    if (entry.key == "lookups") each(lookup_keys);
  }
}

// By key, the checksums of values that a stored configuration says; none when it says nothing of them.
std::optional<std::map<std::string, std::string, std::less<>>> resolved_then(std::string_view text) {
  std::optional<std::map<std::string, std::string, std::less<>>> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(kResolved)) continue;
    if (!out) out.emplace();
    line.remove_prefix(kResolved.size());
    const std::size_t space = line.find(' ');
    if (space != std::string_view::npos) (*out)[std::string(line.substr(0, space))] = line.substr(space + 1);
  }
  return out;
}

// The rules of zones and the tables of lookups become a part of the configuration.
void take_zones_and_lookups(NamedZones zones, Settings& settings) {
  const std::string lines = zone_lines(zones);
  settings.canonical_text += lines;
  if (!lines.empty()) settings.fingerprint = checksum(lines, settings.fingerprint);
  settings.zones = std::move(zones);
  settings.text_without_lookups = settings.canonical_text.size();
  settings.fingerprint_without_lookups = settings.fingerprint;
  use_lookup_tables(settings);
}

}  // namespace

std::optional<Settings> load_settings(std::vector<ConfigFile> files, const LoaderEnvironment& environment,
                                      Diagnostics& diagnostics) {
  std::optional<Settings> settings = read_settings(std::move(files), environment, diagnostics);
  if (diagnostics.has_errors()) settings.reset();
  return settings;
}

std::optional<Settings> read_settings(std::vector<ConfigFile> files, const LoaderEnvironment& environment,
                                      Diagnostics& diagnostics) {
  Node tree;
  bool readable = true;
  std::vector<std::optional<Node>> trees;
  for (ConfigFile& file : files) {
    trees.push_back(read_toml(diagnostics.add_file(std::move(file)), diagnostics));
    readable = readable && trees.back();
  }
  if (!readable) return std::nullopt;
  for (std::optional<Node>& part : trees) merge(tree, std::move(*part), diagnostics);
  replace_variables(tree, environment, diagnostics);

  Loading loading(environment, diagnostics);
  loading.read(tree);
  loading.check();
  loading.read_lookups();
  Settings settings = loading.take_settings();
  NamedZones zones;
  if (environment.named_zones)
    for (const std::string& name : environment.named_zones(settings))
      zones.emplace(name, load_zone(name, environment.zone_file));
  take_zones_and_lookups(std::move(zones), settings);
  return settings;
}

std::optional<Settings> load_stored_settings(ConfigFile stored, const LoaderEnvironment& environment,
                                             Diagnostics& diagnostics, StoredValues values) {
  LoaderEnvironment without_secrets = environment;
  without_secrets.secret_file = [](const std::string&) -> Result<std::string> { return std::string(); };
  const auto then = resolved_then(stored.text);
  if (!then) return load_settings({std::move(stored)}, without_secrets, diagnostics);

  NamedZones zones = zones_of_lines(stored.text);
  const auto hashes = lookups_of_lines(stored.text);
  std::optional<Node> tree =
      read_toml(diagnostics.add_file(std::move(stored)), diagnostics, kMaxStoredConfigBytes);
  if (!tree) return std::nullopt;
  withhold_outside(*tree);
  replace_variables(*tree, without_secrets, diagnostics);
  Loading loading(without_secrets, diagnostics);
  loading.read(*tree);
  loading.check_stored();
  loading.recall_lookups(hashes);
  if (values == StoredValues::as_they_were)
    for (const Keys::Referring& key : loading.referring())
      if (const auto was = then->find(key.name);
          was != then->end() && was->second != checksum_text(key.value))
        diagnostics.error(key.place, "this refers to an environment variable that has another value now",
                          "set it as it was, for one start");
  if (diagnostics.has_errors()) return std::nullopt;
  Settings settings = loading.take_settings();
  take_zones_and_lookups(std::move(zones), settings);
  return settings;
}

bool says_what_was_resolved(const std::string& stored) {
  return resolved_then(stored).has_value();
}

}  // namespace tidemark
