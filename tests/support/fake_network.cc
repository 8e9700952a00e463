#include "support/fake_network.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "base/format.h"

namespace tidemark {

struct FakeStream : std::enable_shared_from_this<FakeStream> {
  FakeStream(Loop& its_loop, std::string its_peer) : loop(its_loop), peer(std::move(its_peer)) {}

  Loop& loop;
  std::string peer;
  Connection::Events events;

  std::deque<std::string> to_program;
  std::optional<std::string> end;  // the peer's close or reset, delivered after to_program
  bool started = false;
  bool paused = false;
  bool gone = false;  // the program's end is closed or destroyed
  bool ended = false;
  bool step_posted = false;

  std::string from_program;  // read by the peer
  std::string unsent;
  bool peer_reads = true;
  bool closing = false;  // close() waits for unsent
  bool breaks = false;
  bool was_reset = false;
  bool confirms = true;
  std::size_t unconfirmed = 0;  // of from_program
  Duration silent{};
  bool drain_posted = false;

  bool broken() const { return end && !end->empty(); }

  void wake() {
    if (step_posted || gone || ended || !started || paused) return;
    if (to_program.empty() && !end) return;
    step_posted = true;
    loop.post([self = shared_from_this()] { self->step(); });
  }

  void step() {
    step_posted = false;
    if (gone || ended || paused) return;
    if (!to_program.empty()) {
      const std::string chunk = std::move(to_program.front());
      to_program.pop_front();
      if (events.data) events.data(chunk);
      wake();
      return;
    }
    if (!end) return;
    ended = true;
    if (events.closed) events.closed(*end);
  }

  void flush() {
    if (!peer_reads || broken()) return;
    const bool had = !unsent.empty();
    if (!confirms) unconfirmed += unsent.size();
    from_program += std::exchange(unsent, {});
    if (closing) gone = true;
    if (!had || gone || drain_posted) return;
    drain_posted = true;
    loop.post([self = shared_from_this()] {
      self->drain_posted = false;
      const bool heard = !self->gone && !self->broken() && !self->closing;
      if (heard && self->unsent.empty() && self->events.drained) self->events.drained();
    });
  }
};

FakePeer::FakePeer(std::shared_ptr<FakeStream> stream) : stream_(std::move(stream)) {}

void FakePeer::send(std::string_view bytes) {
  if (bytes.empty() || stream_->end) return;
  stream_->to_program.emplace_back(bytes);
  stream_->wake();
}

void FakePeer::send_cut(std::string_view bytes, std::size_t cut) {
  for (std::size_t at = 0; at < bytes.size(); at += cut) send(bytes.substr(at, cut));
}

void FakePeer::close() {
  if (!stream_->end) stream_->end = std::string();
  stream_->wake();
}

void FakePeer::reset(const std::string& reason) {
  stream_->to_program.clear();
  stream_->end = reason;
  stream_->wake();
}

const std::string& FakePeer::received() const {
  return stream_->from_program;
}
std::string FakePeer::take_received() {
  return std::exchange(stream_->from_program, {});
}
void FakePeer::stop_reading() {
  stream_->peer_reads = false;
}

void FakePeer::resume_reading() {
  stream_->peer_reads = true;
  stream_->flush();
}

void FakePeer::hold_confirmations() {
  stream_->confirms = false;
}

void FakePeer::confirm() {
  stream_->confirms = true;
  stream_->unconfirmed = 0;
}

void FakePeer::silent_for(Duration duration) {
  stream_->silent = duration;
}

bool FakePeer::reset_by_program() const {
  return stream_->was_reset;
}
bool FakePeer::closed_by_program() const {
  return stream_->gone;
}
bool FakePeer::paused_by_program() const {
  return stream_->paused;
}

std::size_t FakePeer::unread() const {
  std::size_t bytes = 0;
  for (const std::string& chunk : stream_->to_program) bytes += chunk.size();
  return bytes;
}

class FakeNetwork::FakeConnection final : public Connection {
 public:
  explicit FakeConnection(std::shared_ptr<FakeStream> stream) : stream_(std::move(stream)) {}
  ~FakeConnection() override {
    stream_->ended = true;
    if (stream_->closing) return;
    stream_->gone = true;
    stream_->was_reset = stream_->breaks;
  }

