#include <algorithm>
#include <charconv>

#include "base/format.h"
#include "base/nearest.h"
#include "base/pattern.h"
#include "config/addresses.h"
#include "config/tables.h"

namespace tidemark {
namespace {

using Type = SourceSettings::Type;
using Texts = std::vector<Located<std::string>>;

struct TimeFormat {
  std::string_view name;
  TimestampSetting::Unit unit;
};
constexpr TimeFormat kTimeFormats[] = {{"s", TimestampSetting::Unit::s},
                                       {"ms", TimestampSetting::Unit::ms},
                                       {"us", TimestampSetting::Unit::us},
                                       {"ns", TimestampSetting::Unit::ns},
                                       {"rfc3339", TimestampSetting::Unit::rfc3339}};

bool read_time_format(const Located<std::string>& text, TimestampSetting& timestamp,
                      Diagnostics& diagnostics) {
  const auto known = std::ranges::find(kTimeFormats, *text, &TimeFormat::name);
  if (known != std::end(kTimeFormats)) {
    timestamp.unit = known->unit;
    return true;
  }
  constexpr std::string_view kAllowed =
      "allowed: s, ms, us, ns, rfc3339, or a pattern such as \"%d.%m.%Y %H:%M:%S\"";
  if (text->find('%') == std::string::npos) {
    std::vector<std::string_view> words;
    for (const TimeFormat& each : kTimeFormats) words.push_back(each.name);
    std::string message = format("unknown timestamp format \"{}\"", *text);
    if (const auto meant = nearest(*text, words)) message += format("; did you mean \"{}\"?", *meant);
    diagnostics.error(text.place, std::move(message), std::string(kAllowed));
    return false;
  }
  Result<TimePattern> pattern = TimePattern::parse(*text);
  if (!pattern) {
    diagnostics.error(text.place, pattern.error().message, std::string(kAllowed));
    return false;
  }
  timestamp.unit = TimestampSetting::Unit::pattern;
  timestamp.pattern = std::move(*pattern);
  return true;
}

std::string print_time_format(const TimestampSetting& timestamp) {
  if (timestamp.unit == TimestampSetting::Unit::pattern) return timestamp.pattern.text();
  return std::string(std::ranges::find(kTimeFormats, timestamp.unit, &TimeFormat::unit)->name);
}

bool read_delimiter(const Located<std::string>& text, char& delimiter, Diagnostics& diagnostics) {
  const char c = text->front();
  if (text->size() == 1 && c != '"' && c != '\n' && c != '\r' && static_cast<unsigned char>(c) < 0x80) {
    delimiter = c;
    return true;
  }
  diagnostics.error(text.place, "a delimiter is one ASCII character, and no quote or line end",
                    "such as \",\", \";\" or \"\\t\"");
  return false;
}

bool read_quote(const Located<std::string>& text, char& quote, Diagnostics& diagnostics) {
  const char c = text->front();
  if (*text == "none") {
    quote = '\0';
    return true;
  }
  if (text->size() == 1 && c > ' ' && c < 0x7f) {
    quote = c;
    return true;
  }
  diagnostics.error(text.place, "a quote is one visible ASCII character",
                    R"(such as "'", or "none" for no quotes)");
  return false;
}

bool is_pattern(const Located<std::string>& text, Diagnostics& diagnostics) {
  const Result<Pattern> pattern = Pattern::compile(*text);
  if (pattern) return true;
  diagnostics.error(
      text.place, format("this is no pattern: {}", pattern.error().message),
      "RE2's syntax, such as '(?P<level>\\w+) (?P<took_ms>\\d+)ms .*'; in '' TOML leaves \\ alone");
  return false;
}

// "metrics", "data.rows".
bool is_path_of_members(const Located<std::string>& text, Diagnostics& diagnostics) {
  if (!text->starts_with('.') && !text->ends_with('.') && !text->contains("..")) return true;
  diagnostics.error(text.place, format("\"{}\" is no path", *text),
                    "names with dots between them, such as \"metrics\" or \"data.rows\"");
  return false;
}

// A topic filter of MQTT 5, section 4.7; $share/group/filter shares it with others.
bool is_topic_filter(const Located<std::string>& text, Diagnostics& diagnostics) {
  const auto refuse = [&](std::string_view why) {
    diagnostics.error(text.place, format("\"{}\" is no topic filter: {}", *text, why),
                      "such as \"plant/+/+/telemetry\" or \"plant/#\"");
    return false;
  };
  std::string_view filter = *text;
  if (filter.size() > 65535) return refuse("it is longer than 65535 bytes");
  if (filter.starts_with("$share/")) {
    filter.remove_prefix(7);
    const std::size_t slash = filter.find('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == filter.size() ||
        filter.substr(0, slash).find_first_of("+#") != std::string_view::npos)
      return refuse("shared ones are $share/GROUP/FILTER");
    filter.remove_prefix(slash + 1);
  }
  for (std::size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] == '\0') return refuse("it holds a NUL character");
    if (filter[i] != '+' && filter[i] != '#') continue;
    const bool whole_level =
        (i == 0 || filter[i - 1] == '/') && (i + 1 == filter.size() || filter[i + 1] == '/');
    if (!whole_level) return refuse(format("{} stands for a whole level", filter[i]));
    if (filter[i] == '#' && i + 1 != filter.size())
      return refuse("# stands for all levels that follow and is the last");
  }
  return true;
}

void mqtt_source_keys(Keys& keys, SourceSettings& source) {
  const auto read_url = [&source](const Located<std::string>& url, Diagnostics& diagnostics) {
    const std::optional<Broker> broker = read_broker_url(url, diagnostics);
    if (!broker) return false;
    source.url = url;
    source.host = broker->host;
    source.port = broker->port;
    source.tls = broker->tls;
    return true;
  };
  keys.parsed("url", read_url, [&source] { return *source.url; })
      .only_for("type", {"mqtt"})
      .required()
      .doc("the broker: mqtt://host:port, or mqtts://host:port for TLS");
  keys.texts("topics", source.topics)
      .check(is_topic_filter)
      .only_for("type", {"mqtt"})
      .required()
      .doc("topic filters to subscribe to, also $share/GROUP/FILTER");
  keys.integer("qos", source.qos)
      .at_most(2)
      .only_for("type", {"mqtt"})
      .doc("quality of service to subscribe with: 0 or 1 (acknowledged when durable)");
  keys.text("topic_fields", source.topic_fields.pattern)
      .only_for("type", {"mqtt"})
      .doc("fields taken out of the topic, as in plant/{line}/{device}/telemetry");
  keys.text("client_id", source.client_id)
      .only_for("type", {"mqtt"})
      .doc("who Tidemark is to the broker; left out, a random one is made once and kept");
  keys.duration("session_expiry", source.session_expiry)
      .at_least(1s)
      .at_most(std::chrono::seconds(4294967294))
      .only_for("type", {"mqtt"})
      .doc("how long the broker keeps messages for Tidemark while it is away");
  keys.duration("keep_alive", source.keep_alive)
      .at_least(5s)
      .at_most(65535s)
      .only_for("type", {"mqtt"})
      .doc("the broker takes a connection that is silent for 1.5 times as long as lost");
  keys.integer("receive_maximum", source.receive_maximum)
      .at_least(1)
      .only_for("type", {"mqtt"})
      .doc("messages that may wait for their acknowledgement at once");
  keys.word("protocol", source.protocol,
            {{"auto", SourceSettings::Protocol::automatic},
             {"5", SourceSettings::Protocol::v5},
             {"3.1.1", SourceSettings::Protocol::v311}})
      .only_for("type", {"mqtt"})
      .doc("version of MQTT; auto: 5, and 3.1.1 where the broker refuses it");
  keys.word("retained", source.retained,
            {{"first", RetainedPolicy::first},
             {"always", RetainedPolicy::always},
             {"never", RetainedPolicy::never}})
      .only_for("type", {"mqtt"})
      .doc("whether retained messages count: at the first subscription, at each one, or never");
  keys.text_or_file("username", source.username)
      .only_for("type", {"mqtt"})
      .doc("of an account at the broker");
  keys.secret("password", source.password).only_for("type", {"mqtt"}).doc("of that account");
  keys.text("ca_file", source.ca_file)
      .only_for("type", {"mqtt"})
      .doc("certificates that the broker's is checked by");
  keys.text("cert_file", source.cert_file).only_for("type", {"mqtt"}).doc("Tidemark's own certificate");
  keys.text("key_file", source.key_file).only_for("type", {"mqtt"}).doc("the private key to cert_file");
}

// "0660": what a program may do that is the owner's, of the group, or another.
bool read_mode(const Located<std::string>& text, unsigned& mode, Diagnostics& diagnostics) {
  unsigned value = 0;
  const char* const last = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), last, value, 8);
  if (error == std::errc{} && end == last && value <= 0777) {
    mode = value;
    return true;
  }
  diagnostics.error(
      text.place, format("\"{}\" is no file mode", *text),
      "write it in octal, such as \"0660\" (owner and group may connect) or \"0666\" (everybody)");
  return false;
}

