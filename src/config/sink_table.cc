#include "base/format.h"
#include "config/addresses.h"
#include "config/tables.h"

namespace tidemark {
namespace {

using Type = SinkSettings::Type;

// "alerts/{line}/{device}"
bool is_topic(const Located<std::string>& text, Diagnostics& diagnostics) {
  const auto refuse = [&](std::size_t at, std::size_t length, std::string_view why) {
    diagnostics.error_inside(
        text, at, length, format("\"{}\" is no topic to publish to: {}", *text, why),
        "such as \"alerts/{line}/{device}\"; {} holds the name of a field of the result");
    return false;
  };
  if (text->size() > 65535) return refuse(0, 1, "it is longer than 65535 bytes");
  std::size_t open = std::string::npos;
  for (std::size_t i = 0; i < text->size(); ++i) {
    const char c = (*text)[i];
    if (c == '+' || c == '#') return refuse(i, 1, format("{} is for subscribing", c));
    if (c == '\0') return refuse(i, 1, "it holds a NUL character");
    if (c == '{' && open != std::string::npos) return refuse(i, 1, "{ inside of { }");
    if (c == '{') open = i;
    if (c != '}') continue;
    if (open == std::string::npos) return refuse(i, 1, "} without {");
    if (i == open + 1) return refuse(open, 2, "{} names no field");
    open = std::string::npos;
  }
  if (open != std::string::npos) return refuse(open, 1, "{ without }");
  return true;
}

bool is_table_name(const Located<std::string>& text, Diagnostics& diagnostics) {
  if (text->find('\0') == std::string::npos && !text->starts_with("sqlite_") &&
      !text->starts_with("_tidemark"))
    return true;
  diagnostics.error(text.place, format("\"{}\" cannot be the table of a sink", *text),
                    "names that begin with sqlite_ or _tidemark are taken");
  return false;
}

bool is_peer_name(const Located<std::string>& text, Diagnostics& diagnostics) {
  constexpr std::size_t kLongest = 256;  // as a source takes it
  if (text->size() <= kLongest) return true;
  diagnostics.error(text.place, format("the name of a peer is longer than {} bytes", kLongest));
  return false;
}

void tcp_sink_keys(Keys& keys, SinkSettings& sink) {
  keys.text("connect", sink.connect)
      .check(is_server_address)
      .only_for("type", {"tcp"})
      .required()
      .doc("the address to connect to: \"host:port\"; with growing pauses, when it is away");
  keys.flag("ack", sink.ack)
      .only_for("type", {"tcp"})
      .doc(
          "whether the other side acknowledges what is durable there, as a tcp source with ack = true does; "
          "then each result arrives once");
  keys.text("peer", sink.peer)
      .check(is_peer_name)
      .only_for("type", {"tcp"})
      .doc("with `ack`: the name it introduces itself by; left out, a random one is made once and kept");
}

void mqtt_sink_keys(Keys& keys, SinkSettings& sink) {
  const auto read_url = [&sink](const Located<std::string>& url, Diagnostics& diagnostics) {
    const std::optional<Broker> broker = read_broker_url(url, diagnostics);
    if (!broker) return false;
    sink.url = url;
    sink.host = broker->host;
    sink.port = broker->port;
    sink.tls = broker->tls;
    return true;
  };
  keys.parsed("url", read_url, [&sink] { return *sink.url; })
      .only_for("type", {"mqtt"})
      .required()
      .doc("the broker: mqtt://host:port, or mqtts://host:port for TLS");
  keys.text("topic", sink.topic)
      .check(is_topic)
      .only_for("type", {"mqtt"})
      .required()
      .doc("where results are published; {name} stands for a field of the result");
  keys.integer("qos", sink.qos)
      .at_most(2)
      .only_for("type", {"mqtt"})
      .doc("quality of service to publish with: 0 or 1");
  keys.flag("retain", sink.retain)
      .only_for("type", {"mqtt"})
      .doc("whether the broker keeps the last result of a topic");
  keys.text("client_id", sink.client_id)
      .only_for("type", {"mqtt"})
      .doc("who Tidemark is to the broker; left out, a random one is made once and kept");
  keys.text_or_file("username", sink.username).only_for("type", {"mqtt"}).doc("of an account at the broker");
  keys.secret("password", sink.password).only_for("type", {"mqtt"}).doc("of that account");
  keys.text("ca_file", sink.ca_file)
      .only_for("type", {"mqtt"})
      .doc("certificates that the broker's is checked by");
  keys.text("cert_file", sink.cert_file).only_for("type", {"mqtt"}).doc("Tidemark's own certificate");
  keys.text("key_file", sink.key_file).only_for("type", {"mqtt"}).doc("the private key to cert_file");
}

}  // namespace

Keys sink_keys(SinkSettings& sink) {
  Keys keys("sink");
  keys.word("type", sink.type,
            {{"stdout", Type::standard_output},
             {"file", Type::file},
             {"sqlite", Type::sqlite},
             {"mqtt", Type::mqtt},
             {"tcp", Type::tcp},
             {"null", Type::null}})
      .later_words({"http"})
      .required()
      .doc("where results go; null: nowhere, they are only counted");
  keys.flag("ids", sink.ids).doc("give each result an _id: node/timeline/pipeline/sequence");
  keys.word("timestamps", sink.timestamps,
            {{"rfc3339", TimestampFormat::rfc3339},
             {"s", TimestampFormat::s},
             {"ms", TimestampFormat::ms},
             {"us", TimestampFormat::us},
             {"ns", TimestampFormat::ns}})
      .doc("how times are written: as rfc3339 text in UTC, or as a number since 1970");
  keys.optional_duration("flush", sink.flush)
      .none_is("auto")
      .doc("longest wait of a result; auto: with each checkpoint (file, sqlite), at once (others)");
  keys.size("buffer", sink.buffer)
      .at_least(4 << 10)
      .doc("results that are kept on disk while the sink cannot take them");
  keys.word("full", sink.drop_oldest, {{"pause", false}, {"drop-oldest", true}})
      .doc("when the buffer is full: pause the pipelines, or (mqtt, tcp) drop the oldest results, counted");
  keys.word("format", sink.format, {{"json", FormatSettings::Type::json}, {"csv", FormatSettings::Type::csv}})
      .later_words({"influx", "text"})
      .only_for("type", {"stdout", "file", "tcp"})
      .doc("of a line: a json object, or csv, with a header (file, stdout)");
  keys.text("path", sink.path)
      .only_for("type", {"file", "sqlite"})
      .required()
      .doc("the file to write; relative to data_dir");
  keys.size("rotate_size", sink.rotate_size)
      .only_for("type", {"file"})
      .doc("bytes beyond which a file is moved to PATH.N, N counting up, and a new one begun; 0: never");
  keys.optional_duration("rotate_every", sink.rotate_every)
      .none_is("never")
      .at_least(1s)
      .only_for("type", {"file"})
      .doc("span of the clock, counted from 1970 UTC, of which one file has the rows: \"1h\", \"24h\"");
  keys.integer("keep", sink.keep).only_for("type", {"file"}).doc("files PATH.N that are kept; 0: all");
  keys.flag("fsync", sink.fsync)
      .only_for("type", {"file"})
      .doc(
          "whether rows are synced before they count as written; without, a power cut may take the last "
          "ones");
  keys.text("table", sink.table)
      .check(is_table_name)
      .only_for("type", {"sqlite"})
      .doc("the table to write; {pipeline} stands for the name of the pipeline");
  keys.word("mode", sink.upsert, {{"append", false}, {"upsert", true}})
      .only_for("type", {"sqlite"})
      .doc("append: a row a result; upsert: a row a key and window, replaced by the next result");
  keys.word("on_reject", sink.keep_rejected, {{"pause", false}, {"dead-letter", true}})
      .only_for("type", {"sqlite"})
      .doc(
          "when the table rejects a row: pause until it is mended, or keep the row and the reason in table "
          "_tidemark_rejected and go on");
  mqtt_sink_keys(keys, sink);
  tcp_sink_keys(keys, sink);
  // What a sink does with results decides nothing about them. These two say which keys apply.
  keys.outside_but({"type", "format"});
  return keys;
}

}  // namespace tidemark