  void start(Events events) override {
    stream_->events = std::move(events);
    stream_->started = true;
    stream_->wake();
  }
  void pause() override { stream_->paused = true; }
  void resume() override {
    stream_->paused = false;
    stream_->wake();
  }
  void write(std::string bytes) override {
    if (stream_->gone || stream_->closing || stream_->broken()) return;
    stream_->unsent += bytes;
    stream_->flush();
  }
  std::size_t unsent() const override { return stream_->unsent.size(); }
  void close() override {
    stream_->closing = true;
    stream_->ended = true;
    if (stream_->unsent.empty()) stream_->gone = true;
    stream_->flush();
  }
  const std::string& peer() const override { return stream_->peer; }
  bool peer_gone() const override { return stream_->end.has_value(); }
  Sending sending() const override {
    return {.unconfirmed = stream_->unsent.size() + stream_->unconfirmed,
            .broken = stream_->gone || stream_->broken(),
            .silent = stream_->silent};
  }
  void break_unless_closed() override { stream_->breaks = true; }

 private:
  std::shared_ptr<FakeStream> stream_;
};

class FakeNetwork::FakeListener final : public Listener {
 public:
  FakeListener(std::weak_ptr<Doors> doors, std::string address)
      : doors_(std::move(doors)), address_(std::move(address)) {}
  ~FakeListener() override {
    if (const auto doors = doors_.lock()) doors->erase(address_);
  }
  std::string address() const override { return address_; }

 private:
  std::weak_ptr<Doors> doors_;
  std::string address_;
};

FakeNetwork::FakeNetwork(Loop& loop) : loop_(loop), doors_(std::make_shared<Doors>()) {}
FakeNetwork::~FakeNetwork() = default;

Result<std::unique_ptr<Listener>> FakeNetwork::listen(
    const std::string& asked, const std::string& taken,
    std::function<void(std::unique_ptr<Connection>)> accepted) {
  if (!refuse_listen_.empty())
    return fail(format("listen on {}: {}", asked, std::exchange(refuse_listen_, {})));
  if (doors_->contains(taken)) return fail(format("listen on {}: address already in use", asked));
  (*doors_)[taken] = std::make_shared<Door>(Door{asked, std::move(accepted)});
  return std::make_unique<FakeListener>(doors_, taken);
}

Result<std::unique_ptr<Listener>> FakeNetwork::listen_tcp(
    const std::string& address, std::function<void(std::unique_ptr<Connection>)> accepted) {
  std::string taken = address;
  if (taken.starts_with(':')) taken.insert(0, "0.0.0.0");
  if (taken.ends_with(":0")) taken.replace(taken.size() - 1, 1, std::to_string(next_port_++));
  return listen(address, taken, std::move(accepted));
}

Result<std::unique_ptr<Listener>> FakeNetwork::listen_unix(
    const std::string& path, unsigned, std::function<void(std::unique_ptr<Connection>)> accepted) {
  return listen(path, path, std::move(accepted));
}

class FakeNetwork::FakeDatagrams final : public DatagramSocket {
 public:
  FakeDatagrams(FakeNetwork& network, std::string address, std::uint64_t buffer,
                std::function<void(std::span<const std::string_view>)> received)
      : network_(network), address_(std::move(address)), buffer_(buffer), received_(std::move(received)) {
    network_.datagrams_[address_] = this;
  }
  ~FakeDatagrams() override { network_.datagrams_.erase(address_); }

  void pause() override { paused_ = true; }
  void resume() override {
    paused_ = false;
    wake();
  }
  std::string address() const override { return address_; }
  std::uint64_t receive_buffer() const override { return buffer_; }
  std::uint64_t dropped() const override { return told_; }

  void add(std::string_view bytes) {
    waiting_.emplace_back(bytes);
    wake();
  }
  void drop(std::uint64_t count) { dropped_ += count; }