void socket_source_keys(Keys& keys, SourceSettings& source) {
  keys.text("listen", source.listen)
      .check(is_listen_address)
      .only_for("type", {"tcp", "udp"})
      .required_for("type", {"udp"})
      .doc("the address to listen on: host:port");
  keys.text("connect", source.connect)
      .check(is_server_address)
      .only_for("type", {"tcp"})
      .doc("instead of listen: the server to read from, host:port; tried again and again while it is away");
  keys.flag("ack", source.ack)
      .only_for("type", {"tcp", "unix"})
      .doc(
          "answer each durable batch with a line {\"ack\":N}, N the number of the peer's durable records so "
          "far");
  keys.size("rcvbuf", source.rcvbuf)
      .at_most(1 << 30)
      .only_for("type", {"udp"})
      .doc(
          "the kernel's buffer for datagrams that are not read yet; 0: what the system gives. More than "
          "net.core.rmem_max needs a privilege");
  keys.parsed(
          "mode",
          [&source](const Located<std::string>& text, Diagnostics& diagnostics) {
            return read_mode(text, source.mode, diagnostics);
          },
          [&source] { return format("{:04o}", source.mode); })
      .only_for("type", {"unix"})
      .doc("who may connect: the file mode of the socket, in octal");
}

}  // namespace

