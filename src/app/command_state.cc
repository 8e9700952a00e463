// `tidemark state get` and `tidemark state drop`.
#include <algorithm>

#include "app/checkpoints.h"
#include "app/commands.h"
#include "app/configuration.h"
#include "app/console.h"
#include "app/instance.h"
#include "app/table.h"
#include "base/format.h"
#include "base/hex.h"
#include "platform/posix_files.h"
#include "platform/sqlite.h"
#include "platform/system_clock.h"

namespace tidemark {
namespace {

struct Shown {
  std::vector<std::string> columns;
  std::vector<std::pair<std::string, JsonValue>> rows;  // with the key's bytes, whose order is theirs
};

void write_value(JsonWriter& out, const JsonValue& value);

std::string cell(const JsonValue& value) {
  switch (value.type) {
    case JsonValue::Type::null:
      return "NULL";
    case JsonValue::Type::boolean:
      return value.boolean ? "true" : "false";
    case JsonValue::Type::integer:
      return std::to_string(value.integer);
    case JsonValue::Type::real:
      return real_to_text(value.real);
    case JsonValue::Type::text:
      return value.text;
    case JsonValue::Type::array:
    case JsonValue::Type::object:
      break;
  }
  JsonWriter out;
  write_value(out, value);
  return out.take();
}

void write_value(JsonWriter& out, const JsonValue& value) {
  switch (value.type) {
    case JsonValue::Type::boolean:
      out.boolean(value.boolean);
      return;
    case JsonValue::Type::integer:
      out.integer(value.integer);
      return;
    case JsonValue::Type::real:
      out.real(value.real);
      return;
    case JsonValue::Type::text:
      out.text(value.text);
      return;
    case JsonValue::Type::array:
      out.begin_array();
      for (const JsonValue& item : value.items) write_value(out, item);
      out.end_array();
      return;
    case JsonValue::Type::object:
      out.begin_object();
      for (const auto& [name, member] : value.members) write_value(out.key(name), member);
      out.end_object();
      return;
    case JsonValue::Type::null:
      out.null();
  }
}

std::string json_of(const Shown& shown) {
  JsonWriter out;
  out.begin_array();
  for (const auto& [key, row] : shown.rows) {
    out.begin_object();
    for (const auto& [name, value] : row.members) {
      out.key(name);
      write_value(out, value);
    }
    out.end_object();
  }
  return out.end_array().take() + "\n";
}

std::string text_of(const Shown& shown) {
  std::vector<Table::Column> headings;
  for (std::size_t i = 0; i < shown.columns.size(); ++i) {
    const bool number = !shown.rows.empty() && std::ranges::all_of(shown.rows, [&](const auto& row) {
      const JsonValue::Type type = row.second.members[i].second.type;
      return type == JsonValue::Type::integer || type == JsonValue::Type::real ||
             type == JsonValue::Type::null;
    });
    headings.push_back({shown.columns[i], number ? Table::Align::right : Table::Align::left});
  }
  Table table(std::move(headings));
  for (const auto& [key, row] : shown.rows) {
    std::vector<std::string> cells;
    for (const auto& [name, value] : row.members) cells.push_back(cell(value));
    table.add(std::move(cells));
  }
  return table.to_text();
}

Result<Shown> of_instance(ControlClient& instance, const StateGetCommand& command) {
  JsonWriter request;
  request.begin_object().key("command").text("state").key("pipeline").text(command.pipeline);
  request.key("keys").begin_array();
  for (const auto& [name, value] : command.keys) request.begin_array().text(name).text(value).end_array();
  request.end_array().end_object();
  Shown shown;
  Result<JsonValue> answer = instance.ask(request.take(), progress_on_terminal(), [&](const JsonValue& item) {
    if (item.items.size() == 2) shown.rows.emplace_back(item.items[0].text, item.items[1]);
    return true;
  });
  if (!answer) return pass_on(answer);
  if (const JsonValue* columns = answer->find("columns"))
    for (const JsonValue& column : columns->items) shown.columns.push_back(column.text);
  std::ranges::sort(shown.rows, {}, [](const auto& row) -> const std::string& { return row.first; });
  return shown;
}

Result<Shown> of_checkpoint(Checkpoints& checkpoints, const StateGetCommand& command) {
  Result<CheckpointId> id = checkpoints.find(command.from.value_or(CheckpointName{}));
  if (!id) return pass_on(id);
  auto reader = checkpoints.reader();
  if (!reader) return pass_on(reader);
  Result<Manifest> manifest = (*reader)->manifest(*id);
  if (!manifest) return pass_on(manifest);
  auto state =
      StoredState::open(**reader, std::move(*manifest), variables_of_process(), checkpoints.settings());
  if (!state) return pass_on(state);
  Shown shown;
  std::vector<StateColumn> columns;
  Status read = (*state)->read(
      command.pipeline, {command.keys},
      [&](const std::vector<StateColumn>& found) -> Status {
        columns = found;
        for (const StateColumn& column : found) shown.columns.push_back(column.name);
        return {};
      },
      [&](std::span<const Value> row) -> Status {
        Result<JsonValue> json = JsonValue::parse(state_row_json(columns, row));
        if (!json) return pass_on(json);
        shown.rows.emplace_back(std::string(), std::move(*json));
        return {};
      });
  if (!read) return pass_on(read);
  if (!command.from)
    print_error(format("tidemark: no instance is running; this is the state of {}\n", to_text(*id)));
  return shown;
}

Result<Shown> state_of(Settings settings, Files& files, const StateGetCommand& command) {
  if (!command.from) {
    Result<std::optional<ControlClient>> instance = find_instance(files, *settings.node.data_dir);
    if (!instance) return pass_on(instance);
    if (instance->has_value()) return of_instance(**instance, command);
  }
  Result<Checkpoints> checkpoints = Checkpoints::open(std::move(settings));
  if (!checkpoints) return pass_on(checkpoints);
  return of_checkpoint(*checkpoints, command);
}

}  // namespace

ExitCode get_state_command(const CommandLine& line, const StateGetCommand& command) {
  const std::unique_ptr<Files> files = make_posix_files();
  auto settings = settings_for(*files, line);
  if (!settings) return settings.error();
  Result<Shown> shown = state_of(std::move(*settings), *files, command);
  if (!shown) return report(shown.error());
  const ExitCode printed = print(line.json ? json_of(*shown) : text_of(*shown));
  // Who asks for one key wants to know whether it is there.
  return shown->rows.empty() && !command.keys.empty() ? ExitCode::not_found : printed;
}

ExitCode drop_state_command(const CommandLine& line, const StateDropCommand& command) {
  const std::unique_ptr<Files> files = make_posix_files();
  const auto settings = settings_for(*files, line);
  if (!settings) return settings.error();
  const std::string& data_dir = *settings->node.data_dir;
  Result<std::optional<ControlClient>> instance = find_instance(*files, data_dir);
  if (!instance) return report(instance.error());
  if (instance->has_value())
    return report(
        {format("an instance runs on {}; stop it first with `tidemark stop`", data_dir), Error::Kind::busy});
  if (const auto there = files->status(data_dir); !there && there.error().kind == Error::Kind::not_found)
    return report({format("there is no data directory {}: nothing has run on it yet", data_dir),
                   Error::Kind::not_found});
  const std::unique_ptr<SqliteOpener> sqlite = make_sqlite_opener();
  Result<DroppedState> dropped =
      drop_state_offline({*files, *sqlite}, *settings, command.pipeline, SystemClock().wall_ns());
  if (!dropped) return report(dropped.error());
  return print(format("dropped {} key{} of {}: the next start goes on from {}. {} still holds them\n",
                      dropped->keys, dropped->keys == 1 ? "" : "s", command.pipeline, to_text(dropped->as),
                      to_text(dropped->from)));
}

}  // namespace tidemark
