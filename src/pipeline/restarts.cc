#include "pipeline/restarts.h"

#include <algorithm>

#include "base/format.h"
#include "pipeline/failures.h"

namespace tidemark {

Restarts::Restarts(Parts parts) : parts_(std::move(parts)) {
  for (std::size_t i = 0; i < parts_.settings.pipelines.size(); ++i)
    if (parts_.settings.pipelines[i].on_error == OnError::fail || parts_.engine.standing(i) != nullptr)
      watched_.emplace_back().pipeline = i;
}

void Restarts::look() {
  for (Watched& watched : watched_) {
    const Standing* standing = parts_.engine.standing(watched.pipeline);
    const Failures& failures = parts_.engine.failures(watched.pipeline);
    const bool same =
        watched.standing == (standing != nullptr) &&
        (standing == nullptr || (watched.failed == standing->failed && watched.at == standing->through &&
                                 watched.attempts == failures.attempts()));
    if (!same) changed(watched);
  }
}

void Restarts::changed(Watched& watched) {
  const Standing* standing = parts_.engine.standing(watched.pipeline);
  const Failures& failures = parts_.engine.failures(watched.pipeline);
  const PipelineSettings& settings = parts_.settings.pipelines[watched.pipeline];
  const std::string subject = "pipelines." + settings.name;
  watched.timer.reset();
  watched.asked = false;
  if (standing == nullptr) {
    if (watched.standing) parts_.log.info(subject, "goes on");
    watched.standing = watched.failed = false;
    return;
  }
  const bool failed_before = watched.standing && watched.failed;
  watched.standing = true;
  watched.failed = standing->failed;
  watched.at = standing->through;
  watched.attempts = failures.attempts();
  if (!watched.failed) {
    parts_.log.sampled(LogLevel::warning, subject, "stands still",
                       format("stands still at position {}: {}", failures.position().value, failures.why()));
  } else if (!failed_before) {
    parts_.log.error(subject, format("FAILED at position {}: {}. Its state is kept and the others go on; "
                                     "`tidemark pipeline resume {}` "
                                     "lets it go on without this record",
                                     failures.position().value, failures.why(), settings.name));
  }
  schedule(watched);
}

void Restarts::schedule(Watched& watched) {
  if (stopped_) return;
  const PipelineSettings& settings = parts_.settings.pipelines[watched.pipeline];
  // It stood still under a configuration that asked for it; this one does not.
  const bool freed = settings.on_error != OnError::fail;
  if (watched.failed && !freed) return;
  const RestartSettings& restart = settings.restart;
  const double jitter = restart.strategy == RestartSettings::Strategy::exponential_delay ? restart.jitter : 0;
  const Duration delay =
      freed ? Duration(0) : jittered(parts_.engine.failures(watched.pipeline).delay(restart), jitter);
  watched.next = parts_.loop.now() + delay;
  watched.timer = parts_.loop.at(watched.next, [this, &watched, freed, uid = settings.uid] {
    watched.asked = true;
    parts_.restart({freed ? RestartBy::operator_ : RestartBy::strategy, uid});
  });
}

Duration Restarts::jittered(Duration delay, double jitter) {
  const double part = static_cast<double>(parts_.random.next() >> 11) / 9007199254740992.0;  // [0, 1)
  return delay +
         Duration(static_cast<std::int64_t>(static_cast<double>(delay.count()) * jitter * (2 * part - 1)));
}

void Restarts::stop() {
  stopped_ = true;
  for (Watched& watched : watched_) watched.timer.reset();
}

void Restarts::describe(std::size_t pipeline, PipelineReport& to) const {
  const Failures& failures = parts_.engine.failures(pipeline);
  const Standing* standing = parts_.engine.standing(pipeline);
  to.state = "running";
  to.failing_records = failures.records();
  to.set_aside = failures.set_aside();
  to.given_up = parts_.engine.given_up(pipeline);
  to.last_error = failures.why();
  if (standing == nullptr) return;
  to.state = standing->failed ? "FAILED" : "standing still";
  to.position = standing->through;
  to.attempts = failures.attempts();
  const auto watched = std::ranges::find(watched_, pipeline, &Watched::pipeline);
  if (watched == watched_.end() || standing->failed) return;
  if (watched->timer && !watched->asked)
    to.next_attempt = std::max(Duration(0), Duration(watched->next - parts_.loop.now()));
}

}  // namespace tidemark