Keys source_keys(SourceSettings& source) {
  Keys keys("source");
  keys.word("type", source.type,
            {{"mqtt", Type::mqtt},
             {"tcp", Type::tcp},
             {"udp", Type::udp},
             {"unix", Type::unix_socket},
             {"file", Type::file},
             {"stdin", Type::standard_input}})
      .later_words({"http"})
      .required()
      .doc("where records come from");
  keys.word("format", source.format.type,
            {{"json", FormatSettings::Type::json},
             {"csv", FormatSettings::Type::csv},
             {"text", FormatSettings::Type::text},
             {"influx", FormatSettings::Type::influx},
             {"msgpack", FormatSettings::Type::msgpack},
             {"cbor", FormatSettings::Type::cbor},
             {"sparkplug", FormatSettings::Type::sparkplug}})
      .doc(
          "of a record: json: an object; csv: a line of values, named by `fields`; text: a line that "
          "`pattern` takes apart; influx: a line of Influx line protocol; msgpack, cbor: a map of "
          "MessagePack "
          "or CBOR (mqtt and udp only); sparkplug: a metric of Sparkplug B (mqtt only). See FORMATS");
  keys.text("records", source.format.records)
      .check(is_path_of_members)
      .only_for("format", {"json", "msgpack", "cbor"})
      .doc(
          "where in a payload its records stand: the path of an array of them, such as \"metrics\" or "
          "\"data.rows\"; left out: the payload is one record, or an array of them");
  keys.parsed_list(
          "fields",
          [&source](const Texts& texts, Diagnostics& diagnostics) {
            return read_fields(texts, source.format.fields, diagnostics);
          },
          [&source] { return print_fields(source.format.fields); })
      .required_for("format", {"csv"})
      .doc(
          "names of the fields, each with a type if it is known: \"name\" or \"name:int\" (string, int, "
          "float, bool)");
  keys.parsed(
          "delimiter",
          [&source](const Located<std::string>& text, Diagnostics& diagnostics) {
            return read_delimiter(text, source.format.delimiter, diagnostics);
          },
          [&source] { return std::string(1, source.format.delimiter); })
      .only_for("format", {"csv"})
      .doc("between the values of a line");
  keys.parsed(
          "quote",
          [&source](const Located<std::string>& text, Diagnostics& diagnostics) {
            return read_quote(text, source.format.quote, diagnostics);
          },
          [&source] {
            return source.format.quote == '\0' ? std::string("none") : std::string(1, source.format.quote);
          })
      .only_for("format", {"csv"})
      .doc("around values that hold delimiters, doubled inside of them; \"none\": quotes mean nothing");
  keys.flag("header", source.format.header)
      .only_for("format", {"csv"})
      .doc("the first line of each file or connection names the columns and is no record");
  keys.flag("multiline", source.format.multiline)
      .only_for("format", {"csv"})
      .doc(
          "a line end inside quotes belongs to the value; a quote never closed then costs up to "
          "limits.max_record");
  keys.text("pattern", source.format.pattern)
      .check(is_pattern)
      .only_for("format", {"text"})
      .required()
      .doc(
          "a regular expression (RE2) that the whole line matches; its named groups, (?P<name>...), are the "
          "fields, "
          "strings unless `fields` gives them types");

  TimestampSetting& timestamp = source.timestamp.emplace();
  Keys timestamp_keys("timestamp");
  timestamp_keys.text("field", timestamp.field).required().doc("the field that holds the event time");
  timestamp_keys
      .parsed(
          "format",
          [&timestamp](const Located<std::string>& text, Diagnostics& diagnostics) {
            return read_time_format(text, timestamp, diagnostics);
          },
          [&timestamp] { return print_time_format(timestamp); })
      .doc(
          "how it is written: a number since 1970 in s, ms, us or ns, an rfc3339 text, or a pattern of "
          "strptime "
          "such as \"%d.%m.%Y %H:%M:%S\" (in UTC, unless the text says an offset that %z reads)");
  keys.group("timestamp", std::move(timestamp_keys))
      .optional()
      .doc("the event time; left out: the time of arrival");
  keys.duration("max_out_of_orderness", source.max_out_of_orderness)
      .doc("how far behind the newest event time a record may be: the watermark is that far behind");
  keys.optional_duration("idle_after", source.idle_after)
      .at_least(1ms)
      .none_is("never")
      .doc("after this long without a record the source no longer holds the watermark back");
  keys.duration("max_ahead", source.max_ahead)
      .doc("an event time further ahead of the arrival makes a bad record, not a new watermark");
  keys.text("dead_letter_to", source.dead_letter_to)
      .doc("the sink that records go to which cannot be decoded");

  socket_source_keys(keys, source);
  keys.text("path", source.path)
      .only_for("type", {"unix", "file"})
      .required()
      .doc("the file to read, once, to its end; of a unix source: the socket to listen on");
  keys.flag("follow", source.follow)
      .only_for("type", {"file"})
      .doc(
          "goes on reading as the file grows, is renamed away and made anew; waits where it is not there "
          "yet");
  mqtt_source_keys(keys, source);
  keys.outside(
      {"listen",   "connect",  "ack",      "rcvbuf",    "mode",           "path",       "follow",
       "url",      "topics",   "qos",      "client_id", "session_expiry", "keep_alive", "receive_maximum",
       "protocol", "retained", "username", "password",  "ca_file",        "cert_file",  "key_file"});
  return keys;
}

}  // namespace tidemark
