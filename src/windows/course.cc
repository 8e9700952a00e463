// delta, increase, rate, time_avg: aggregates over the course of a value in event time.
//
// They keep the first and the last sample and what lies between. A sample that comes between them, out of
// order, is left out of increase, rate and time_avg: what it would change is added up already.
#include "windows/aggregates.h"
#include "windows/numeric_sum.h"
#include "windows/sample.h"
#include "windows/typed_aggregate.h"

namespace tidemark {
namespace {

const char* needs_number(const Value& value) {
  return value.is_null() || value.is_number() ? nullptr : "delta, increase, rate and time_avg need numbers";
}

struct Ends {
  Sample first, last;

  bool empty() const { return first.value.is_null(); }
  void save(Encoder& out) const {
    first.save(out);
    if (!empty()) last.save(out);
  }
  bool load(Decoder& in) {
    return first.load(in) && (empty() || (last.load(in) && !last.value.is_null() && !last.before(first)));
  }
  std::size_t heap_bytes() const { return 0; }
};

class Delta final : public TypedAggregate<Ends> {
 public:
  const char* check(const std::byte*, const Input& input) const override {
    return needs_number(input.arguments[0]);
  }
  void update(std::byte* state, const Input& input) const override {
    if (const Sample sample = Sample::of(input); sample.counts()) take(of(state), sample);
  }
  void merge(std::byte* into, const std::byte* from) const override {
    if (of(from).empty()) return;
    take(of(into), of(from).first);
    take(of(into), of(from).last);
  }
  Value result(const std::byte* state, Arena&) const override {
    const Ends& ends = of(state);
    return ends.empty() ? Value::null() : difference(ends.last.value, ends.first.value);
  }

 private:
  static void take(Ends& ends, const Sample& sample) {
    if (ends.empty() || sample.before(ends.first)) ends.first = sample;
    if (ends.last.value.is_null() || !sample.before(ends.last)) ends.last = sample;
  }
};

// What comes before the first sample or after the last is joined to it by `Between`.
template <class Between>
struct Course : Ends {
  Between between;

  void take(const Sample& sample) {
    if (empty()) {
      first = last = sample;
    } else if (!sample.before(last)) {
      between.join(last, sample);
      last = sample;
    } else if (sample.before(first)) {
      between.join(sample, first);
      first = sample;
    }
  }
  // Of a course that is later as a whole.
  void append(const Course& other) {
    if (other.empty()) return;
    if (empty()) {
      *this = other;
      return;
    }
    if (!other.first.before(last)) {
      between.join(last, other.first);
      between.add(other.between);
      last = other.last;
    } else {  // it is not: its ends are what can still be taken
      take(other.first);
      take(other.last);
    }
  }
  void save(Encoder& out) const {
    Ends::save(out);
    if (!empty()) between.save(out);
  }
  bool load(Decoder& in) { return Ends::load(in) && (empty() || between.load(in)); }
};

struct Climb {
  NumericSum sum;
  void join(const Sample& from, const Sample& to) {
    const Value step = difference(to.value, from.value);
    // A counter that falls has begun again at 0.
    const Value climbed = step.as_number() < 0 ? to.value : step;
    if (sum.check(climbed) != nullptr)
      sum.add(Value::real(climbed.as_number()));
    else
      sum.add(climbed);
  }
  void add(const Climb& other) { sum.merge(other.sum); }
  void save(Encoder& out) const { sum.save(out); }
  bool load(Decoder& in) { return sum.load(in); }
};

class Increase final : public TypedAggregate<Course<Climb>> {
 public:
  explicit Increase(bool per_second) : per_second_(per_second) {}
  const char* check(const std::byte*, const Input& input) const override {
    return needs_number(input.arguments[0]);
  }
  void update(std::byte* state, const Input& input) const override {
    if (const Sample sample = Sample::of(input); sample.counts()) of(state).take(sample);
  }
  void merge(std::byte* into, const std::byte* from) const override { of(into).append(of(from)); }
  Value result(const std::byte* state, Arena&) const override {
    const Course<Climb>& course = of(state);
    if (course.empty()) return Value::null();
    const Value climbed = course.between.sum.sum();  // NULL: one sample
    if (!per_second_) {
      if (!climbed.is_null()) return climbed;
      return course.first.value.is_integer() ? Value::integer(0) : Value::real(0);
    }
    const double seconds = course.first.seconds_to(course.last);
    return seconds > 0 ? Value::real(climbed.as_number() / seconds) : Value::null();
  }

 private:
  bool per_second_;
};

struct Area {
  NumericSum sum;  // of value · seconds
  void join(const Sample& from, const Sample& to) {
    sum.add(Value::real(from.value.as_number() * from.seconds_to(to)));
  }
  void add(const Area& other) { sum.merge(other.sum); }
  void save(Encoder& out) const { sum.save(out); }
  bool load(Decoder& in) { return sum.load(in); }
};

class TimeAverage final : public TypedAggregate<Course<Area>> {
 public:
  const char* check(const std::byte*, const Input& input) const override {
    return needs_number(input.arguments[0]);
  }
  void update(std::byte* state, const Input& input) const override {
    if (const Sample sample = Sample::of(input); sample.counts()) of(state).take(sample);
  }
  void merge(std::byte* into, const std::byte* from) const override { of(into).append(of(from)); }
  Value result(const std::byte* state, Arena&) const override {
    const Course<Area>& course = of(state);
    if (course.empty()) return Value::null();
    const double seconds = course.first.seconds_to(course.last);
    return Value::real(seconds > 0 ? course.between.sum.as_real() / seconds : course.last.value.as_number());
  }
};

}  // namespace

std::unique_ptr<Aggregate> make_delta() {
  return std::make_unique<Delta>();
}
std::unique_ptr<Aggregate> make_increase() {
  return std::make_unique<Increase>(false);
}
std::unique_ptr<Aggregate> make_rate() {
  return std::make_unique<Increase>(true);
}
std::unique_ptr<Aggregate> make_time_avg() {
  return std::make_unique<TimeAverage>();
}

}  // namespace tidemark
