#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "base/format.h"
#include "base/sizes.h"
#include "config/addresses.h"
#include "config/checks.h"

namespace tidemark {
namespace {

class ResourceRules {
 public:
  ResourceRules(const LoadedTables& tables, Diagnostics& diagnostics)
      : tables_(tables), diagnostics_(diagnostics) {}

  void check() {
    listeners();
    socket_files();
    standard_inputs();
    sink_files();
    sink_servers();
    sink_buffers();
    brokers();
    acknowledgements();
    journal_size();
  }

 private:
  std::string see(const Place& place) const {
    return format("the other is at {}", diagnostics_.where(place));
  }

  void listeners() {
    std::vector<std::pair<HostPort, const SourceSettings*>> taken;
    for (const auto& source : tables_.sources) {
      if (!source.sound || source.settings.listen->empty()) continue;
      const std::optional<HostPort> address = parse_host_port(*source.settings.listen);
      if (!address) continue;
      const auto other = std::ranges::find_if(taken, [&](const auto& before) {
        return before.second->type == source.settings.type && same_address(before.first, *address);
      });
      if (other != taken.end())
        diagnostics_.error(source.settings.listen.place,
                           format("source {} listens on this address, too", other->second->name),
                           see(other->second->listen.place));
      taken.emplace_back(*address, &source.settings);
    }
  }

  void socket_files() {
    std::map<std::string, const SourceSettings*> taken;
    for (const auto& source : tables_.sources) {
      if (!source.sound || source.settings.type != SourceSettings::Type::unix_socket) continue;
      const auto [other, is_new] = taken.emplace(path_below("", *source.settings.path), &source.settings);
      if (!is_new)
        diagnostics_.error(source.settings.path.place,
                           format("source {} listens on this socket, too", other->second->name),
                           see(other->second->path.place));
    }
  }

  void standard_inputs() {
    const SourceSettings* first = nullptr;
    for (const auto& source : tables_.sources) {
      if (!source.sound || source.settings.type != SourceSettings::Type::standard_input) continue;
      if (first)
        diagnostics_.error(source.settings.place, format("source {} reads stdin, too", first->name),
                           see(first->place));
      else
        first = &source.settings;
    }
  }

