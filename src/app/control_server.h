// ControlServer: the socket through which the command line speaks to a running instance.
//
// Protocol: a Unix stream socket, mode 0660; one JSON object a line each way, UTF-8, in request order.
//
//   asked     {"command":"status"}                            and what the command needs: {"…","id":"chk-42"}
//   answered  {"ok":true,"result":<what the command gives>}
//             {"ok":false,"kind":"not_found","error":"…"}     kinds: failed usage not_found corrupt
//                                                             no_space busy
//   streamed  {"item":<something>}                            of some requests: many of them, then the answer
//   meanwhile {"progress":{"seconds":10}}                     every 5 s while a request is under way: the
//                                                             instance lives
//
// A client that hangs up, or ends its sending side, has withdrawn what it asked and was not begun. The next
// request of a client is read when the answer to the last one has been taken. A line is at most 64 KiB:
// more is answered with an error and the client is disconnected. At most 16 clients: another one takes the
// place of the one that has been without a request for longest, or is refused when all have one under way.
// The commands themselves stand in control_requests.h.
// Threads: loop only.   Lifetime: network, loop and log outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/network.h"

namespace tidemark {

constexpr std::size_t kMaxControlRequest = 64 << 10;
constexpr std::size_t kMaxControlClients = 16;
constexpr Duration kControlProgress = 5s;

// A request that is answered bit by bit. The one who answers looks at unsent() and stops in time: what is
// sent is kept until the client takes it. Held as long as it is answered; calls back no more once it is gone.
class ControlStream {
 public:
  virtual ~ControlStream() = default;
  virtual void item(std::string json) = 0;
  virtual std::size_t unsent() const = 0;
  virtual void finish(Result<std::string> answer) = 0;
  // The client has taken everything; or it has hung up, or the instance stops, after which nothing may be
  // sent.
  std::function<void()> drained, gone;
};

class ControlServer {
 public:
  // Takes the answer: a JSON document, or an error. Called once, on the loop, at once or later.
  using Answer = std::function<void(Result<std::string>)>;
  using Handler = std::function<void(const JsonValue& request, Answer answer)>;
  // True when the request is one that is streamed, and is taken.
  using Streams = std::function<bool(const JsonValue& request, const std::shared_ptr<ControlStream>& stream)>;

  // For requests that come with a file: {"command":"…","file":true} and its descriptor (SCM_RIGHTS).
  using FileHandler =
      std::function<void(const JsonValue& request, std::shared_ptr<PassedFile> file, Answer answer)>;

  struct Options {
    Network& network;
    Loop& loop;
    Log& log;
    Handler handler;
    FileHandler file_handler = {};
    Streams streams = {};
  };
  explicit ControlServer(Options options);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();  // disconnects everybody at once

  Status listen(const std::string& path);
  // Takes no more clients and requests, lets the answers that are written leave (at most 2 s), and calls
  // `closed`.
  void close(std::function<void()> closed);
  std::size_t clients() const { return clients_.size(); }

 private:
  struct Client;
  class Stream;

  void accept(std::unique_ptr<Connection> connection);
  bool make_room();
  void take(const std::shared_ptr<Client>& client, std::string_view bytes);
  void serve(const std::shared_ptr<Client>& client);
  void handle(const std::shared_ptr<Client>& client, std::string_view line);
  void answer(const std::shared_ptr<Client>& client, const Result<std::string>& result);
  void refuse(const std::shared_ptr<Client>& client, std::string reason);
  void remove(const std::shared_ptr<Client>& client);
  static void end_stream(Client& client);
  void show_progress();
  void finish_closing();

  Options options_;
  std::unique_ptr<Listener> listener_;
  std::list<std::shared_ptr<Client>> clients_;  // the one that has been without a request for longest first
  std::unique_ptr<Timer> progress_;
  bool closing_ = false;
  std::function<void()> closed_;
  std::unique_ptr<Timer> patience_;
};

// The words for Error::Kind on the wire, and back; an unknown word is `failed`.
std::string_view error_kind_text(Error::Kind kind);
Error::Kind error_kind_of(std::string_view text);

}  // namespace tidemark
