#include <doctest/doctest.h>

#include "sinks/sqlite_connections.h"
#include "support/sink_subject.h"

namespace tidemark {
namespace {

constexpr auto kSqlite = SinkSettings::Type::sqlite;

// A row of one key, a value, and perhaps a window.
struct Rows {
  explicit Rows(std::size_t identity = 1) {
    schema.pipeline = "hello";
    schema.channel.timeline = Timeline{1};
    schema.channel.uid = "hello";
    schema.columns = {{"word", {}}, {"n", {}}};
    schema.identity = identity;
  }
  Rows& add(const Value& word, std::int64_t n) {
    values.push_back({word, Value::integer(n)});
    views.push_back({&schema, ResultNumber{values.size()}, values.size() * 100, values.back()});
    return *this;
  }
  std::span<const ResultView> from(std::size_t first) const { return std::span(views).subspan(first); }
  ResultSchema schema;
  std::deque<std::vector<Value>> values;
  std::vector<ResultView> views;
};

std::string error_of(SinkSubject& subject, const Rows& rows) {
  const auto opened = subject.open({&rows.schema});
  REQUIRE(opened.has_value());
  REQUIRE_FALSE(opened->has_value());
  CHECK(opened->error().kind == Error::Kind::usage);
  return opened->error().message;
}

TEST_CASE("sqlite: the table is made when it is absent, and rows are appended to it") {
  Rows rows;
  rows.add(Value::text("a"), 1).add(Value::text("b"), 2).add(Value::null(), 3);
  SinkSubject subject(kSqlite);
  REQUIRE(subject.open({&rows.schema})->has_value());
  CHECK(subject.write(rows.views));
  subject.columns_read = 2;
  CHECK(subject.rows_of("SELECT word, n FROM hello ORDER BY rowid") == "'a'|1\n'b'|2\nNULL|3\n");
  subject.columns_read = 4;
  CHECK(subject.rows_of("SELECT \"table\", channel, number, chain FROM _tidemark") ==
        "'hello'|'" + std::string(32, '0') + "/1/hello/main'|3|300\n");
}

TEST_CASE("sqlite: columns keep the types of the values") {
  const ResultScript script(6);
  SinkSubject subject(kSqlite);
  REQUIRE(subject.open(script.schemas())->has_value());
  CHECK(subject.write(script.all()));
  subject.columns_read = 5;
  CHECK(subject.rows_of("SELECT * FROM health LIMIT 2") ==
        "'d0'|'2025-03-01T12:00:00Z'|0|NULL|'plain'\n'd1'|'2025-03-01T12:01:00Z'|1|0.25|''\n");
}

TEST_CASE("sqlite: an upsert leaves one row a key, NULL being a key of its own") {
  Rows rows;
  for (std::int64_t i = 1; i <= 3; ++i) rows.add(Value::text("a"), i).add(Value::null(), i * 10);
  SinkSubject subject(kSqlite);
  subject.settings.upsert = true;
  REQUIRE(subject.open({&rows.schema})->has_value());
  CHECK(subject.write(rows.views));
  subject.columns_read = 2;
  CHECK(subject.rows_of("SELECT word, n FROM hello ORDER BY word") == "NULL|30\n'a'|3\n");
}

TEST_CASE("sqlite: an upsert without identity columns keeps one row") {
  Rows rows(0);
  rows.add(Value::text("a"), 1).add(Value::text("b"), 2);
  SinkSubject subject(kSqlite);
  subject.settings.upsert = true;
  REQUIRE(subject.open({&rows.schema})->has_value());
  CHECK(subject.write(rows.views));
  subject.columns_read = 2;
  CHECK(subject.rows_of("SELECT word, n FROM hello") == "'b'|2\n");
}

TEST_CASE("sqlite: an upsert of nothing but identity columns keeps the row that is there") {
  Rows rows(2);
  rows.add(Value::text("a"), 1).add(Value::text("a"), 1).add(Value::null(), 1).add(Value::null(), 1);
  SinkSubject subject(kSqlite);
  subject.settings.upsert = true;
  REQUIRE(subject.open({&rows.schema})->has_value());
  CHECK(subject.write(rows.views));
  CHECK(subject.rows_of("SELECT count(*) FROM hello") == "2\n");
}

TEST_CASE("sqlite: the user's own table is used, with its triggers, and each row is written exactly once") {
  Rows rows;
  rows.add(Value::text("hello"), 1).add(Value::text("hello"), 2).add(Value::text("world"), 1);
  SinkSubject subject(kSqlite);
  subject.settings.upsert = true;
  subject.execute(
      "CREATE TABLE hello (id INTEGER PRIMARY KEY, Word TEXT NOT NULL UNIQUE, n INTEGER, inserts INTEGER "
      "DEFAULT 0, "
      "updates INTEGER DEFAULT 0);"
      "CREATE TRIGGER i AFTER INSERT ON hello BEGIN UPDATE hello SET inserts = inserts + 1 WHERE id = "
      "new.id; END;"
      "CREATE TRIGGER u AFTER UPDATE OF n ON hello BEGIN UPDATE hello SET updates = updates + 1 WHERE id = "
      "new.id; END");
  REQUIRE(subject.open({&rows.schema})->has_value());
  CHECK(subject.write(rows.views));
  subject.columns_read = 4;
  const std::string expected = "'hello'|2|1|1\n'world'|1|1|0\n";
  CHECK(subject.rows_of("SELECT word, n, inserts, updates FROM hello ORDER BY word") == expected);
  // After a restart the marks say so, and a batch that is given again writes nothing.
  subject.sink.reset();
  const auto opened = subject.open({&rows.schema});
  CHECK((*opened)->value().begin()->second.number == ResultNumber{3});
  CHECK(subject.write(rows.views));
  CHECK(subject.rows_of("SELECT word, n, inserts, updates FROM hello ORDER BY word") == expected);
}

TEST_CASE(
    "sqlite: a table that lacks columns, or the UNIQUE that an upsert needs, is an error that says what to "
    "do") {
  Rows rows;
  SinkSubject missing(kSqlite);
  missing.execute("CREATE TABLE hello (n INTEGER)");
  CHECK(error_of(missing, rows).find("no column \"word\"") != std::string::npos);

  for (const std::string table :
       {"CREATE TABLE hello (word TEXT, n INTEGER)",
        "CREATE TABLE hello (word TEXT, n INTEGER, UNIQUE (word, n))",
        "CREATE TABLE hello (word TEXT, n INTEGER UNIQUE)",
        "CREATE TABLE hello (word TEXT, n INTEGER); CREATE UNIQUE INDEX x ON hello (word) "
        "WHERE n > 0",
        "CREATE TABLE hello (word TEXT, n INTEGER); CREATE UNIQUE INDEX x ON hello "
        "(lower(word))"}) {
    CAPTURE(table);
    SinkSubject subject(kSqlite);
    subject.settings.upsert = true;
    subject.execute(table);
    const std::string message = error_of(subject, rows);
    const std::string cure = "CREATE UNIQUE INDEX \"hello_identity\" ON \"hello\" (\"word\");";
    REQUIRE(message.find(cure) != std::string::npos);
    subject.sink.reset();
    subject.execute(cure);  // the statement that it prints does mend it
    CHECK(subject.open({&rows.schema})->has_value());
  }
  for (const std::string table : {"CREATE TABLE hello (word TEXT PRIMARY KEY, n INTEGER)",
                                  "CREATE TABLE hello (word TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID",
                                  "CREATE TABLE hello (word INTEGER PRIMARY KEY, n INTEGER)"}) {
    SinkSubject subject(kSqlite);
    subject.settings.upsert = true;
    subject.execute(table);
    CHECK(subject.open({&rows.schema})->has_value());
  }
}

TEST_CASE("sqlite: rows of a locked database are not tried again once the sink was told to close") {
  Rows rows;
  rows.add(Value::text("a"), 1);
  for (const bool while_under_way : {false, true}) {
    SinkSubject subject(kSqlite);
    REQUIRE(subject.open({&rows.schema}).has_value());
    auto locker = subject.doors.sqlite->open("/data/out.db", {});
    REQUIRE((*locker)->execute("BEGIN IMMEDIATE").has_value());
    subject.sink->write(rows.views, [&] { subject.finished = true; });
    if (!while_under_way) subject.doors.loop.run_ready();
    bool closed = false;
    subject.sink->close([&] { closed = true; });
    REQUIRE((*locker)->execute("COMMIT").has_value());
    subject.doors.loop.advance(5min);
    CHECK(closed);
    CHECK_FALSE(subject.finished);
  }
}

TEST_CASE("sqlite: a locked database is waited for, at the start and later") {
  Rows rows;
  rows.add(Value::text("a"), 1);
  SinkSubject subject(kSqlite);
  subject.execute("CREATE TABLE other (x)");
  auto locker = subject.doors.sqlite->open("/data/out.db", {});
  REQUIRE((*locker)->execute("BEGIN IMMEDIATE").has_value());
  CHECK_FALSE(subject.open({&rows.schema}).has_value());
  CHECK(subject.sink->status().state == SinkStatus::State::away);
  CHECK(subject.sink->status().degraded.find("locked by another program") != std::string::npos);
  CHECK_FALSE(subject.doors.log.contains("locked"));  // not worth a line yet
  subject.doors.loop.advance(10s);
  CHECK(subject.doors.log.contains("fuser /data/out.db"));
  REQUIRE((*locker)->execute("COMMIT").has_value());
  subject.doors.loop.advance(10s);
  REQUIRE(subject.answer.has_value());
  CHECK(subject.doors.log.contains("unlocked after"));
  REQUIRE((*locker)->execute("BEGIN IMMEDIATE").has_value());
  CHECK_FALSE(subject.write(rows.views));
  subject.doors.loop.advance(1min);
  CHECK_FALSE(subject.finished);
  REQUIRE((*locker)->execute("COMMIT").has_value());
  subject.doors.loop.advance(20s);
  CHECK(subject.finished);
  CHECK(subject.rows_of("SELECT count(*) FROM hello") == "1\n");
}

TEST_CASE("sqlite: what a commit left whose sync failed is durable before it counts") {
  Rows rows;
  rows.add(Value::text("a"), 1);
  std::unique_ptr<FaultFiles> disk;
  {
    SinkSubject subject(kSqlite);
    REQUIRE(subject.open({&rows.schema}));
    subject.doors.disk->fail({.operation = FaultFiles::Operation::sync, .path_part = "-wal"});
    CHECK_FALSE(subject.write(rows.views));
    subject.doors.disk->crash();
    disk = subject.doors.disk->after_crash(Loss::none);  // killed before it tries again
  }
  std::optional<Result<std::optional<Holdings>>> before;
  {
    SinkSubject subject(kSqlite, std::move(disk));
    before = subject.open({&rows.schema});
    subject.doors.disk->crash();
    disk = subject.doors.disk->after_crash(Loss::all_unsynced);
  }
  SinkSubject subject(kSqlite, std::move(disk));
  const auto after = subject.open({&rows.schema});
  REQUIRE((before && *before && **before && after && *after && **after));
  REQUIRE((**before)->size() == 1);
  REQUIRE((**after)->size() == 1);
  CHECK((**after)->begin()->second.number == (**before)->begin()->second.number);
}

TEST_CASE("sqlite: a row that the table rejects keeps the sink away, named, until the table is mended") {
  Rows rows;
  rows.add(Value::text("good"), 1).add(Value::text("bad"), -1).add(Value::text("late"), 2);
  SinkSubject subject(kSqlite);
  subject.execute(
      "CREATE TABLE hello (word TEXT, n INTEGER); CREATE TRIGGER t BEFORE INSERT ON hello WHEN new.n < 0 "
      "BEGIN SELECT RAISE(ABORT, 'n is negative'); END");
  REQUIRE(subject.open({&rows.schema})->has_value());
  CHECK_FALSE(subject.write(rows.views));
  const SinkStatus status = subject.sink->status();
  CHECK(status.state == SinkStatus::State::away);
  CHECK(status.degraded.find("n is negative") != std::string::npos);
  CHECK(status.degraded.find("word = 'bad'") != std::string::npos);
  CHECK(subject.rows_of("SELECT count(*) FROM hello") == "0\n");
  subject.execute("DROP TRIGGER t");
  subject.doors.loop.advance(1min);
  CHECK(subject.finished);
  CHECK(subject.rows_of("SELECT count(*) FROM hello") == "3\n");
}

// interface: sinks.on_reject
TEST_CASE(
    "sqlite: with on_reject = dead-letter a rejected row is set aside with the reason, once, and others go "
    "on") {
  for (const std::uint64_t cut : {0u, 1u, 3u, 5u, 8u, 12u, 16u, 20u}) {
    CAPTURE(cut);
    Rows rows;
    rows.add(Value::text("good"), 1)
        .add(Value::text("bad"), -1)
        .add(Value::text("late"), 2)
        .add(Value::null(), -2);
    auto disk = std::make_unique<FaultFiles>();
    for (int run = 0; run < 2; ++run) {
      SinkSubject subject(kSqlite, std::move(disk));
      subject.settings.keep_rejected = true;
      if (run == 0)
        subject.execute(
            "CREATE TABLE hello (word TEXT, n INTEGER); CREATE TRIGGER t BEFORE INSERT ON hello WHEN new.n < "
            "0 "
            "BEGIN SELECT RAISE(ABORT, 'n is negative'); END");
      const auto opened = subject.open({&rows.schema});
      REQUIRE(opened);
      if (run == 0 && cut != 0) subject.doors.disk->crash_at(subject.doors.disk->operations() + cut);
      const bool done = subject.write(rows.views);
      if (run == 0 && !done) {
        disk = subject.doors.disk->after_crash(Loss::all_unsynced);
        continue;
      }
      if (run == 0) {
        disk = subject.doors.disk->after_crash(Loss::all_unsynced);
        subject.sink.reset();
        CHECK(subject.doors.log.contains("n is negative"));
        continue;
      }
      CHECK(done);
      CHECK(subject.sink->status().degraded.empty());
      CHECK(subject.rows_of("SELECT word FROM hello ORDER BY rowid") == "'good'\n'late'\n");
      CHECK(subject.rows_of("SELECT number FROM _tidemark_rejected ORDER BY number") == "2\n4\n");
      CHECK(subject.rows_of("SELECT reason FROM _tidemark_rejected WHERE number = 2").find("n is negative") !=
            std::string::npos);
      CHECK(subject.rows_of("SELECT result FROM _tidemark_rejected WHERE number = 2").find("\"bad\"") !=
            std::string::npos);
    }
  }
}

TEST_CASE(
    "sqlite: one pipeline in two tables of one database, each with marks of its own, over one connection") {
  Rows rows;
  rows.add(Value::text("a"), 1).add(Value::text("b"), 2);
  SinkSubject subject(kSqlite);
  SinkSettings other = subject.settings;
  subject.settings.table.value = "one";
  other.table.value = "two";
  auto connections = std::make_shared<SqliteConnections>(*subject.doors.sqlite, *subject.doors.disk);
  const auto make = [&](const SinkSettings& settings) {
    return make_sink({.platform = subject.doors.platform,
                      .settings = settings,
                      .cursor_folder = "/data/sinks",
                      .id_prefix = "node",
                      .client_id = {},
                      .remembers = true,
                      .connections = connections});
  };
  const auto first = make(subject.settings);
  const auto second = make(other);
  std::vector<Result<std::optional<Holdings>>> opened;
  first->open({&rows.schema}, [&](auto answer) { opened.push_back(std::move(answer)); });
  second->open({&rows.schema}, [&](auto answer) { opened.push_back(std::move(answer)); });
  subject.doors.loop.run_ready();
  REQUIRE(opened.size() == 2);
  int done = 0;
  first->write(rows.views, [&] { ++done; });
  subject.doors.loop.run_ready();
  second->write(rows.from(0).first(1), [&] { ++done; });
  subject.doors.loop.run_ready();
  CHECK(done == 2);
  subject.columns_read = 2;
  CHECK(subject.rows_of("SELECT \"table\", number FROM _tidemark ORDER BY 1") == "'one'|2\n'two'|1\n");
}

TEST_CASE("sqlite: a database that is replaced while it is written to is opened anew, and it is said") {
  Rows rows;
  rows.add(Value::text("a"), 1).add(Value::text("b"), 2);
  SinkSubject subject(kSqlite);
  REQUIRE(subject.open({&rows.schema})->has_value());
  CHECK(subject.write(rows.from(0).first(1)));
  REQUIRE(subject.doors.disk->rename("/data/out.db", "/data/old.db").has_value());
  for (const std::string tail : {"-wal", "-shm"}) {
    if (subject.doors.disk->exists("/data/out.db" + tail)) subject.doors.disk->erase("/data/out.db" + tail);
  }
  CHECK(subject.write(rows.from(1)));
  CHECK(subject.doors.log.contains("replaced or removed"));
  CHECK(subject.rows_of("SELECT word FROM hello") == "'b'\n");
}

TEST_CASE("sqlite: without memory no marks are kept") {
  Rows rows;
  rows.add(Value::text("a"), 1);
  SinkSubject subject(kSqlite);
  subject.remembers = false;
  for (int run = 0; run < 2; ++run) {
    const auto opened = subject.open({&rows.schema});
    CHECK_FALSE((*opened)->has_value());
    CHECK(subject.write(rows.views));
    subject.sink.reset();
  }
  CHECK(subject.rows_of("SELECT count(*) FROM hello") == "2\n");
  CHECK(subject.rows_of("SELECT count(*) FROM sqlite_schema WHERE name = '_tidemark'") == "0\n");
}

TEST_CASE("sqlite: what is no database is an error, and not written over") {
  Rows rows;
  SinkSubject subject(kSqlite);
  subject.doors.disk->put("/data/out.db", std::string(8192, 'x'));
  const auto opened = subject.open({&rows.schema});
  REQUIRE(opened.has_value());
  CHECK_FALSE(opened->has_value());
  CHECK(subject.doors.disk->content("/data/out.db") == std::string(8192, 'x'));
}

TEST_CASE("sqlite: odd names of tables and columns are quoted") {
  Rows rows;
  rows.schema.columns[0].name = "odd \"name\"";
  rows.schema.columns[1].name = "select";
  rows.schema.pipeline = "my-pipeline";
  rows.add(Value::text("a"), 1).add(Value::text("a"), 2);
  for (const bool upsert : {false, true}) {
    SinkSubject subject(kSqlite);
    subject.settings.upsert = upsert;
    subject.settings.ids = true;
    REQUIRE(subject.open({&rows.schema})->has_value());
    CHECK(subject.write(rows.views));
    CHECK(subject.rows_of("SELECT _id FROM \"my-pipeline\" ORDER BY rowid DESC LIMIT 1") ==
          "'node/1/my-pipeline/2'\n");
  }
}

}  // namespace
}  // namespace tidemark
