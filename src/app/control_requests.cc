#include "app/control_requests.h"

#include <algorithm>
#include <array>
#include <utility>

#include "app/checkpoint_json.h"
#include "app/status_json.h"
#include "base/format.h"
#include "base/hex.h"

namespace tidemark {
namespace {

using Answer = ControlServer::Answer;

std::string id_document(CheckpointId id) {
  JsonWriter out;
  return out.begin_object().key("id").text(to_text(id)).end_object().take();
}

void answer_status(Appliance& appliance, const JsonValue&, Answer answer) {
  JsonWriter out;
  write_status(out, appliance.status());
  answer(out.take());
}

void create_checkpoint(Appliance& appliance, const JsonValue&, Answer answer) {
  appliance.create_checkpoint([answer = std::move(answer)](Result<CheckpointId> id) {
    if (!id) return answer(pass_on(id));
    answer(id_document(*id));
  });
}

void list_checkpoints(Appliance& appliance, const JsonValue&, Answer answer) {
  appliance.list_checkpoints([answer = std::move(answer)](Result<std::vector<Appliance::Listed>> list) {
    if (!list) return answer(pass_on(list));
    JsonWriter out;
    out.begin_array();
    for (const Appliance::Listed& listed : *list) write_checkpoint_row(out, row_of(listed));
    answer(out.end_array().take());
  });
}

// The id that a request names; tells the asker when it names none.
std::optional<CheckpointId> requested_id(const JsonValue& request, const Answer& answer) {
  Result<CheckpointId> id = parse_checkpoint_id(request.text_of("id"));
  if (id) return *id;
  answer(fail(format("\"id\" names a checkpoint, such as \"chk-42\": {}", id.error().message),
              Error::Kind::usage));
  return std::nullopt;
}

void show_checkpoint(Appliance& appliance, const JsonValue& request, Answer answer) {
  const std::optional<CheckpointId> id = requested_id(request, answer);
  if (!id) return;
  appliance.list_checkpoints(
      [id = *id, answer = std::move(answer)](Result<std::vector<Appliance::Listed>> list) {
        if (!list) return answer(pass_on(list));
        const auto found = std::ranges::find(*list, id, &Appliance::Listed::id);
        if (found == list->end())
          return answer(fail(format("there is no checkpoint {}", to_text(id)), Error::Kind::not_found));
        if (!found->manifest) return answer(pass_on(found->manifest));
        JsonWriter out;
        write_manifest(out, *found->manifest);
        answer(out.take());
      });
}

void verify_checkpoint(Appliance& appliance, const JsonValue& request, Answer answer) {
  const std::optional<CheckpointId> id = requested_id(request, answer);
  if (!id) return;
  appliance.verify_checkpoint(*id, [id = *id, answer = std::move(answer)](Status verified) {
    if (!verified) return answer(pass_on(verified));
    answer(id_document(id));
  });
}

void resume_pipeline(Appliance& appliance, const JsonValue& request, Answer answer) {
  appliance.resume_pipeline(std::string(request.text_of("id")), [answer = std::move(answer)](Status resumed) {
    if (!resumed) return answer(pass_on(resumed));
    answer("{}");
  });
}

// Without "force" only when another one verifies: reading them takes the lane's time, one after another.
struct Deletion {
  Appliance& appliance;
  CheckpointId id;
  Answer answer;
  std::vector<CheckpointId> others;  // newest last