 private:
  void wake() {
    if (paused_ || waiting_.empty() || *posted_) return;
    *posted_ = true;
    network_.loop_.post([this, weak = std::weak_ptr(posted_)] {
      if (const auto alive = weak.lock()) step();
    });
  }
  void step() {
    *posted_ = false;
    if (paused_) return;
    std::vector<std::string> some;
    while (!waiting_.empty() && some.size() < network_.datagrams_at_once) {
      some.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    told_ = dropped_;
    const std::vector<std::string_view> views(some.begin(), some.end());
    const std::weak_ptr<bool> alive = posted_;
    received_(views);
    if (!alive.expired()) wake();
  }

  FakeNetwork& network_;
  std::string address_;
  std::uint64_t buffer_;
  std::function<void(std::span<const std::string_view>)> received_;
  std::deque<std::string> waiting_;
  bool paused_ = false;
  std::shared_ptr<bool> posted_ = std::make_shared<bool>(false);
  std::uint64_t dropped_ = 0;
  std::uint64_t told_ = 0;
};

Result<std::unique_ptr<DatagramSocket>> FakeNetwork::listen_udp(
    const std::string& address, std::uint64_t receive_buffer,
    std::function<void(std::span<const std::string_view>)> received) {
  if (!refuse_listen_.empty())
    return fail(format("listen on {}: {}", address, std::exchange(refuse_listen_, {})));
  const std::uint64_t given =
      receive_buffer == 0 ? most_receive_buffer : std::min(receive_buffer, most_receive_buffer);
  return std::make_unique<FakeDatagrams>(*this, address, given, std::move(received));
}

void FakeNetwork::send_datagram(const std::string& address, std::string_view bytes) {
  if (const auto socket = datagrams_.find(address); socket != datagrams_.end()) socket->second->add(bytes);
}

void FakeNetwork::drop_datagrams(const std::string& address, std::uint64_t count) {
  if (const auto socket = datagrams_.find(address); socket != datagrams_.end()) socket->second->drop(count);
}

// An attempt in progress; the loop's callback sees through the weak pointer whether it still is.
class FakeNetwork::FakeConnecting final : public Connecting {
 public:
  std::shared_ptr<Connected> done = std::make_shared<Connected>();
};

std::unique_ptr<Connecting> FakeNetwork::connect_tcp(const std::string& address, Connected done) {
  ++connects_;
  auto attempt = std::make_unique<FakeConnecting>();
  *attempt->done = std::move(done);
  loop_.post([this, address, weak = std::weak_ptr(attempt->done)] {
    const auto still = weak.lock();
    if (!still) return;
    const auto server = servers_.find(address);
    if (server != servers_.end() && server->second == Server::held) return;
    const Connected call = std::exchange(*still, nullptr);
    if (server == servers_.end()) return call(fail(format("connect to {}: {}", address, refuse_connect_)));
    auto stream = std::make_shared<FakeStream>(loop_, address);
    accepted_.push_back({address, stream});
    call(std::make_unique<FakeConnection>(std::move(stream)));
  });
  return attempt;
}

std::unique_ptr<FakePeer> FakeNetwork::accepted(const std::string& address) {
  const auto oldest = std::ranges::find_if(
      accepted_, [&](const auto& made) { return address.empty() || made.first == address; });
  if (oldest == accepted_.end()) return nullptr;
  auto peer = std::make_unique<FakePeer>(oldest->second);
  accepted_.erase(oldest);
  return peer;
}

Result<std::unique_ptr<Connection>> FakeNetwork::standard_input() {
  standard_input_peer();
  return std::make_unique<FakeConnection>(input_);
}

FakePeer& FakeNetwork::standard_input_peer() {
  if (!input_peer_) {
    input_ = std::make_shared<FakeStream>(loop_, "standard input");
    input_peer_ = std::make_unique<FakePeer>(input_);
  }
  return *input_peer_;
}

std::unique_ptr<FakePeer> FakeNetwork::connect(const std::string& address) {
  const auto found = std::find_if(doors_->begin(), doors_->end(), [&](const auto& entry) {
    return entry.first == address || entry.second->asked == address;
  });
  if (found == doors_->end()) return nullptr;
  auto stream = std::make_shared<FakeStream>(loop_, format("127.0.0.1:{}", next_peer_++));
  loop_.post([stream, door = std::weak_ptr(found->second)] {
    const auto open = door.lock();
    if (!open) {
      stream->gone = true;
      return;
    }
    open->accepted(std::make_unique<FakeConnection>(stream));
  });
  return std::make_unique<FakePeer>(stream);
}

std::vector<std::string> FakeNetwork::listening() const {
  std::vector<std::string> addresses;
  for (const auto& [address, door] : *doors_) addresses.push_back(address);
  return addresses;
}

}  // namespace tidemark
