// Every key changes its setting: one row a key, and a row for each key that is declared.
#include <doctest/doctest.h>

#include <functional>
#include <set>

#include "config/tables.h"
#include "reports.h"

using namespace tidemark;

namespace {

// A configuration in which `line` is put below the header of `table`; the tables are minimal ones of each
// type.
std::string configuration(const std::string& table, const std::string& line) {
  struct Table {
    const char* name;
    const char* keys;
  };
  const Table tables[] = {
      {"node", ""},
      {"checkpoint", ""},
      {"journal", ""},
      {"limits", ""},
      {"log", ""},
      {"restart", ""},
      {"sources.mqtt",
       "type='mqtt'\nurl='mqtts://h'\ntopics=['t']\nusername='u'\ncert_file='c'\nkey_file='k'\n"},
      {"sources.tcp", "type='tcp'\nlisten=':1'\n"},
      {"sources.csv", "type='stdin'\nformat='csv'\nfields=['a']\n"},
      {"sources.file", "type='file'\npath='p'\n"},
      {"sources.client", "type='tcp'\nconnect='h:1'\n"},
      {"sources.unix", "type='unix'\npath='/s'\n"},
      {"sources.udp", "type='udp'\nlisten=':1'\n"},
      {"sources.text", "type='file'\npath='t'\nformat='text'\npattern='(?P<a>x)'\n"},
      {"pipelines.plain", "from=['mqtt','tcp','csv','file','client','unix','udp','text']\nto=['null']\n"},
      {"pipelines.window",
       "from=['tcp']\nto=['null']\nselect=['count(*) AS n']\nwindow={type='tumbling',size='1m'}\n"},
      {"sinks.null", "type='null'\n"},
      {"sinks.file", "type='file'\npath='f'\n"},
      {"sinks.sqlite", "type='sqlite'\npath='s'\n"},
      {"sinks.mqtt", "type='mqtt'\nurl='mqtts://h'\ntopic='t'\nusername='u'\ncert_file='c'\nkey_file='k'\n"},
      {"sinks.tcp", "type='tcp'\nconnect='h:1'\nack=true\n"},
  };
  std::string out;
  bool found = false;
  for (const Table& each : tables) {
    out += std::string("[") + each.name + "]\n";
    std::string keys = each.keys;
    if (table == each.name) {
      found = true;
      // The line replaces what the minimal table says about the same key.
      const std::string name = line.substr(0, line.find('=') + 1);
      for (const std::string& said :
           {name, line.starts_with("username_file") ? std::string("username=") : name})
        if (const std::size_t at = ("\n" + keys).find("\n" + said); at != std::string::npos)
          keys.erase(at, keys.find('\n', at) - at + 1);
      keys += line + "\n";
    }
    out += keys;
  }
  REQUIRE(found);
  return out;
}

template <class Things>
const auto& named(const Things& things, const std::string& name) {
  for (const auto& thing : things)
    if (thing.name == name) return thing;
  FAIL("nothing of this name");
  return things.front();
}

struct Row {
  const char* table;
  const char* line;
  std::function<bool(const Settings&)> holds;
};

std::function<bool(const Settings&)> source(const char* name,
                                            std::function<bool(const SourceSettings&)> holds) {
  return [=](const Settings& settings) { return holds(named(settings.sources, name)); };
}
std::function<bool(const Settings&)> pipeline(const char* name,
                                              std::function<bool(const PipelineSettings&)> holds) {
  return [=](const Settings& settings) { return holds(named(settings.pipelines, name)); };
}
std::function<bool(const Settings&)> sink(const char* name, std::function<bool(const SinkSettings&)> holds) {
  return [=](const Settings& settings) { return holds(named(settings.sinks, name)); };
}

using Set = const Settings&;
using Source = const SourceSettings&;
using Pipeline = const PipelineSettings&;
using Sink = const SinkSettings&;

const std::vector<Row> kRows = {
    {"node", "name='n'", [](Set s) { return *s.node.name == "n"; }},
    {"node", "data_dir='/d'", [](Set s) { return *s.node.data_dir == "/d"; }},
    {"checkpoint", "store='sqlite'", [](Set s) { return s.checkpoint.store == StoreType::sqlite; }},
    {"checkpoint", "mode='at-least-once'",
     [](Set s) { return s.checkpoint.mode == DeliveryMode::at_least_once; }},
    {"checkpoint", "interval='3s'", [](Set s) { return *s.checkpoint.interval == 3s; }},
    {"checkpoint", "min_pause='3s'", [](Set s) { return s.checkpoint.min_pause == 3s; }},
    {"checkpoint", "timeout='3s'", [](Set s) { return s.checkpoint.timeout == 3s; }},
    {"checkpoint", "retain=7", [](Set s) { return s.checkpoint.retain == 7; }},
    {"checkpoint", "on_stop='delete'", [](Set s) { return s.checkpoint.delete_on_stop; }},
    {"checkpoint", "tolerable_failures=7", [](Set s) { return s.checkpoint.tolerable_failures == 7; }},
    {"journal", "enabled=false", [](Set s) { return !s.journal.enabled; }},
    {"journal", "sync='0'", [](Set s) { return s.journal.sync == 0s; }},
    {"journal", "max_size='7MiB'", [](Set s) { return s.journal.max_size == 7u << 20; }},
    {"journal", "compression='none'", [](Set s) { return !s.journal.compress; }},
    {"limits", "memory='7MiB'", [](Set s) { return s.limits.memory == 7u << 20; }},
    {"limits", "max_keys=7", [](Set s) { return s.limits.max_keys == 7; }},
    {"limits", "max_record='7KiB'", [](Set s) { return s.limits.max_record == 7u << 10; }},
    {"limits", "max_connections=7", [](Set s) { return s.limits.max_connections == 7; }},
    {"limits", "max_fields=7", [](Set s) { return s.limits.max_fields == 7; }},
    {"limits", "max_depth=7", [](Set s) { return s.limits.max_depth == 7; }},
    {"limits", "max_peers=7", [](Set s) { return s.limits.max_peers == 7; }},
    {"limits", "births='1MiB'", [](Set s) { return s.limits.births == 1u << 20; }},
    {"limits", "min_free='7MiB'", [](Set s) { return s.limits.min_free == 7u << 20; }},
    {"restart", "strategy='none'",
     [](Set s) { return s.restart.strategy == RestartSettings::Strategy::none; }},
    {"restart", "attempts=7\nstrategy='fixed-delay'",
     [](Set s) { return s.restart.attempts == 7 && s.pipelines.front().restart.attempts == 7; }},
    {"restart", "delay='7s'\nstrategy='fixed-delay'", [](Set s) { return s.restart.delay == 7s; }},
    {"restart", "max_failures=7\nstrategy='failure-rate'", [](Set s) { return s.restart.max_failures == 7; }},
    {"restart", "per='7s'\nstrategy='failure-rate'", [](Set s) { return s.restart.per == 7s; }},
    {"restart", "initial='7s'", [](Set s) { return s.restart.initial == 7s; }},
    {"restart", "max='7s'", [](Set s) { return s.restart.max == 7s; }},
    {"restart", "multiplier=2.5", [](Set s) { return s.restart.multiplier == 2.5; }},
    {"restart", "multiplier=3", [](Set s) { return s.restart.multiplier == 3; }},
    {"restart", "reset_after='7s'", [](Set s) { return s.restart.reset_after == 7s; }},
    {"restart", "jitter=0.25", [](Set s) { return s.restart.jitter == 0.25; }},
    {"log", "level='debug'", [](Set s) { return s.log.level == "debug"; }},
    {"log", "format='json'", [](Set s) { return s.log.format == LogFormat::json; }},

    {"sources.file", "type='file'",
     source("file", [](Source s) { return s.type == SourceSettings::Type::file; })},
    {"sources.csv", "format='csv'",
     source("csv", [](Source s) { return s.format.type == FormatSettings::Type::csv; })},
    {"sources.tcp", "fields=['a:int','b.c']",
     source("tcp",
            [](Source s) {
              return s.format.fields.size() == 2 && s.format.fields[0].type == FieldSetting::Type::integer &&
                     s.format.fields[1].name == "b.c" && s.format.fields[1].type == FieldSetting::Type::any &&
                     s.format.fields[0].place.known();
            })},
    {"sources.csv", "delimiter=';'", source("csv", [](Source s) { return s.format.delimiter == ';'; })},
    {"sources.tcp", "timestamp={field='ts',format='rfc3339'}",
     source("tcp",
            [](Source s) {
              return s.timestamp && *s.timestamp->field == "ts" &&
                     s.timestamp->unit == TimestampSetting::Unit::rfc3339;
            })},
    {"sources.tcp", "max_out_of_orderness='3s'",
     source("tcp", [](Source s) { return s.max_out_of_orderness == 3s; })},
    {"sources.tcp", "idle_after='3s'", source("tcp", [](Source s) { return s.idle_after == 3s; })},
    {"sources.tcp", "idle_after='never'", source("tcp", [](Source s) { return !s.idle_after; })},
    {"sources.tcp", "max_ahead='3s'", source("tcp", [](Source s) { return s.max_ahead == 3s; })},
    {"sources.tcp", "dead_letter_to='file'",
     source("tcp", [](Source s) { return *s.dead_letter_to == "file"; })},
    {"sources.tcp", "listen='[::1]:7'", source("tcp", [](Source s) { return *s.listen == "[::1]:7"; })},
    {"sources.tcp", "ack=true", source("tcp", [](Source s) { return s.ack; })},
    {"sources.client", "connect='[::1]:7'",
     source("client", [](Source s) { return *s.connect == "[::1]:7" && s.listen->empty(); })},
    {"sources.udp", "listen=':7'", source("udp", [](Source s) { return *s.listen == ":7"; })},
    {"sources.udp", "rcvbuf='4MiB'", source("udp", [](Source s) { return s.rcvbuf == 4u << 20; })},
    {"sources.file", "follow=true", source("file", [](Source s) { return s.follow; })},
    {"sources.csv", "quote='|'", source("csv", [](Source s) { return s.format.quote == '|'; })},
    {"sources.csv", "quote='none'", source("csv", [](Source s) { return s.format.quote == '\0'; })},
    {"sources.csv", "header=true", source("csv", [](Source s) { return s.format.header; })},
    {"sources.csv", "multiline=true", source("csv", [](Source s) { return s.format.multiline; })},
    {"sources.tcp", "records='data.rows'",
     source("tcp", [](Source s) { return *s.format.records == "data.rows"; })},
    {"sources.udp", "format='msgpack'",
     source("udp", [](Source s) { return s.format.type == FormatSettings::Type::msgpack; })},
    {"sources.mqtt", "format='cbor'",
     source("mqtt", [](Source s) { return s.format.type == FormatSettings::Type::cbor; })},
    {"sources.mqtt", "format='sparkplug'",
     source("mqtt", [](Source s) { return s.format.type == FormatSettings::Type::sparkplug; })},
    {"sources.text", "pattern='(?P<b>\\d+) .*'",
     source("text", [](Source s) { return *s.format.pattern == "(?P<b>\\d+) .*"; })},
    {"sources.text", "fields=['a:int']",
     source("text", [](Source s) { return s.format.fields.at(0).type == FieldSetting::Type::integer; })},
    {"sources.tcp", "timestamp={field='ts',format='%d.%m.%Y %T'}",
     source("tcp",
            [](Source s) {
              return s.timestamp->unit == TimestampSetting::Unit::pattern &&
                     s.timestamp->pattern.text() == "%d.%m.%Y %T";
            })},
    {"sources.unix", "path='/t'", source("unix", [](Source s) { return *s.path == "/t"; })},
    {"sources.unix", "mode='0600'", source("unix", [](Source s) { return s.mode == 0600; })},
    {"sources.unix", "ack=true", source("unix", [](Source s) { return s.ack; })},
    {"sources.file", "path='q'", source("file", [](Source s) { return *s.path == "q"; })},
    {"sources.mqtt", "url='mqtts://x:7'",
     source("mqtt",
            [](Source s) { return *s.url == "mqtts://x:7" && s.host == "x" && s.port == 7 && s.tls; })},
    {"sources.mqtt", "topics=['a/+','b']", source("mqtt", [](Source s) { return s.topics.size() == 2; })},
    {"sources.mqtt", "qos=0", source("mqtt", [](Source s) { return s.qos == 0; })},
    {"sources.mqtt", "topic_fields='a/{b}'",
     source("mqtt", [](Source s) { return *s.topic_fields.pattern == "a/{b}"; })},
    {"sources.mqtt", "client_id='c'", source("mqtt", [](Source s) { return s.client_id == "c"; })},
    {"sources.mqtt", "session_expiry='3h'", source("mqtt", [](Source s) { return s.session_expiry == 3h; })},
    {"sources.mqtt", "keep_alive='7s'", source("mqtt", [](Source s) { return s.keep_alive == 7s; })},
    {"sources.mqtt", "receive_maximum=7", source("mqtt", [](Source s) { return s.receive_maximum == 7; })},
    {"sources.mqtt", "protocol='3.1.1'",
     source("mqtt", [](Source s) { return s.protocol == SourceSettings::Protocol::v311; })},
    {"sources.mqtt", "retained='never'",
     source("mqtt", [](Source s) { return s.retained == RetainedPolicy::never; })},
    {"sources.mqtt", "username='v'", source("mqtt", [](Source s) { return s.username == "v"; })},
    {"sources.mqtt", "username_file='/run/secret'",
     source("mqtt", [](Source s) { return s.username == "from-file"; })},
    {"sources.mqtt", "password='w'", source("mqtt", [](Source s) { return s.password == "w"; })},
    {"sources.mqtt", "password_file='/run/secret'",
     source("mqtt", [](Source s) { return s.password == "from-file"; })},
    {"sources.mqtt", "ca_file='a'", source("mqtt", [](Source s) { return s.ca_file == "a"; })},
    {"sources.mqtt", "cert_file='d'", source("mqtt", [](Source s) { return s.cert_file == "d"; })},
    {"sources.mqtt", "key_file='l'", source("mqtt", [](Source s) { return s.key_file == "l"; })},

    {"pipelines.plain", "from=['mqtt','tcp','csv','file','client','unix','udp','text','window']",
     pipeline("plain", [](Pipeline p) { return p.from.size() == 9; })},
    {"pipelines.plain", "where='a > 1'",
     pipeline("plain", [](Pipeline p) { return *p.where == "a > 1" && p.where.given(); })},
    {"pipelines.plain", "derive=['1 AS b']",
     pipeline("plain", [](Pipeline p) { return *p.derive.at(0) == "1 AS b"; })},
    {"pipelines.plain", "key_by=['a']", pipeline("plain", [](Pipeline p) { return *p.key_by.at(0) == "a"; })},
    {"pipelines.window", "window={type='tumbling',size='2m',offset='3s'}",
     pipeline("window",
              [](Pipeline p) {
                return p.window.type == WindowSettings::Type::tumbling && p.window.size == 2min &&
                       p.window.offset == 3s;
              })},
    {"pipelines.window", "window={type='hopping',size='2m',slide='10s',offset='3s'}",
     pipeline("window",
              [](Pipeline p) {
                return p.window.type == WindowSettings::Type::hopping && p.window.size == 2min &&
                       p.window.slide == 10s && p.window.offset == 3s;
              })},
    {"pipelines.window", "window={type='cumulating',size='48h',step='1h',zone='+01:00'}",
     pipeline("window",
              [](Pipeline p) {
                return p.window.type == WindowSettings::Type::cumulating && p.window.size == 48h &&
                       p.window.step == 1h && *p.window.zone == "+01:00" && p.window.zone.given();
              })},
    {"pipelines.window", "window={type='session',gap='30s',max='1h'}",
     pipeline("window",
              [](Pipeline p) {
                return p.window.type == WindowSettings::Type::session && p.window.gap == 30s &&
                       p.window.max == 1h;
              })},
    {"pipelines.window", "window={type='count',size=100,slide=10}",
     pipeline("window",
              [](Pipeline p) {
                return p.window.type == WindowSettings::Type::count && p.window.size_count == 100 &&
                       p.window.slide_count == 10;
              })},
    {"pipelines.window", "window={type='count',size=7}",
     pipeline("window", [](Pipeline p) { return p.window.size_count == 7 && p.window.slide_count == 7; })},
    {"pipelines.plain", "window={type='none'}",
     pipeline("plain", [](Pipeline p) { return p.window.type == WindowSettings::Type::none; })},
    {"pipelines.plain", "window={type='absence',timeout='3s'}",
     pipeline("plain",
              [](Pipeline p) {
                return p.window.type == WindowSettings::Type::absence && p.window.timeout == 3s &&
                       p.time == TimeDomain::processing;
              })},
    {"pipelines.plain", "select=['a']", pipeline("plain", [](Pipeline p) { return *p.select.at(0) == "a"; })},
    {"pipelines.plain", "having='n > 1'", pipeline("plain", [](Pipeline p) { return *p.having == "n > 1"; })},
    {"pipelines.plain", "to=['file']", pipeline("plain", [](Pipeline p) { return *p.to.at(0) == "file"; })},
    {"pipelines.window", "late_to='file'",
     pipeline("window", [](Pipeline p) { return *p.late_to == "file"; })},
    {"pipelines.plain", "emit='every 3s'",
     pipeline("plain", [](Pipeline p) { return *p.emit == EmitPolicy::every && p.emit_every == 3s; })},
    {"pipelines.plain", "emit='on-update'",
     pipeline("plain", [](Pipeline p) { return *p.emit == EmitPolicy::on_update && p.emit.given(); })},
    {"pipelines.window", "emit='on-close'",
     pipeline("window", [](Pipeline p) { return *p.emit == EmitPolicy::on_close && p.emit.given(); })},
    {"pipelines.window", "allowed_lateness='3s'",
     pipeline("window", [](Pipeline p) { return *p.allowed_lateness == 3s; })},
    {"pipelines.window", "time='processing'",
     pipeline("window", [](Pipeline p) { return p.time == TimeDomain::processing; })},
    {"pipelines.plain", "on_error='dead-letter'\ndead_letter_to='file'",
     pipeline("plain",
              [](Pipeline p) { return p.on_error == OnError::dead_letter && *p.dead_letter_to == "file"; })},
    {"pipelines.plain", "on_error='fail'\ndead_letter_to='file'",
     pipeline("plain",
              [](Pipeline p) { return p.on_error == OnError::fail && *p.dead_letter_to == "file"; })},
    {"pipelines.plain", "restart={strategy='fixed-delay',attempts=7}\non_error='fail'",
     pipeline("plain",
              [](Pipeline p) {
                return p.restart.strategy == RestartSettings::Strategy::fixed_delay &&
                       p.restart.attempts == 7;
              })},
    {"pipelines.plain", "ttl='7s'", pipeline("plain", [](Pipeline p) { return *p.ttl == 7s; })},
    {"pipelines.plain", "max_keys=7", pipeline("plain", [](Pipeline p) { return p.max_keys == 7; })},
    {"pipelines.plain", "on_max_keys='evict-oldest'",
     pipeline("plain", [](Pipeline p) { return *p.on_max_keys == OnMaxKeys::evict_oldest; })},
    {"pipelines.plain", "poison_after=7", pipeline("plain", [](Pipeline p) { return p.poison_after == 7; })},
    {"pipelines.plain", "uid='u'", pipeline("plain", [](Pipeline p) { return p.uid == "u"; })},

    {"sinks.file", "type='stdout'", [](Set) { return false; }},  // a path belongs to others
    {"sinks.file", "format='csv'",
     sink("file", [](Sink s) { return s.format == FormatSettings::Type::csv; })},
    {"sinks.null", "type='null'", sink("null", [](Sink s) { return s.type == SinkSettings::Type::null; })},
    {"sinks.null", "ids=true", sink("null", [](Sink s) { return s.ids; })},
    {"sinks.null", "timestamps='us'",
     sink("null", [](Sink s) { return s.timestamps == TimestampFormat::us; })},
    {"sinks.null", "flush='3s'", sink("null", [](Sink s) { return s.flush == 3s; })},
    {"sinks.null", "flush='auto'", sink("null", [](Sink s) { return !s.flush; })},
    {"sinks.null", "buffer='7MiB'", sink("null", [](Sink s) { return s.buffer == 7u << 20; })},
    {"sinks.mqtt", "full='drop-oldest'", sink("mqtt", [](Sink s) { return s.drop_oldest; })},
    {"sinks.file", "rotate_size='1MiB'", sink("file", [](Sink s) { return s.rotate_size == 1u << 20; })},
    {"sinks.file", "rotate_every='1h'", sink("file", [](Sink s) { return s.rotate_every == 1h; })},
    {"sinks.file", "keep=3", sink("file", [](Sink s) { return s.keep == 3; })},
    {"sinks.file", "fsync=false", sink("file", [](Sink s) { return !s.fsync; })},
    {"sinks.file", "path='/g'", sink("file", [](Sink s) { return *s.path == "/g"; })},
    {"sinks.sqlite", "table='t'", sink("sqlite", [](Sink s) { return *s.table == "t"; })},
    {"sinks.sqlite", "mode='upsert'", sink("sqlite", [](Sink s) { return s.upsert; })},
    {"sinks.sqlite", "on_reject='dead-letter'", sink("sqlite", [](Sink s) { return s.keep_rejected; })},
    {"sinks.mqtt", "url='mqtts://x:7'",
     sink("mqtt", [](Sink s) { return *s.url == "mqtts://x:7" && s.host == "x" && s.port == 7 && s.tls; })},
    {"sinks.mqtt", "topic='a/{b}'", sink("mqtt", [](Sink s) { return *s.topic == "a/{b}"; })},
    {"sinks.mqtt", "qos=0", sink("mqtt", [](Sink s) { return s.qos == 0; })},
    {"sinks.mqtt", "retain=true", sink("mqtt", [](Sink s) { return s.retain; })},
    {"sinks.mqtt", "client_id='c'", sink("mqtt", [](Sink s) { return s.client_id == "c"; })},
    {"sinks.mqtt", "username='v'", sink("mqtt", [](Sink s) { return s.username == "v"; })},
    {"sinks.mqtt", "username_file='/run/secret'",
     sink("mqtt", [](Sink s) { return s.username == "from-file"; })},
    {"sinks.mqtt", "password='w'", sink("mqtt", [](Sink s) { return s.password == "w"; })},
    {"sinks.mqtt", "password_file='/run/secret'",
     sink("mqtt", [](Sink s) { return s.password == "from-file"; })},
    {"sinks.mqtt", "ca_file='a'", sink("mqtt", [](Sink s) { return s.ca_file == "a"; })},
    {"sinks.mqtt", "cert_file='d'", sink("mqtt", [](Sink s) { return s.cert_file == "d"; })},
    {"sinks.mqtt", "key_file='l'", sink("mqtt", [](Sink s) { return s.key_file == "l"; })},
    {"sinks.tcp", "connect='plant:9'", sink("tcp", [](Sink s) { return *s.connect == "plant:9"; })},
    {"sinks.tcp", "ack=false", sink("tcp", [](Sink s) { return !s.ack; })},
    {"sinks.tcp", "peer='p'", sink("tcp", [](Sink s) { return s.peer == "p"; })},
    {"sinks.tcp", "format='csv'", sink("tcp", [](Sink s) { return s.format == FormatSettings::Type::csv; })},
    {"sinks.tcp", "full='drop-oldest'", sink("tcp", [](Sink s) { return s.drop_oldest; })},
};

// "checkpoint.interval", "source.window.size", ...
void collect(const Keys& keys, const std::string& path, std::set<std::string>& out,
             const std::function<void(const Key&)>& each) {
  for (const Key& key : keys.all()) {
    if (key.type() == Key::Type::later) continue;
    each(key);
    out.insert(path + "." + key.name());
    if (key.group()) collect(*key.group(), path + "." + key.name(), out, each);
  }
}

}  // namespace

