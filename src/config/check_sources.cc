#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"
#include "base/nearest.h"
#include "base/pattern.h"
#include "config/checks.h"
#include "config/sparkplug_columns.h"

namespace tidemark {
namespace {

using Type = SourceSettings::Type;

class SourceRules {
 public:
  SourceRules(const Loaded<SourceSettings>& source, Diagnostics& diagnostics)
      : source_(source), settings_(source.settings), diagnostics_(diagnostics) {}

  void check() {
    address();
    header();
    multiline();
    groups();
    binary();
  }

 private:
  Place place_of(std::string_view key) const { return source_.keys.place_of(key); }

  void address() {
    if (settings_.type != Type::tcp) return;
    const bool listens = !settings_.listen->empty();
    const bool connects = !settings_.connect->empty();
    if (listens && connects)
      diagnostics_.error(
          place_of("connect"), "`listen` and `connect` are both set",
          "a tcp source either waits for its peers or goes to a server; make two sources for both");
    if (!listens && !connects)
      diagnostics_.error(settings_.place, "`listen` or `connect` is missing; a tcp source has one of them",
                         "listen: the address that peers connect to; connect: the server to read from");
  }

  // A stream goes over several connections, and only the first would begin with a header; a message or a
  // datagram is no beginning of anything.
  void header() {
    if (!settings_.format.header) return;
    if (settings_.ack)
      diagnostics_.error(
          place_of("header"), "`header` does not go with `ack`",
          "a peer that comes back goes on in the middle of its lines; let it leave the header out");
    if (settings_.type == Type::mqtt || settings_.type == Type::udp)
      diagnostics_.error(place_of("header"), "`header` belongs to streams: tcp, unix, file and stdin sources",
                         "each message is records only");
  }

  void multiline() {
    if (!settings_.format.multiline) return;
    if (settings_.format.quote == '\0')
      diagnostics_.error(place_of("multiline"), "`multiline` needs quotes, and `quote` is \"none\"",
                         "a line end belongs to a value only inside quotes");
  }

  void groups() {
    if (settings_.format.type != FormatSettings::Type::text) return;
    const Result<Pattern> pattern = Pattern::compile(*settings_.format.pattern);
    if (!pattern) return;
    const std::vector<std::string_view> names(pattern->names().begin(), pattern->names().end());
    for (const FieldSetting& field : settings_.format.fields) {
      if (std::ranges::find(names, field.name) != names.end()) continue;
      std::string message = format("`pattern` has no group \"{}\"", field.name);
      if (const auto meant = nearest(field.name, names)) message += format("; did you mean \"{}\"?", *meant);
      diagnostics_.error(field.place, std::move(message),
                         format("name it in the pattern: (?P<{}>...)", field.name));
    }
  }

  // A stream of bytes has no messages, and line ends mean nothing in binary formats.
  void binary() {
    if (settings_.format.type == FormatSettings::Type::sparkplug) return sparkplug();
    if (!settings_.format.is_binary() || settings_.type == Type::mqtt || settings_.type == Type::udp) return;
    diagnostics_.error(
        place_of("format"), format("format \"{}\" is for messages: mqtt and udp sources", format_name()),
        "a stream has no place where a binary record would end; json and influx go over lines");
  }
  void sparkplug() {
    if (settings_.type != Type::mqtt)
      diagnostics_.error(place_of("format"), "format \"sparkplug\" is for mqtt sources",
                         "what a message means stands in its topic, spBv1.0/GROUP/NDATA/NODE");
    for (const FieldSetting& field : settings_.format.fields) {
      if (std::ranges::find(kSparkplugColumns, field.name) != kSparkplugColumns.end()) continue;
      if (field.name.starts_with("properties.")) continue;
      std::string message = format("Sparkplug B records have no column \"{}\"", field.name);
      if (const auto meant = nearest(field.name, kSparkplugColumns))
        message += format("; did you mean \"{}\"?", *meant);
      diagnostics_.error(field.place, std::move(message),
                         "a metric is a record of its own, with its name in the column metric");
    }
  }
  std::string_view format_name() const {
    return settings_.format.type == FormatSettings::Type::msgpack ? "msgpack" : "cbor";
  }

  const Loaded<SourceSettings>& source_;
  const SourceSettings& settings_;
  Diagnostics& diagnostics_;
};

}  // namespace

void check_sources(const LoadedTables& tables, Diagnostics& diagnostics) {
  for (const auto& source : tables.sources)
    if (source.sound) SourceRules(source, diagnostics).check();
}

}  // namespace tidemark
