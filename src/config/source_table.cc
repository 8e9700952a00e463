#include <algorithm>

#include "base/format.h"
#include "base/nearest.h"
#include "config/addresses.h"
#include "config/tables.h"

namespace tidemark {
namespace {

using Type = SourceSettings::Type;
using Texts = std::vector<Located<std::string>>;

struct FieldType {
  std::string_view name;
  FieldSetting::Type type;
};
constexpr FieldType kFieldTypes[] = {{"string", FieldSetting::Type::text},
                                     {"int", FieldSetting::Type::integer},
                                     {"float", FieldSetting::Type::real},
                                     {"bool", FieldSetting::Type::boolean}};

// "word:string", or "word" for a field of any type.
std::optional<FieldSetting> read_field(const Located<std::string>& text, Diagnostics& diagnostics) {
  FieldSetting field;
  field.place = text.place;
  const std::size_t colon = text->rfind(':');
  field.name = text->substr(0, colon);
  if (field.name.empty()) {
    diagnostics.error(text.place, "this field has no name", "write it as name or name:type");
    return std::nullopt;
  }
  if (colon == std::string::npos) return field;
  const std::string_view type = std::string_view(*text).substr(colon + 1);
  const auto found = std::ranges::find(kFieldTypes, type, &FieldType::name);
  if (found != std::end(kFieldTypes)) {
    field.type = found->type;
    return field;
  }
  std::vector<std::string_view> words;
  for (const FieldType& known : kFieldTypes) words.push_back(known.name);
  std::string message = format("unknown field type \"{}\"", type);
  if (const auto meant = nearest(type, words)) message += format("; did you mean \"{}\"?", *meant);
  diagnostics.error_inside(text, colon + 1, std::max<std::size_t>(1, type.size()), std::move(message),
                           "allowed: string, int, float, bool; without a type a field is what it looks like");
  return std::nullopt;
}

bool read_fields(const Texts& texts, std::vector<FieldSetting>& fields, Diagnostics& diagnostics) {
  std::vector<FieldSetting> read;
  bool fine = true;
  for (const Located<std::string>& text : texts) {
    std::optional<FieldSetting> field = read_field(text, diagnostics);
    if (field && std::ranges::find(read, field->name, &FieldSetting::name) != read.end()) {
      diagnostics.error(text.place, format("field \"{}\" is named twice", field->name));
      field.reset();
    }
    if (field)
      read.push_back(std::move(*field));
    else
      fine = false;
  }
  if (fine) fields = std::move(read);
  return fine;
}

std::vector<std::string> print_fields(const std::vector<FieldSetting>& fields) {
  std::vector<std::string> out;
  for (const FieldSetting& field : fields) {
    const auto type = std::ranges::find(kFieldTypes, field.type, &FieldType::type);
    out.push_back(type == std::end(kFieldTypes) ? field.name : format("{}:{}", field.name, type->name));
  }
  return out;
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
  keys.text("username", source.username).only_for("type", {"mqtt"}).doc("of an account at the broker");
  keys.secret("password", source.password).only_for("type", {"mqtt"}).doc("of that account");
  keys.text("ca_file", source.ca_file)
      .only_for("type", {"mqtt"})
      .doc("certificates that the broker's is checked by");
  keys.text("cert_file", source.cert_file).only_for("type", {"mqtt"}).doc("Tidemark's own certificate");
  keys.text("key_file", source.key_file).only_for("type", {"mqtt"}).doc("the private key to cert_file");
}

}  // namespace

Keys source_keys(SourceSettings& source) {
  Keys keys("source");
  keys.word("type", source.type,
            {{"mqtt", Type::mqtt}, {"tcp", Type::tcp}, {"file", Type::file}, {"stdin", Type::standard_input}})
      .later_words({"udp", "unix", "http"})
      .required()
      .doc("where records come from");
  keys.word("format", source.format.type,
            {{"json", FormatSettings::Type::json}, {"csv", FormatSettings::Type::csv}})
      .later_words({"influx", "text"})
      .doc("of a record: json: an object; csv: a line of values, named by `fields`");
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

  TimestampSetting& timestamp = source.timestamp.emplace();
  Keys timestamp_keys("timestamp");
  timestamp_keys.text("field", timestamp.field).required().doc("the field that holds the event time");
  timestamp_keys
      .word("format", timestamp.unit,
            {{"s", TimestampSetting::Unit::s},
             {"ms", TimestampSetting::Unit::ms},
             {"us", TimestampSetting::Unit::us},
             {"ns", TimestampSetting::Unit::ns},
             {"rfc3339", TimestampSetting::Unit::rfc3339}})
      .doc("how it is written: a number since 1970 in s, ms, us or ns, or an rfc3339 text");
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

  keys.parsed(
          "listen",
          [&source](const Located<std::string>& address, Diagnostics& diagnostics) {
            source.listen = address;
            return is_listen_address(address, diagnostics);
          },
          [&source] { return *source.listen; })
      .only_for("type", {"tcp"})
      .required()
      .doc("the address to listen on: host:port");
  keys.flag("ack", source.ack)
      .only_for("type", {"tcp"})
      .doc(
          "answer each durable batch with a line {\"ack\":N}, N the number of the peer's durable records so "
          "far");
  keys.text("path", source.path)
      .only_for("type", {"file"})
      .required()
      .doc("the file to read, once, to its end");
  mqtt_source_keys(keys, source);
  for (const char* name : {"connect", "follow", "rcvbuf", "header", "quote", "multiline", "pattern"})
    keys.later(name);
  return keys;
}

}  // namespace tidemark
