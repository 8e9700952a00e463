#include "app/control_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/format.h"

namespace tidemark {
namespace {

constexpr Duration kPatience = 2s;
constexpr std::string_view kSubject = "control";

constexpr std::array<std::pair<Error::Kind, std::string_view>, 6> kKinds = {{
    {Error::Kind::failed, "failed"},
    {Error::Kind::usage, "usage"},
    {Error::Kind::not_found, "not_found"},
    {Error::Kind::corrupt, "corrupt"},
    {Error::Kind::no_space, "no_space"},
    {Error::Kind::busy, "busy"},
}};

std::string answer_line(const Result<std::string>& result) {
  if (result) return format("{{\"ok\":true,\"result\":{}}}\n", *result);
  JsonWriter out;
  out.begin_object().key("ok").boolean(false);
  out.key("kind")
      .text(error_kind_text(result.error().kind))
      .key("error")
      .text(result.error().message)
      .end_object();
  return out.take() + "\n";
}

}  // namespace

struct ControlServer::Client {
  std::unique_ptr<Connection> connection;
  std::string input;             // what has come and is not yet served
  bool busy = false;             // a request is under way
  bool gone = false;             // disconnected: an answer that comes later is nobody's
  MonotonicTime since;           // when its request began
  std::weak_ptr<Stream> stream;  // that is under way
};

class ControlServer::Stream final : public ControlStream {
 public:
  Stream(ControlServer& server, const std::shared_ptr<Client>& client) : server_(server), client_(client) {}

  void item(std::string json) override {
    if (const auto client = client_.lock(); client && !client->gone && !finished_)
      client->connection->write("{\"item\":" + json + "}\n");
  }
  std::size_t unsent() const override {
    const auto client = client_.lock();
    return client && !client->gone ? client->connection->unsent() : 0;
  }
  void finish(Result<std::string> result) override {
    const auto client = client_.lock();
    if (!client || client->gone || std::exchange(finished_, true)) return;
    client->stream.reset();
    server_.answer(client, result);
  }