  // The tables that a sink writes, {pipeline} replaced.
  std::set<std::string> tables_of(const SinkSettings& sink) const {
    std::set<std::string> names;
    const auto add = [&](const std::string& writer) {
      std::string name = *sink.table;
      constexpr std::string_view kWriter = "{pipeline}";
      for (std::size_t at = name.find(kWriter); at != std::string::npos;
           at = name.find(kWriter, at + writer.size()))
        name.replace(at, kWriter.size(), writer);
      std::ranges::transform(name, name.begin(),
                             [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      names.insert(std::move(name));
    };
    for (const auto& pipeline : tables_.pipelines) {
      const PipelineSettings& settings = pipeline.settings;
      if (*settings.late_to == sink.name || *settings.dead_letter_to == sink.name ||
          std::ranges::find(settings.to, sink.name, &Located<std::string>::value) != settings.to.end())
        add(settings.name);
    }
    for (const auto& source : tables_.sources)
      if (*source.settings.dead_letter_to == sink.name) add(source.settings.name);
    return names;
  }

  void sink_files() {
    if (!tables_.node.sound) return;
    std::map<std::string, std::vector<const SinkSettings*>> by_path;
    for (const auto& sink : tables_.sinks) {
      if (!sink.sound || sink.settings.path->empty()) continue;
      const std::string path = path_below(*tables_.node.settings.data_dir, *sink.settings.path);
      own_file(sink.settings, path);
      // Two names of one file, by links.
      std::error_code no_such;
      std::string real = std::filesystem::weakly_canonical(path, no_such).string();
      if (no_such) real = path;
      for (const SinkSettings* other : by_path[real]) one_path(sink.settings, *other);
      by_path[real].push_back(&sink.settings);
    }
  }

  void one_path(const SinkSettings& sink, const SinkSettings& other) {
    if (sink.type == SinkSettings::Type::sqlite && other.type == SinkSettings::Type::sqlite) {
      const std::set<std::string> mine = tables_of(sink);
      const std::set<std::string> others = tables_of(other);
      const auto shared =
          std::ranges::find_if(mine, [&](const std::string& name) { return others.contains(name); });
      if (shared == mine.end()) return;
      diagnostics_.error(sink.table.given() ? sink.table.place : sink.path.place,
                         format("sink {} writes table \"{}\" of this file, too", other.name, *shared),
                         see(other.table.given() ? other.table.place : other.path.place));
      return;
    }
    diagnostics_.error(sink.path.place, format("sink {} writes this file, too", other.name),
                       see(other.path.place));
  }

  void own_file(const SinkSettings& sink, const std::string& path) {
    constexpr std::array<std::string_view, 10> kOwn = {
        "LOCK",    "lineage", "checkpoints", "checkpoints.db", "checkpoints.db-wal", "checkpoints.db-shm",
        "journal", "outbox",  "config",      "sinks"};
    const std::string data_dir = path_below("", *tables_.node.settings.data_dir);
    const std::string inside = std::filesystem::path(path).lexically_relative(data_dir).string();
    const std::string first = inside.substr(0, inside.find('/'));
    if (first == "." || std::ranges::find(kOwn, first) != kOwn.end())
      diagnostics_.error(sink.path.place, format("{} is Tidemark's own", path),
                         "choose another name in data_dir");
  }

  // Two streams of lines into one place are one stream, and it belongs to one sink.
  void sink_servers() {
    std::vector<std::pair<HostPort, const SinkSettings*>> taken;
    for (const auto& sink : tables_.sinks) {
      if (!sink.sound || sink.settings.type != SinkSettings::Type::tcp) continue;
      if (!sink.settings.peer.empty() && !sink.settings.ack)
        diagnostics_.error(sink.keys.place_of("peer"), "`peer` needs ack = true",
                           "it is the name that the sink introduces itself by");
      const std::optional<HostPort> address = parse_host_port(*sink.settings.connect);
      if (!address) continue;
      const auto other = std::ranges::find_if(taken, [&](const auto& before) {
        return before.first.host == address->host && before.first.port == address->port;
      });
      if (other != taken.end())
        diagnostics_.error(sink.settings.connect.place,
                           format("sink {} connects to this address, too", other->second->name),
                           see(other->second->connect.place));
      taken.emplace_back(*address, &sink.settings);
    }
  }

  // A file or a table that lacks rows says nothing of it; who reads messages must be ready to miss some.
  void sink_buffers() {
    for (const auto& sink : tables_.sinks)
      if (sink.sound && sink.settings.drop_oldest && sink.settings.type != SinkSettings::Type::mqtt &&
          sink.settings.type != SinkSettings::Type::tcp)
        diagnostics_.error(sink.keys.place_of("full"), "full = \"drop-oldest\" is for mqtt and tcp sinks",
                           "other sinks hold each result once; write full = \"pause\"");
  }

  // Two clients with one id throw each other out at the broker, in turns, for ever.
  void brokers() {
    std::map<std::tuple<std::string, std::uint16_t, std::string>, Place> clients;
    const auto check = [&](const auto& loaded, bool is_mqtt) {
      if (!loaded.sound || !is_mqtt) return;
      const auto& settings = loaded.settings;
      if (!settings.client_id.empty()) {
        const Place place = loaded.keys.place_of("client_id");
        const auto [other, is_new] =
            clients.emplace(std::tuple(settings.host, settings.port, settings.client_id), place);
        if (!is_new)
          diagnostics_.error(place,
                             format("client_id \"{}\" stands twice for one broker", settings.client_id),
                             see(other->second));
      }
      for (const char* name : {"ca_file", "cert_file", "key_file"})
        if (loaded.keys.given(name) && !settings.tls)
          diagnostics_.error(loaded.keys.place_of(name), format("`{}` needs TLS", name),
                             "write mqtts:// in `url`");
      if (settings.cert_file.empty() != settings.key_file.empty())
        diagnostics_.error(loaded.keys.place_of(settings.cert_file.empty() ? "key_file" : "cert_file"),
                           "`cert_file` and `key_file` go together");
      if (settings.password.size() > 0 && !loaded.keys.given("username") &&
          !loaded.keys.given("username_file"))
        diagnostics_.error(loaded.keys.place_of(loaded.keys.given("password") ? "password" : "password_file"),
                           "a password without `username`");
      if (settings.qos == 2)
        diagnostics_.warning(loaded.keys.place_of("qos"), "qos 2 is not in this release; 1 is used",
                             "Tidemark counts each message of qos 1 once, also when the broker repeats it");
    };
    for (const auto& source : tables_.sources)
      check(source, source.settings.type == SourceSettings::Type::mqtt);
    for (const auto& sink : tables_.sinks) check(sink, sink.settings.type == SinkSettings::Type::mqtt);
  }

  // Without a journal an acknowledgement waits for its checkpoint, and one that waits longer than the
  // keep-alive loses the connection: the broker sends everything again, and so on.
  void acknowledgements() {
    if (tables_.journal.settings.enabled || !tables_.checkpoint.sound) return;
    const Located<Duration>& interval = tables_.checkpoint.settings.interval;
    for (const auto& source : tables_.sources) {
      const SourceSettings& settings = source.settings;
      if (!source.sound || settings.type != SourceSettings::Type::mqtt || settings.qos == 0) continue;
      if (*interval <= settings.keep_alive / 3) continue;
      const Place keep_alive = source.keys.place_of("keep_alive");
      diagnostics_.error(
          keep_alive.known() ? keep_alive
          : interval.given() ? interval.place
                             : settings.place,
          format("without a journal, checkpoint.interval ({}) may be at most a third of keep_alive ({}) of "
                 "source {}",
                 to_text(*interval), to_text(settings.keep_alive), settings.name),
          "messages are acknowledged with the checkpoint that covers them, and the broker waits no longer");
    }
  }

  void journal_size() {
    const JournalSettings& journal = tables_.journal.settings;
    const std::uint64_t record = tables_.limits.settings.max_record;
    if (!tables_.journal.sound || !tables_.limits.sound || !journal.enabled || journal.max_size / 2 >= record)
      return;
    const Place at = tables_.journal.keys.place_of("max_size");
    diagnostics_.error(at.known() ? at : tables_.limits.keys.place_of("max_record"),
                       format("journal.max_size ({}) must be at least twice limits.max_record ({})",
                              size_to_text(journal.max_size), size_to_text(record)),
                       "a record that does not fit would stop the source for ever");
  }

  const LoadedTables& tables_;
  Diagnostics& diagnostics_;
};

}  // namespace

std::string path_below(const std::string& data_dir, const std::string& path) {
  std::string whole = (std::filesystem::path(data_dir) / path).lexically_normal().string();
  while (whole.size() > 1 && whole.ends_with('/')) whole.pop_back();
  return whole;
}

void check_resources(const LoadedTables& tables, Diagnostics& diagnostics) {
  ResourceRules(tables, diagnostics).check();
}

}  // namespace tidemark