TEST_CASE("every key changes its setting") {
  for (const Row& row : kRows) {
    CAPTURE(row.table);
    CAPTURE(row.line);
    const std::string toml = configuration(row.table, row.line);
    const auto settings = load(toml);
    if (std::string(row.line) == "type='stdout'") {
      CHECK(!settings);
      continue;
    }
    if (!settings)
      FAIL_CHECK(report(toml));
    else
      CHECK(row.holds(*settings));
  }
}

TEST_CASE("every key has a row above, a doc, and survives the canonical text") {
  Settings settings;
  SourceSettings source_settings;
  PipelineSettings pipeline_settings;
  SinkSettings sink_settings;
  std::set<std::string> declared;
  const auto add = [&](const Keys& keys, const std::string& table) {
    collect(keys, table, declared, [&](const Key& key) {
      CAPTURE(table);
      CAPTURE(key.name());
      CHECK(!key.doc().empty());
      CHECK(!key.type_name().empty());
    });
  };
  add(node_keys(settings.node), "node");
  add(checkpoint_keys(settings.checkpoint), "checkpoint");
  add(journal_keys(settings.journal), "journal");
  add(limit_keys(settings.limits), "limits");
  add(log_keys(settings.log), "log");
  add(restart_keys(settings.restart), "restart");
  add(source_keys(source_settings), "sources");
  add(pipeline_keys(pipeline_settings), "pipelines");
  add(sink_keys(sink_settings), "sinks");

  std::set<std::string> tested = {
      "sources.timestamp.field", "sources.timestamp.format", "pipelines.window.type",
      "pipelines.window.size",   "pipelines.window.offset",  "pipelines.window.slide",
      "pipelines.window.step",   "pipelines.window.zone",    "pipelines.window.gap",
      "pipelines.window.max",    "pipelines.window.timeout", "pipelines.dead_letter_to"};
  // The keys of the table [restart] are a pipeline's own, too.
  RestartSettings restart;
  const Keys keys = restart_keys(restart);
  for (const Key& key : keys.all()) tested.insert("pipelines.restart." + key.name());
  for (const Row& row : kRows) {
    const std::string table = row.table;
    const std::string line = row.line;
    tested.insert(table.substr(0, table.find('.')) + "." + line.substr(0, line.find('=')));

    const auto before = load(configuration(row.table, row.line));
    if (!before) continue;
    CAPTURE(row.line);
    const auto after = load(before->canonical_text);
    REQUIRE(after);
    CHECK(after->canonical_text == before->canonical_text);
    CHECK(after->fingerprint == before->fingerprint);
    if (line != "password='w'" && line != "password_file='/run/secret'") CHECK(row.holds(*after));
  }
  for (const std::string& key : declared) {
    CAPTURE(key);
    CHECK(tested.contains(key));
  }
}

