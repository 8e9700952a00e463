// [[tests]]: records, time and what happens to the machine, and what must come out.
#include "base/format.h"
#include "config/tables.h"

namespace tidemark {
namespace {

bool read_start(const Located<std::string>& text, TestSettings& test, Diagnostics& diagnostics) {
  const Result<std::int64_t> start = parse_rfc3339(*text);
  if (!start) {
    diagnostics.error(text.place, format("`start`: {}", start.error().message),
                      "a time with its zone, as in \"2025-03-01T12:00:00Z\"");
    return false;
  }
  test.start_ns = *start;
  return true;
}

bool read_at(const Located<std::string>& text, TestStep& step, Diagnostics& diagnostics) {
  const Result<Duration> at = parse_duration(*text);
  if (at && *at <= kLongestTest) {
    step.at = *at;
    return true;
  }
  diagnostics.error(text.place, at ? format("`at` is {}; {} is the most", *text, to_text(kLongestTest))
                                   : format("`at`: {}", at.error().message));
  return false;
}

// What a step does, and the key that says it.
std::vector<std::pair<std::string_view, bool>> actions(const TestStep& step) {
  return {{"input", !step.input.empty()},
          {"advance", step.advance != 0s},
          {"event", step.event != TestStep::Event::none},
          {"expect", step.expect.has_value()}};
}

bool read_step(const Node& table, TestStep& step, Reading& reading) {
  step.place = table.place;
  Keys keys = test_step_keys(step);
  if (!keys.read(table, "tests.steps", reading)) return false;
  Diagnostics& diagnostics = reading.diagnostics;
  bool fine = true;
  const auto wrong = [&](Place place, std::string text, std::string hint) {
    diagnostics.error(place, std::move(text), std::move(hint));
    fine = false;
  };

  std::string_view does;
  for (const auto& [name, given] : actions(step)) {
    if (given && !does.empty())
      wrong(keys.place_of(name), format("a step does one thing, and this has `{}` and `{}`", does, name),
            "make two steps of it");
    if (given) does = name;
  }
  const auto belongs = [&](std::string_view name, std::string_view to) {
    if (keys.given(name) && does != to)
      wrong(keys.place_of(name), format("`{}` belongs to `{}`, which this step has not", name, to), {});
  };
  belongs("source", "input");
  belongs("topic", "input");
  belongs("down", "event");
  belongs("sink", "expect");
  belongs("pipeline", "expect");
  if (does.empty() && !step.at && fine)
    wrong(step.place, "this step does nothing",
          "it needs one of `input`, `advance`, `event` and `expect`, or `at`");
  if (step.expect && keys.given("sink") == keys.given("pipeline"))
    wrong(keys.place_of("expect"), "`expect` looks at one `sink` or one `pipeline`",
          "name it, as in { sink = \"alerts\", expect = [] }");
  const bool goes_down = step.event == TestStep::Event::power_cut || step.event == TestStep::Event::kill ||
                         step.event == TestStep::Event::restart;
  if (step.down != 0s && step.event != TestStep::Event::none && !goes_down)
    wrong(keys.place_of("down"), "nothing is down here", "`down` belongs to power-cut, kill and restart");
  return fine;
}

}  // namespace

Keys test_keys(TestSettings& test) {
  Keys keys("test");
  keys.text("name", test.name).required().doc("what it is called; no two are called the same");
  keys.parsed(
          "start",
          [&test](const Located<std::string>& text, Diagnostics& diagnostics) {
            return read_start(text, test, diagnostics);
          },
          [&test] { return to_rfc3339(test.start_ns); })
      .doc("what the clock shows when it begins");
  keys.list("steps", [](const Node&) { return true; })
      .required()
      .doc("what happens, one after the other; their keys are those of [[tests.steps]]");
  return keys;
}

Keys test_step_keys(TestStep& step) {
  using Event = TestStep::Event;
  Keys keys("step");
  keys.parsed(
          "at",
          [&step](const Located<std::string>& text, Diagnostics& diagnostics) {
            return read_at(text, step, diagnostics);
          },
          [] { return std::string(); })
      .doc("time since the test began: the clock moves on to it first");
  keys.texts_or_one("input", step.input)
      .doc("records that come in, in hex digits for a format that is no text");
  keys.text("source", step.source).doc("the source that they come in at; left out, the only one");
  keys.text("topic", step.topic).doc("of their messages, for an mqtt source");
  keys.duration("advance", step.advance).at_most(kLongestTest).doc("so much time passes");
  keys.word("event", step.event,
            {{"power-cut", Event::power_cut},
             {"kill", Event::kill},
             {"restart", Event::restart},
             {"checkpoint", Event::checkpoint},
             {"drain", Event::drain}})
      .doc(
          "power-cut: what was not synced is gone, and it starts again; kill: the process is gone, not what "
          "it has written, and starts again; restart: a clean stop and a start; checkpoint: one is taken; "
          "drain: it stops as by `stop --drain`, every window closed");
  keys.duration("down", step.down).at_most(kLongestTest).doc("how long it is off before it starts again");
  keys.rows("expect", step.expect)
      .doc(
          "the results that have come out at `sink` or `pipeline` since it was looked at last, in their "
          "order: tables, or texts of JSON objects, of which only the fields that they name are compared");
  keys.text("sink", step.sink).doc("the sink that `expect` looks at");
  keys.text("pipeline", step.pipeline).doc("the pipeline that `expect` looks at");
  return keys;
}

bool read_test(const Node& table, TestSettings& test, Reading& reading) {
  test.place = table.place;
  Keys keys = test_keys(test);
  bool fine = keys.read(table, "tests", reading);
  const Node* steps = table.find("steps");
  if (steps == nullptr || steps->kind != Node::Kind::list) return fine;
  for (const Node& item : steps->items)
    if (item.kind == Node::Kind::table) fine = read_step(item, test.steps.emplace_back(), reading) && fine;
  return fine;
}

}  // namespace tidemark
