// The udp source: a datagram is its lines, the last one also without a newline. With a binary format it is
// one payload.
//
// Nothing is acknowledged, and what the kernel has no room for is lost: it is counted (the kernel tells with
// the next datagram that it hands over), and `rcvbuf` gives it more room.
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/format.h"
#include "base/sizes.h"
#include "platform/log.h"
#include "platform/loop.h"
#include "platform/network.h"
#include "sources/line_framing.h"
#include "sources/source.h"

namespace tidemark {
namespace {

class UdpSource final : public Source {
 public:
  explicit UdpSource(SourceContext context)
      : context_(std::move(context)), subject_("sources." + context_.settings.name) {}

  void save(Encoder&) const override {}
  bool load(Decoder&) override { return true; }
  void remember_record(Position position, std::string_view, std::string_view, std::string_view) override {
    last_ = position;
  }
  void remember_event(Position position, std::string_view) override { last_ = position; }

  Status start() override;
  void pause() override {
    paused_ = true;
    if (socket_) socket_->pause();
  }
  void resume() override {
    if (stopping_ || !context_.intake.open()) return;
    paused_ = false;
    if (socket_) socket_->resume();
  }
  void safe_moved() override { finish_stop(); }
  void stop(std::function<void()> done) override {
    stopping_ = true;
    stopped_ = std::move(done);
    pause();
    context_.intake.hurry();
    finish_stop();
  }
  SourceStatus status() const override;
  std::string summary() const override { return "nothing to remember"; }

 private:
  void received(std::span<const std::string_view> datagrams);
  void take_whole(std::string_view datagram);
  void take(const Line& line);
  void finish_stop();

  SourceContext context_;
  std::string subject_;
  Position last_;
  bool paused_ = false;
  bool stopping_ = false;
  std::function<void()> stopped_;
  std::unique_ptr<DatagramSocket> socket_;
  std::uint64_t datagrams_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t blank_lines_ = 0;
  std::uint64_t oversized_ = 0;
};

Status UdpSource::start() {
  const SourceSettings& settings = context_.settings;
  Result<std::unique_ptr<DatagramSocket>> socket = context_.platform.network.listen_udp(
      settings.listen.value, settings.rcvbuf,
      [this](std::span<const std::string_view> datagrams) { received(datagrams); });
  if (!socket) return pass_on(socket);
  socket_ = std::move(*socket);
  const std::uint64_t given = socket_->receive_buffer();
  context_.platform.log.info(subject_, "listening",
                             {{"address", socket_->address()}, {"rcvbuf", size_to_text(given)}});
  if (given < settings.rcvbuf)
    context_.platform.log.warning(
        subject_, "the kernel gives a smaller buffer than rcvbuf asks for; raise sysctl net.core.rmem_max",
        {{"rcvbuf", size_to_text(settings.rcvbuf)}, {"given", size_to_text(given)}});
  return {};
}

void UdpSource::received(std::span<const std::string_view> datagrams) {
  if (stopping_) return;
  context_.intake.begin_read();
  for (const std::string_view datagram : datagrams) {
    ++datagrams_;
    if (context_.settings.format.is_binary()) {
      take_whole(datagram);
      continue;
    }
    LineFraming framing(context_.limits.max_record, quoted_line_ends(context_.settings.format));
    framing.feed(datagram);
    Line line;
    while (framing.next(line)) take(line);
    if (framing.rest(line)) take(line);
  }
  if (const std::uint64_t dropped = socket_->dropped(); dropped != dropped_) {
    dropped_ = dropped;
    context_.platform.log.sampled(
        LogLevel::warning, subject_, "dropped",
        format("the kernel has dropped {} datagrams so far for want of room; raise rcvbuf", dropped_));
  }
  if (!context_.intake.open()) pause();
}

void UdpSource::take_whole(std::string_view datagram) {
  Line record;
  record.oversized = datagram.size() > context_.limits.max_record;
  record.bytes = record.oversized ? kept_beginning(datagram, context_.limits.max_record) : datagram;
  take(record);
}

void UdpSource::take(const Line& line) {
  if (line.oversized) {
    ++oversized_;
    context_.intake.oversized(line.bytes, {}, {});
  } else if (line.bytes.empty()) {
    ++blank_lines_;
  } else {
    context_.intake.record(line.bytes, {}, {});
  }
}

void UdpSource::finish_stop() {
  if (!stopped_ || context_.intake.safe() < last_) return;
  socket_.reset();
  context_.platform.loop.post(std::exchange(stopped_, nullptr));
}

SourceStatus UdpSource::status() const {
  SourceStatus status;
  status.state = stopping_  ? SourceStatus::State::stopped
                 : !socket_ ? SourceStatus::State::starting
                 : paused_  ? SourceStatus::State::paused
                            : SourceStatus::State::connected;
  if (socket_)
    status.detail =
        format("listening on {}, buffer {}", socket_->address(), size_to_text(socket_->receive_buffer()));
  status.counters = {{"datagrams", datagrams_},
                     {"datagrams dropped by the kernel", dropped_},
                     {"blank lines", blank_lines_},
                     {"oversized lines", oversized_}};
  return status;
}

}  // namespace

std::unique_ptr<Source> make_udp_source(SourceContext context) {
  return std::make_unique<UdpSource>(std::move(context));
}

}  // namespace tidemark
