#include "platform/mosquitto_handle.h"

#include <mqtt_protocol.h>
#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/format.h"

namespace tidemark {
namespace {

// Where Debian keeps the certificates that the machine trusts.
constexpr const char* kSystemCertificates = "/etc/ssl/certs";
// The library cuts its log lines at 500 bytes; the id stands before the DUP flag.
constexpr std::size_t kLongestClientId = 400;

struct FreeProperties {
  void operator()(mosquitto_property* properties) const { mosquitto_property_free_all(&properties); }
};
using Properties = std::unique_ptr<mosquitto_property, FreeProperties>;

std::string text_of(int code) {
  if (code == MOSQ_ERR_ERRNO) return std::strerror(errno);
  if (code == MOSQ_ERR_EAI) return ::gai_strerror(errno);  // the library leaves getaddrinfo's code there
  return mosquitto_strerror(code);
}

int seconds(Duration d, int least, int most) {
  const auto whole = std::chrono::ceil<std::chrono::seconds>(d).count();
  return static_cast<int>(std::clamp<std::int64_t>(whole, least, most));
}

std::vector<char*> c_strings(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  return pointers;
}

const char* or_null(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

}  // namespace

std::optional<bool> duplicate_in_log_line(std::string_view line, std::string_view client_id) {
  constexpr std::string_view kClient = "Client ";
  constexpr std::string_view kMark = " received PUBLISH (d";
  if (!line.starts_with(kClient)) return std::nullopt;
  line.remove_prefix(kClient.size());
  const std::size_t at = client_id.empty() ? line.find(kMark) : client_id.size();
  if (at > line.size() || !line.starts_with(client_id) || !line.substr(at).starts_with(kMark))
    return std::nullopt;
  line.remove_prefix(at + kMark.size());
  if (line.starts_with('0')) return false;
  if (line.starts_with('1')) return true;
  return std::nullopt;
}

MosquittoHandle::MosquittoHandle(const MqttOptions& options) : options_(options) {}

MosquittoHandle::~MosquittoHandle() {
  mosquitto_destroy(mosquitto_);
}

Result<std::unique_ptr<MosquittoHandle>> MosquittoHandle::make(const MqttOptions& options,
                                                               bool see_duplicates) {
  std::unique_ptr<MosquittoHandle> handle(new MosquittoHandle(options));
  if (Status done = handle->set_up(see_duplicates); !done)
    return pass_on(done, format("mqtt client for {}:{}", options.host, options.port));
  return handle;
}

Status MosquittoHandle::status_of(int code) const {
  if (code == MOSQ_ERR_SUCCESS) return {};
  if (code == MOSQ_ERR_TLS && !logged_error_.empty()) return fail(format("TLS: {}", logged_error_));
  return fail(text_of(code));
}

Status MosquittoHandle::set_up(bool see_duplicates) {
  if (options_.client_id.size() > kLongestClientId)
    return fail(format("a client id has at most {} bytes here", kLongestClientId), Error::Kind::usage);
  mosquitto_ = mosquitto_new(or_null(options_.client_id), options_.clean_start, this);
  if (!mosquitto_) return fail(format("client id \"{}\": {}", options_.client_id, std::strerror(errno)));
  // Before anything is sent: see the header.
  Status done = status_of(mosquitto_threaded_set(mosquitto_, true));
  const int version = v5() ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
  if (done) done = status_of(mosquitto_int_option(mosquitto_, MOSQ_OPT_PROTOCOL_VERSION, version));
  if (done) done = status_of(mosquitto_int_option(mosquitto_, MOSQ_OPT_TCP_NODELAY, 1));
  if (done && v5()) {
    const int window = std::max<int>(options_.receive_maximum, 1);
    done = status_of(mosquitto_int_option(mosquitto_, MOSQ_OPT_RECEIVE_MAXIMUM, window));
  }
  if (done && !options_.username.empty())
    done = status_of(
        mosquitto_username_pw_set(mosquitto_, options_.username.c_str(), or_null(options_.password)));
  if (done && options_.tls) done = set_up_tls();
  if (done) set_callbacks();
  if (done) hear_log(see_duplicates || options_.tls);
  return done;
}

Status MosquittoHandle::set_up_tls() {
  const char* folder = options_.ca_file.empty() ? kSystemCertificates : nullptr;
  const int code = mosquitto_tls_set(mosquitto_, or_null(options_.ca_file), folder,
                                     or_null(options_.cert_file), or_null(options_.key_file), nullptr);
  if (code != MOSQ_ERR_SUCCESS)
    return fail(
        format("TLS with ca_file \"{}\", cert_file \"{}\", key_file \"{}\": {}; check that they exist, "
               "can be read, and that cert_file and key_file are given together",
               options_.ca_file, options_.cert_file, options_.key_file, text_of(code)));
  constexpr int kVerifyPeer = 1;
  return status_of(mosquitto_tls_opts_set(mosquitto_, kVerifyPeer, nullptr, nullptr));
}

void MosquittoHandle::set_callbacks() {
  using Handle = MosquittoHandle;
  mosquitto_connect_v5_callback_set(
      mosquitto_, [](mosquitto*, void* self, int reason, int flags, const mosquitto_property* properties) {
        Handle& handle = *static_cast<Handle*>(self);
        ++handle.progress_;
        handle.answered_ = true;
        std::optional<Duration> keep_alive;
        std::uint16_t demanded = 0;
        if (mosquitto_property_read_int16(properties, MQTT_PROP_SERVER_KEEP_ALIVE, &demanded, false))
          keep_alive = std::chrono::seconds(demanded);
        if (handle.listener_) handle.listener_->connack(reason, (flags & 1) != 0, keep_alive);
      });
  mosquitto_message_callback_set(mosquitto_, [](mosquitto*, void* self, const mosquitto_message* m) {
    Handle& handle = *static_cast<Handle*>(self);
    ++handle.progress_;
    const bool duplicate = std::exchange(handle.duplicate_, false);
    if (!handle.listener_) return;
    handle.listener_->message(
        {.id = static_cast<std::uint16_t>(m->mid),
         .qos = m->qos,
         .retained = m->retain,
         .duplicate = duplicate,
         .topic = m->topic,
         .payload = {static_cast<const char*>(m->payload), static_cast<std::size_t>(m->payloadlen)}});
  });
  mosquitto_subscribe_callback_set(
      mosquitto_, [](mosquitto*, void* self, int id, int count, const int* granted) {
        Handle& handle = *static_cast<Handle*>(self);
        ++handle.progress_;
        if (handle.listener_) handle.listener_->subscribed(id, {granted, static_cast<std::size_t>(count)});
      });
  mosquitto_unsubscribe_callback_set(mosquitto_, [](mosquitto*, void* self, int) {
    Handle& handle = *static_cast<Handle*>(self);
    ++handle.progress_;
    if (handle.listener_) handle.listener_->unsubscribed();
  });
  mosquitto_publish_v5_callback_set(
      mosquitto_, [](mosquitto*, void* self, int id, int reason, const mosquitto_property*) {
        Handle& handle = *static_cast<Handle*>(self);
        ++handle.progress_;
        if (handle.listener_) handle.listener_->published(id, reason);
      });
  mosquitto_disconnect_v5_callback_set(mosquitto_,
                                       [](mosquitto*, void* self, int reason, const mosquitto_property*) {
                                         Handle& handle = *static_cast<Handle*>(self);
                                         if (handle.listener_) handle.listener_->disconnected(reason);
                                       });
}

void MosquittoHandle::see_duplicates(bool see) {
  duplicate_ = false;
  hear_log(see || options_.tls);  // whose errors are told nowhere else
}

// A line that nobody hears is not formatted.
void MosquittoHandle::hear_log(bool hear) {
  if (!hear) return mosquitto_log_callback_set(mosquitto_, nullptr);
  mosquitto_log_callback_set(mosquitto_, [](mosquitto*, void* self, int level, const char* line) {
    MosquittoHandle& handle = *static_cast<MosquittoHandle*>(self);
    const std::optional<bool> duplicate = duplicate_in_log_line(line, handle.options_.client_id);
    if (duplicate) handle.duplicate_ = *duplicate;
    if (level == MOSQ_LOG_ERR && handle.logged_error_.empty()) handle.logged_error_ = line;
  });
}

Status MosquittoHandle::connect() {
  mosquitto_property* list = nullptr;
  int code = MOSQ_ERR_SUCCESS;
  if (v5() && options_.session_expiry > Duration::zero()) {
    const auto expiry =
        std::min<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(options_.session_expiry).count(),
                               std::numeric_limits<std::uint32_t>::max());
    code = mosquitto_property_add_int32(&list, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                        static_cast<std::uint32_t>(expiry));
  }
  const Properties properties(list);
  if (code == MOSQ_ERR_SUCCESS)
    code = mosquitto_connect_bind_v5(mosquitto_, options_.host.c_str(), options_.port,
                                     seconds(options_.keep_alive, 5, 65535), nullptr, properties.get());
  return status_of(code);
}

void MosquittoHandle::disconnect() {
  static_cast<void>(mosquitto_disconnect_v5(mosquitto_, 0, nullptr));
}

int MosquittoHandle::socket() const {
  return mosquitto_socket(mosquitto_);
}
bool MosquittoHandle::wants_write() const {
  return mosquitto_want_write(mosquitto_);
}
Status MosquittoHandle::read() {
  const int code = mosquitto_loop_read(mosquitto_, 1);
  // A broker of 3.1.1 refuses MQTT 5 with a CONNACK of its own form. Some versions of the library take it for
  // that, others (2.0.21) for a broken one of MQTT 5.
  if (code == MOSQ_ERR_MALFORMED_PACKET && v5() && !answered_ && listener_)
    listener_->connack(MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION, false, std::nullopt);
  return status_of(code);
}
Status MosquittoHandle::write() {
  return status_of(mosquitto_loop_write(mosquitto_, 1));
}
Status MosquittoHandle::check_keep_alive() {
  return status_of(mosquitto_loop_misc(mosquitto_));
}

Result<int> MosquittoHandle::subscribe(const std::vector<std::string>& filters, int qos,
                                       MqttSubscription::Retained retained) {
  int options = 0;
  if (v5()) {
    switch (retained) {
      case MqttSubscription::Retained::first:
        options = MQTT_SUB_OPT_SEND_RETAIN_NEW;
        break;
      case MqttSubscription::Retained::always:
        options = MQTT_SUB_OPT_SEND_RETAIN_ALWAYS;
        break;
      case MqttSubscription::Retained::never:
        options = MQTT_SUB_OPT_SEND_RETAIN_NEVER;
        break;
    }
  }
  std::vector<std::string> copies = filters;
  const std::vector<char*> pointers = c_strings(copies);
  int id = 0;
  const int code = mosquitto_subscribe_multiple(mosquitto_, &id, static_cast<int>(pointers.size()),
                                                pointers.data(), qos, options, nullptr);
  if (code != MOSQ_ERR_SUCCESS) return fail("subscribe: " + text_of(code));
  return id;
}

Status MosquittoHandle::unsubscribe(const std::vector<std::string>& filters) {
  std::vector<std::string> copies = filters;
  const std::vector<char*> pointers = c_strings(copies);
  return status_of(mosquitto_unsubscribe_multiple(mosquitto_, nullptr, static_cast<int>(pointers.size()),
                                                  pointers.data(), nullptr));
}

Result<int> MosquittoHandle::publish(
    const std::string& topic, std::string_view payload, int qos, bool retain,
    const std::vector<std::pair<std::string, std::string>>& user_properties) {
  mosquitto_property* list = nullptr;
  int code = MOSQ_ERR_SUCCESS;
  for (const auto& [name, value] : user_properties) {
    if (!v5() || code != MOSQ_ERR_SUCCESS) break;
    code = mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY, name.c_str(), value.c_str());
  }
  const Properties properties(list);
  int id = 0;
  if (code == MOSQ_ERR_SUCCESS)
    code = mosquitto_publish_v5(mosquitto_, &id, topic.c_str(), static_cast<int>(payload.size()),
                                payload.data(), qos, retain, properties.get());
  if (code != MOSQ_ERR_SUCCESS) return fail(format("publish to {}: {}", topic, text_of(code)));
  return id;
}

}  // namespace tidemark