// Each of the rows above with its first string written as ${X}, stored, and read back where X is not set:
// good for a plan if that key decides nothing about results.
TEST_CASE("a stored configuration is read back without what only sources and sinks use") {
  const std::set<std::string> deciding = {
      "limits.births",       "limits.max_depth",       "limits.max_fields",
      "limits.max_keys",     "limits.max_record",      "limits.memory",
      "restart.attempts",    "restart.max_failures",   "restart.per",
      "restart.reset_after", "restart.strategy",       "sinks.format",
      "sinks.type",          "sources.dead_letter_to", "sources.delimiter",
      "sources.fields",      "sources.format",         "sources.header",
      "sources.idle_after",  "sources.max_ahead",      "sources.max_out_of_orderness",
      "sources.multiline",   "sources.pattern",        "sources.quote",
      "sources.records",     "sources.timestamp",      "sources.topic_fields",
      "sources.type",
  };
  int withheld = 0, asked_for = 0;
  for (const Row& row : kRows) {
    std::string line = row.line;
    const std::size_t from = line.find('\''), to = line.find('\'', from + 1);
    if (from == std::string::npos) continue;
    const std::string value = line.substr(from + 1, to - from - 1);
    line.replace(from + 1, to - from - 1, "${X}");
    const std::string table(row.table);
    const std::string key = table.substr(0, table.find('.')) + "." + line.substr(0, line.find('='));
    CAPTURE(key);
    CAPTURE(value);
    const auto written = load(configuration(row.table, line), test_environment({{"X", value}}));
    if (!written) continue;  // a mistake, or no reference: ${X} stands for itself in a secret's path
    const auto read_back = [&](const LoaderEnvironment& environment) {
      Diagnostics diagnostics;
      auto settings = load_stored_settings({"stored", written->canonical_text}, environment, diagnostics,
                                           StoredValues::as_they_were);
      INFO(diagnostics.to_text());
      return settings;
    };
    const auto again = read_back(test_environment({{"X", value}}));
    REQUIRE(again);
    const auto without = read_back(test_environment({}));
    const bool decides = key.starts_with("pipelines.") || deciding.contains(key);
    CHECK(without.has_value() == !decides);
    if (without) CHECK(without->canonical_text == written->canonical_text);
    ++(decides ? asked_for : withheld);
  }
  CHECK(withheld > 40);
  CHECK(asked_for > 25);
}