 private:
  ControlServer& server_;  // outlived by nobody who has a client that is not gone
  std::weak_ptr<Client> client_;
  bool finished_ = false;
};

ControlServer::ControlServer(Options options) : options_(std::move(options)) {}

ControlServer::~ControlServer() {
  for (const auto& client : clients_) end_stream(*client);
}

// The client is gone: who streams to it hears so.
void ControlServer::end_stream(Client& client) {
  client.gone = true;
  const auto stream = std::exchange(client.stream, {}).lock();
  if (stream && stream->gone) std::exchange(stream->gone, nullptr)();
}

Status ControlServer::listen(const std::string& path) {
  constexpr unsigned kMode = 0660;
  auto listener = options_.network.listen_unix(
      path, kMode, [this](std::unique_ptr<Connection> connection) { accept(std::move(connection)); });
  if (!listener) return pass_on(listener, "control socket");
  listener_ = std::move(*listener);
  return {};
}

void ControlServer::accept(std::unique_ptr<Connection> connection) {
  auto client = std::make_shared<Client>();
  client->connection = std::move(connection);
  const bool room = !closing_ && make_room();
  if (!room) {
    if (!closing_)
      options_.log.sampled(LogLevel::warning, kSubject, "clients",
                           format("refused a client: all {} have a request under way", kMaxControlClients));
    client->connection->write(answer_line(fail("too many clients; try again", Error::Kind::busy)));
    client->connection->close();
    return;
  }
  clients_.push_back(client);
  const std::weak_ptr<Client> weak = client;
  const auto with = [this, weak](auto&& act) {
    const auto held = weak.lock();
    if (held && !held->gone) act(held);
  };
  client->connection->start(
      {.data = [this, with](std::string_view bytes) { with([&](const auto& held) { take(held, bytes); }); },
       .closed = [this, with](std::string) { with([&](const auto& held) { remove(held); }); },
       .drained =
           [this, with] {
             with([&](const auto& held) {
               if (closing_) return remove(held);
               const auto stream = held->stream.lock();
               if (stream && stream->drained) {
                 const auto drained = stream->drained;  // it may take itself away
                 return drained();
               }
               serve(held);
             });
           }});
}

bool ControlServer::make_room() {
  if (clients_.size() < kMaxControlClients) return true;
  const auto idle = std::ranges::find_if(clients_, [](const auto& client) { return !client->busy; });
  if (idle == clients_.end()) return false;
  remove(std::shared_ptr<Client>(*idle));
  return true;
}

void ControlServer::take(const std::shared_ptr<Client>& client, std::string_view bytes) {
  client->input.append(bytes);
  // During a stream it is read on, so that its end is noticed; more than a request's length nobody needs.
  if (client->busy && client->input.size() > kMaxControlRequest) return remove(client);
  serve(client);
}

// Serves the next whole line, if the last one is answered and the answer has been taken.
void ControlServer::serve(const std::shared_ptr<Client>& client) {
  if (client->busy || client->gone || closing_ || client->connection->unsent() != 0) return;
  const std::size_t end = client->input.find('\n');
  if (std::min(end, client->input.size()) > kMaxControlRequest)
    return refuse(client, format("a request is one line of at most {} bytes", kMaxControlRequest));
  if (end == std::string::npos) return client->connection->resume();
  // Who has hung up no longer wants it: a `stop` that was given up on must not stop the instance minutes
  // later.
  if (client->connection->peer_gone()) return remove(client);
  const std::string line = client->input.substr(0, end);
  client->input.erase(0, end + 1);
  client->connection->pause();
  client->busy = true;
  client->since = options_.loop.now();
  handle(client, line);
}

void ControlServer::handle(const std::shared_ptr<Client>& client, std::string_view line) {
  if (!progress_)
    progress_ = options_.loop.at(options_.loop.now() + kControlProgress, [this] { show_progress(); });
  Result<JsonValue> request = JsonValue::parse(line);
  if (!request || request->type != JsonValue::Type::object) {
    const std::string why = request ? "it is no object" : request.error().message;
    return answer(client,
                  fail(format("a request is a JSON object on one line: {}", why), Error::Kind::usage));
  }
  if (options_.streams) {
    const auto stream = std::make_shared<Stream>(*this, client);
    client->stream = stream;
    if (options_.streams(*request, stream)) {
      if (client->busy && !client->gone) client->connection->resume();
      return;
    }
    client->stream.reset();
  }
  const Answer reply = [this, weak = std::weak_ptr(client)](const Result<std::string>& result) {
    const auto held = weak.lock();
    if (held && !held->gone) answer(held, result);
  };
  if (!request->boolean_of("file") || !options_.file_handler) return options_.handler(*request, reply);
  std::shared_ptr<PassedFile> file = client->connection->take_file();
  if (!file) return reply(fail("no file came with the request", Error::Kind::usage));
  options_.file_handler(*request, std::move(file), reply);
}

void ControlServer::answer(const std::shared_ptr<Client>& client, const Result<std::string>& result) {
  client->busy = false;
  clients_.remove(client);
  clients_.push_back(client);
  client->connection->write(answer_line(result));
  // Not from here: a line of many requests would be served in as many nested calls.
  options_.loop.post([this, weak = std::weak_ptr(client)] {
    const auto held = weak.lock();
    if (held && !held->gone) serve(held);
  });
}

void ControlServer::refuse(const std::shared_ptr<Client>& client, std::string reason) {
  options_.log.sampled(LogLevel::warning, kSubject, "request", reason);
  client->connection->write(answer_line(fail(std::move(reason), Error::Kind::usage)));
  client->connection->close();
  client->input.clear();
  client->gone = true;
  // The connection closes itself once the answer has left; it must live until then.
  options_.loop.post([this, weak = std::weak_ptr(client)] {
    if (const auto held = weak.lock()) remove(held);
  });
}

void ControlServer::remove(const std::shared_ptr<Client>& client) {
  const std::shared_ptr<Client> keep = client;
  clients_.remove(keep);
  end_stream(*keep);
  if (closing_) finish_closing();
}

void ControlServer::show_progress() {
  progress_.reset();
  bool any = false;
  for (const auto& client : clients_) {
    if (!client->busy || client->gone) continue;
    any = true;
    if (client->connection->unsent() != 0) continue;  // it does not read
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(options_.loop.now() - client->since);
    client->connection->write(format("{{\"progress\":{{\"seconds\":{}}}}}\n", seconds.count()));
  }
  if (any) progress_ = options_.loop.at(options_.loop.now() + kControlProgress, [this] { show_progress(); });
}

void ControlServer::close(std::function<void()> closed) {
  closing_ = true;
  closed_ = std::move(closed);
  listener_.reset();
  clients_.remove_if([](const auto& client) {
    const bool done = client->connection->unsent() == 0;
    if (done) end_stream(*client);
    return done;
  });
  patience_ = options_.loop.at(options_.loop.now() + kPatience, [this] {
    for (const auto& client : clients_) end_stream(*client);
    clients_.clear();
    finish_closing();
  });
  finish_closing();
}

void ControlServer::finish_closing() {
  if (!clients_.empty() || !closed_) return;
  patience_.reset();
  options_.loop.post(std::exchange(closed_, nullptr));
}

std::string_view error_kind_text(Error::Kind kind) {
  for (const auto& [one, text] : kKinds)
    if (one == kind) return text;
  return "failed";
}

Error::Kind error_kind_of(std::string_view text) {
  for (const auto& [kind, one] : kKinds)
    if (one == text) return kind;
  return Error::Kind::failed;
}

}  // namespace tidemark