  void remove() {
    appliance.delete_checkpoint(id, [id = id, answer = answer](Status removed) {
      if (!removed) return answer(pass_on(removed));
      answer(id_document(id));
    });
  }
};

void look_for_another(const std::shared_ptr<Deletion>& deletion) {
  if (deletion->others.empty())
    return deletion->answer(
        fail(format("{} is the last checkpoint that verifies; --force deletes it all the same",
                    to_text(deletion->id)),
             Error::Kind::usage));
  const CheckpointId other = deletion->others.back();
  deletion->others.pop_back();
  deletion->appliance.verify_checkpoint(other, [deletion](const Status& verified) {
    if (verified) return deletion->remove();
    look_for_another(deletion);
  });
}

void delete_checkpoint(Appliance& appliance, const JsonValue& request, Answer answer) {
  const std::optional<CheckpointId> id = requested_id(request, answer);
  if (!id) return;
  const auto deletion = std::make_shared<Deletion>(Deletion{appliance, *id, std::move(answer), {}});
  appliance.list_checkpoints(
      [deletion, force = request.boolean_of("force")](Result<std::vector<Appliance::Listed>> list) {
        if (!list) return deletion->answer(pass_on(list));
        bool there = false;
        for (const Appliance::Listed& listed : *list) {
          there = there || listed.id == deletion->id;
          if (listed.id != deletion->id && listed.manifest) deletion->others.push_back(listed.id);
        }
        if (!there)
          return deletion->answer(
              fail(format("there is no checkpoint {}", to_text(deletion->id)), Error::Kind::not_found));
        if (force) return deletion->remove();
        look_for_another(deletion);
      });
}

void read_checkpoint(Appliance& appliance, const JsonValue& request, Answer answer) {
  const std::optional<CheckpointId> id = requested_id(request, answer);
  if (!id) return;
  auto done = [answer = std::move(answer)](Result<Appliance::Piece> piece) {
    if (!piece) return answer(pass_on(piece));
    JsonWriter out;
    out.begin_object().key("bytes").text(to_hex(piece->bytes));
    answer(out.key("last").boolean(piece->last).end_object().take());
  };
  const std::string segment(request.text_of("segment"));
  if (segment.empty()) return appliance.read_manifest(*id, std::move(done));
  appliance.read_rows(*id, segment, static_cast<std::uint64_t>(request.integer_of("from")), std::move(done));
}

struct Request {
  std::string_view name;
  void (*handle)(Appliance& appliance, const JsonValue& request, Answer answer);
};
constexpr std::array<Request, 8> kRequests = {{
    {"status", answer_status},
    {"checkpoint-create", create_checkpoint},
    {"checkpoint-list", list_checkpoints},
    {"checkpoint-show", show_checkpoint},
    {"checkpoint-verify", verify_checkpoint},
    {"pipeline-resume", resume_pipeline},
    {"checkpoint-delete", delete_checkpoint},
    {"checkpoint-read", read_checkpoint},
}};

}  // namespace

ControlServer::Handler make_control_handler(Appliance& appliance, StopRequest stop) {
  return [&appliance, stop = std::move(stop)](const JsonValue& request, Answer answer) {
    const std::string_view command = request.text_of("command");
    if (command == "stop")
      return stop(request.boolean_of("drain"), [answer = std::move(answer)](Status stopped) {
        if (!stopped) return answer(pass_on(stopped));
        answer("{}");
      });
    const auto known = std::ranges::find(kRequests, command, &Request::name);
    if (known == kRequests.end())
      return answer(
          fail(format("this instance does not know the command \"{}\"", command), Error::Kind::usage));
    known->handle(appliance, request, std::move(answer));
  };
}

ControlServer::FileHandler make_file_handler(Appliance& appliance, SavepointStop stop) {
  return [&appliance, stop = std::move(stop)](const JsonValue& request,
                                              const std::shared_ptr<PassedFile>& file, Answer answer) {
    SavepointTarget target{.write = [file](std::string_view bytes) { return file->write(bytes); },
                           .sync = [file] { return file->sync(); }};
    const std::string_view command = request.text_of("command");
    if (command == "savepoint-create")
      return appliance.create_savepoint(std::move(target),
                                        [answer = std::move(answer)](Result<CheckpointId> id) {
                                          if (!id) return answer(pass_on(id));
                                          answer(id_document(*id));
                                        });
    if (command == "savepoint-stop")
      return stop(std::move(target), [answer = std::move(answer)](Status stopped) {
        if (!stopped) return answer(pass_on(stopped));
        answer("{}");
      });
    answer(fail(format("this instance does not know the command \"{}\"", command), Error::Kind::usage));
  };
}

}  // namespace tidemark
