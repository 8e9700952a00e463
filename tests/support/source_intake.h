// FakeIntake: the journal as one source sees it, kept in memory. The test says what is safe, and when it is
// closed.
//
//   FakeIntake intake;
//   auto source = make_source({... .intake = intake ...});
//   intake.source = source.get();        // hears remember_*() after each append, as in production
//   ...
//   intake.make_safe();                  // everything appended so far; the source hears safe_moved()
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sources/source.h"

namespace tidemark {

class FakeIntake final : public Intake {
 public:
  enum class Kind { record, oversized, event };
  struct Appended {
    Kind kind = Kind::record;
    std::string payload;
    std::string topic;
    std::string resume;
    std::uint64_t read = 0;  // number of the read it belongs to
    bool operator==(const Appended&) const = default;
  };

  Source* source = nullptr;
  std::vector<Appended> appended;  // the entry at position p is appended[p - 1]
  Position safe_up_to;
  bool is_open = true;
  std::uint64_t close_after = 0;  // closes by itself after so many more records; 0: never
  std::uint64_t reads = 0;
  std::uint64_t hurries = 0;
  std::uint64_t ends = 0;

  void begin_read() override { ++reads; }
  void expect(std::string_view) override {}
  Position record(std::string_view payload, std::string_view topic, std::string_view resume) override {
    if (close_after > 0 && --close_after == 0) is_open = false;
    return append(Kind::record, payload, topic, resume);
  }
  Position oversized(std::string_view beginning, std::string_view topic, std::string_view resume) override {
    return append(Kind::oversized, beginning, topic, resume);
  }
  Position event(std::string_view payload) override { return append(Kind::event, payload, {}, {}); }
  bool open() const override { return is_open; }
  Position safe() const override { return safe_up_to; }
  void hurry() override { ++hurries; }
  void ended() override { ++ends; }

  Position last() const { return Position{appended.size()}; }
  void make_safe() { make_safe(last()); }
  void make_safe(Position position) {
    if (position <= safe_up_to) return;
    safe_up_to = position;
    if (source != nullptr) source->safe_moved();
  }

  // Lets a source remember entries [from, to] again, as a replay does.
  static void replay(const std::vector<Appended>& entries, Source& into, std::uint64_t from = 1) {
    for (std::uint64_t p = from; p <= entries.size(); ++p) {
      const Appended& entry = entries[p - 1];
      if (entry.kind == Kind::event) {
        into.remember_event(Position{p}, entry.payload);
      } else {
        into.remember_record(Position{p}, entry.topic, entry.payload, entry.resume);
      }
    }
  }
  // What a new instance finds: everything safe, and of the rest what the crash left.
  void crash(Position kept) {
    appended.resize(kept.value);
    safe_up_to = kept;
    source = nullptr;
  }

  std::vector<std::string> records() const {
    std::vector<std::string> out;
    for (const Appended& entry : appended) {
      if (entry.kind == Kind::record) out.push_back(entry.payload);
    }
    return out;
  }
  std::size_t count(Kind kind) const {
    std::size_t n = 0;
    for (const Appended& entry : appended) n += entry.kind == kind ? 1 : 0;
    return n;
  }

 private:
  Position append(Kind kind, std::string_view payload, std::string_view topic, std::string_view resume) {
    appended.push_back({kind, std::string(payload), std::string(topic), std::string(resume), reads});
    const Position position = last();
    if (source == nullptr) return position;
    if (kind == Kind::event) {
      source->remember_event(position, payload);
    } else {
      source->remember_record(position, topic, payload, resume);
    }
    return position;
  }
};

inline std::string saved(const Source& source) {
  Encoder out;
  source.save(out);
  return out.take();
}

}  // namespace tidemark
