// The part of Delivery that opens its sink: for every form of results that waits, or for one after another.
#include <algorithm>

#include "base/format.h"
#include "pipeline/delivery.h"

namespace tidemark {
namespace {

// csv means something by its columns only; every other form of a row names what it holds.
bool is_csv(const SinkSettings& settings) {
  using Type = SinkSettings::Type;
  const bool lines =
      settings.type == Type::file || settings.type == Type::standard_output || settings.type == Type::tcp;
  return lines && settings.format == FormatSettings::Type::csv;
}

}  // namespace

// What it is opened for, so that rows of `schema` can be given to it; null: of the present configuration.
Delivery::Form Delivery::form_of(const ResultSchema* schema) const {
  Form form;
  const bool present = schema == nullptr || std::ranges::find(schemas_, schema) != schemas_.end();
  if (!in_turns_ || present) form = schemas_;
  if (in_turns_ && present) return form;
  for (const ResultSchema& older : older_) {
    if (unfit_.contains(&older)) continue;
    if (in_turns_ && is_csv(settings_) && older.columns != schema->columns) continue;
    form.push_back(&older);
  }
  return form;
}

void Delivery::open_for(Form form) {
  form_ = {form.begin(), form.end()};
  opened_ = false;
  sink_->open(std::move(form), [this](Result<std::optional<Holdings>> held) { opened(std::move(held)); });
}

// The next rows are others than those that it is open for.
void Delivery::take_turn_for(const ResultSchema* schema) {
  turn_of_ = schema;
  reopen(form_of(schema));
}

void Delivery::reopen(Form form) {
  opened_ = false;
  sink_->close([this, form = std::move(form)]() mutable {
    if (closed_) return;
    // Not from inside of the one that goes.
    turn_ = doors_.loop.at(doors_.loop.now(), [this, form = std::move(form)]() mutable {
      sink_ = make_sink_();
      open_for(std::move(form));
    });
  });
}

void Delivery::opened(Result<std::optional<Holdings>> held) {
  if (!held) {
    const bool older =
        std::ranges::any_of(older_, [this](const ResultSchema& schema) { return form_.contains(&schema); });
    if (older && held.error().kind == Error::Kind::usage) return cannot_take(held.error());
    failure_ = held.error();
    return events_.failed(std::move(held.error()));
  }
  opened_ = true;
  can_say_ = held->has_value();
  if (*held && options_.mode == DeliveryMode::exactly_once) {
    held_ = std::move(**held);
    if (!std::exchange(gaps_noted_, true) && !sink_->status().forgot) note_gaps();
  }
  pump();
  events_.progress();
}

// With older forms among what it was opened for.
void Delivery::cannot_take(const Error& error) {
  // First without them: what is wrong with the present one is a matter of the configuration alone.
  if (!std::exchange(in_turns_, true)) return reopen(form_of(turn_of_));
  if (form_.size() > 1) return reopen({turn_of_});
  unfit_.insert(turn_of_);
  const std::string what = format(
      "results of \"{}\" that wait for it were made by an earlier configuration, and it cannot take them as "
      "it "
      "is now: {}",
      turn_of_->pipeline, error.message);
  if (options_.gives_up_unfit) {
    doors_.log.error(subject(), what + "; they are given up");
    return reopen(form_of(nullptr));
  }
  failure_ =
      Error{format("{}. Run that configuration until they are delivered, or give them up with `tidemark "
                   "run --allow-non-restored-state`",
                   what),
            Error::Kind::usage};
  events_.failed(*failure_);
}

}  // namespace tidemark
