// SinkSubject: one sink on a FakePlatform, opened and fed by a test.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sinks/sink.h"
#include "support/fake_platform.h"
#include "support/sink_results.h"

namespace tidemark {

struct SinkSubject {
  explicit SinkSubject(SinkSettings::Type type,
                       std::unique_ptr<FaultFiles> disk = std::make_unique<FaultFiles>())
      : doors(std::move(disk)) {
    settings.name = "subject";
    settings.type = type;
    settings.path.value = type == SinkSettings::Type::sqlite ? "/data/out.db" : "/data/out.jsonl";
    settings.table.value = "{pipeline}";
    settings.host = "localhost";
    settings.port = 1883;
    settings.topic.value = "out/{device}";
    settings.connect.value = "plant:9999";
  }

  void make() {
    sink = make_sink({.platform = doors.platform,
                      .settings = settings,
                      .cursor_folder = "/data/sinks",
                      .id_prefix = "node",
                      .client_id = "tm-out",
                      .remembers = remembers,
                      .connections = nullptr});
  }
  // Opens it and waits for the answer as long as nothing needs time; nothing when there was none.
  std::optional<Result<std::optional<Holdings>>> open(const std::vector<const ResultSchema*>& schemas) {
    make();
    answer.reset();
    sink->open(schemas, [this](Result<std::optional<Holdings>> opened) { answer = std::move(opened); });
    doors.loop.run_ready();
    return answer;
  }
  // Hands over a batch; true when it is done without time passing.
  bool write(std::span<const ResultView> rows) {
    finished = false;
    sink->write(rows, [this] { finished = true; });
    doors.loop.run_ready();
    return finished;
  }
  std::string rows_of(const std::string& sql) {
    auto database = doors.sqlite->open("/data/out.db", {});
    REQUIRE(database.has_value());
    auto statement = (*database)->prepare(sql);
    REQUIRE(statement.has_value());
    std::string out;
    for (;;) {
      const auto row = (*statement)->step();
      REQUIRE(row.has_value());
      if (!*row) return out;
      for (int i = 0; i < columns_read; ++i) out += (i > 0 ? "|" : "") + to_text((*statement)->column(i));
      out += "\n";
    }
  }
  void execute(const std::string& sql) {
    REQUIRE(doors.disk->make_directories("/data").has_value());
    auto database = doors.sqlite->open("/data/out.db", {});
    REQUIRE(database.has_value());
    const Status done = (*database)->execute(sql);
    CHECK_MESSAGE(done.has_value(), (done ? std::string() : done.error().message));
  }

  FakePlatform doors;
  SinkSettings settings;
  bool remembers = true;
  int columns_read = 1;
  bool finished = false;
  std::optional<Result<std::optional<Holdings>>> answer;
  std::unique_ptr<Sink> sink;
};

}  // namespace tidemark
