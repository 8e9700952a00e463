// FakeSink: a sink whose answers the test gives. Used up by a Delivery; the test keeps its Script.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sinks/sink.h"

namespace tidemark {

class FakeSink final : public Sink {
 public:
  // What the test decides and sees; outlives the sink.
  struct Script {
    SinkStatus::State state = SinkStatus::State::ready;
    bool takes_at_once = false;
    std::vector<std::string> forms;  // what it was opened for, each time: the columns of each schema
    std::vector<std::vector<std::string>> batches;  // the first value of each row, as text
    std::vector<ResultNumber> numbers;
    std::function<void(Result<std::optional<Holdings>>)> opened;
    std::function<void()> done;

    void answer(Holdings holdings = {}) {
      std::exchange(opened, nullptr)(std::optional<Holdings>(std::move(holdings)));
    }
    void cannot_say() { std::exchange(opened, nullptr)(std::optional<Holdings>()); }
    void refuse(const std::string& why) { std::exchange(opened, nullptr)(fail(why, Error::Kind::usage)); }
    // The batch is durable.
    bool take() {
      if (!done) return false;
      std::exchange(done, nullptr)();
      return true;
    }
    std::vector<std::string> rows() const {
      std::vector<std::string> out;
      for (const auto& batch : batches) out.insert(out.end(), batch.begin(), batch.end());
      return out;
    }
  };

  explicit FakeSink(Script& script) : script_(script) {}

  void open(std::vector<const ResultSchema*> schemas,
            std::function<void(Result<std::optional<Holdings>>)> opened) override {
    std::string& form = script_.forms.emplace_back();
    for (const ResultSchema* schema : schemas) {
      form += form.empty() ? "" : " ";
      for (const ResultColumn& column : schema->columns) form += column.name;
    }
    script_.opened = std::move(opened);
  }
  void write(std::span<const ResultView> rows, std::function<void()> done) override {
    auto& batch = script_.batches.emplace_back();
    for (const ResultView& row : rows) {
      batch.push_back(row.values[0].is_text() ? std::string(row.values[0].as_text())
                                              : to_text(row.values[0]));
      script_.numbers.push_back(row.number);
    }
    script_.done = std::move(done);
    if (script_.takes_at_once) script_.take();
  }
  void close(std::function<void()> closed) override { closed(); }
  SinkStatus status() const override {
    return {.state = script_.state, .detail = {}, .degraded = {}, .counters = {}};
  }

 private:
  Script& script_;
};

}  // namespace tidemark
