// What every registered source must keep, whatever it reads from.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "support/fake_platform.h"
#include "support/source_intake.h"

namespace tidemark {
namespace {

using Lines = std::vector<std::string>;

constexpr const char* kAddress = "127.0.0.1:9999";
constexpr const char* kSocket = "/run/in.sock";

// Ways of one type that differ enough to be tested beside each other.
enum class Variant { plain, ack, connect, follow };

// One source, and how a test makes it read.
struct Subject {
  explicit Subject(const SourceDeclaration& its_declaration, Variant its_variant = Variant::plain)
      : declaration(its_declaration), variant(its_variant) {
    settings.name = "subject";
    settings.type = declaration.type;
    settings.listen.value = kAddress;
    settings.path.value = declaration.type == SourceSettings::Type::unix_socket ? kSocket : "/in.txt";
    settings.host = "localhost";
    settings.topics = {{"#", {}}};
    settings.ack = variant == Variant::ack;
    settings.follow = variant == Variant::follow;
    if (variant == Variant::connect) settings.connect.value = "server:9999";
    limits.max_record = 64;
  }

  std::unique_ptr<Source> make() {
    return declaration.make({.platform = doors.platform,
                             .settings = settings,
                             .limits = limits,
                             .intake = intake,
                             .client_id = "tm",
                             .longest_hold = 200ms});
  }
  // Starts it and has the lines on their way to it, in pieces of at most `cut` bytes where there are pieces.
  void read(const Lines& lines, std::size_t cut) {
    std::string stream;
    for (const std::string& line : lines) stream += line + "\n";
    if (declaration.type == SourceSettings::Type::file) doors.disk->put("/in.txt", stream);
    source = make();
    intake.source = source.get();
    REQUIRE(source->start().has_value());
    switch (declaration.type) {
      case SourceSettings::Type::file:
        break;
      case SourceSettings::Type::tcp:
      case SourceSettings::Type::unix_socket:
        if (variant == Variant::connect) {
          doors.network.serve("server:9999");
          doors.loop.advance(2s);
          peer = doors.network.accepted();
        } else {
          peer = doors.network.connect(declaration.type == SourceSettings::Type::tcp ? kAddress : kSocket);
        }
        if (settings.ack) peer->send("{\"peer\":\"p\",\"stream\":\"1\"}\n");
        peer->send_cut(stream, cut);
        break;
      case SourceSettings::Type::udp: {
        // A datagram holds whole lines.
        std::string datagram;
        for (const std::string& line : lines) {
          if (!datagram.empty() && datagram.size() + line.size() > cut) {
            doors.network.send_datagram(kAddress, datagram);
            datagram.clear();
          }
          datagram += line + "\n";
        }
        doors.network.send_datagram(kAddress, datagram);
        break;
      }
      case SourceSettings::Type::standard_input:
        doors.network.standard_input_peer().send_cut(stream, cut);
        break;
      case SourceSettings::Type::mqtt: {
        doors.mqtt.last().connected(false);
        intake.make_safe();
        doors.mqtt.last().grant({1});
        std::uint16_t id = 0;
        for (const std::string& line : lines)
          doors.mqtt.last().deliver({.id = ++id, .qos = 1, .topic = "t", .payload = line});
        break;
      }
    }
    doors.loop.run_ready();
  }

  const SourceDeclaration& declaration;
  Variant variant;
  FakePlatform doors;
  SourceSettings settings;
  LimitSettings limits;
  FakeIntake intake;
  std::unique_ptr<FakePeer> peer;
  std::unique_ptr<Source> source;
};

void for_each_source(const std::function<void(const SourceDeclaration&, Variant)>& check) {
  for (const SourceDeclaration& declaration : source_registry()) {
    CAPTURE(declaration.name);
    check(declaration, Variant::plain);
    const bool is_tcp = declaration.type == SourceSettings::Type::tcp;
    if (is_tcp || declaration.type == SourceSettings::Type::unix_socket) check(declaration, Variant::ack);
    if (is_tcp) check(declaration, Variant::connect);
    if (declaration.type == SourceSettings::Type::file) check(declaration, Variant::follow);
  }
}

Lines plain_lines(std::size_t count) {
  Lines lines;
  for (std::size_t i = 0; i < count; ++i) lines.push_back("line " + std::to_string(i));
  return lines;
}

// Lines of any bytes but LF and CR, some of them empty, some beyond max_record, some looking like
// introductions.
Lines hostile_lines(FakeRandom& random) {
  Lines lines;
  for (std::uint64_t i = 3 + random.below(40); i > 0; --i) {
    std::string line;
    const std::uint64_t size = random.one_in(6)   ? 0
                               : random.one_in(8) ? random.below(3000)
                                                  : random.below(60);
    for (std::uint64_t b = 0; b < size; ++b) {
      const auto c = static_cast<char>(random.below(256));
      line.push_back(c == '\n' || c == '\r' ? '\0' : c);
    }
    if (random.one_in(10)) line = "{\"peer\":\"p\"}";
    lines.push_back(line);
  }
  lines.front() = "first";
  return lines;
}

TEST_CASE("every source: all registered types are made, and are named once") {
  std::vector<std::string_view> names;
  for_each_source([&](const SourceDeclaration& declaration, Variant variant) {
    Subject subject(declaration, variant);
    CHECK(subject.make() != nullptr);
    if (variant == Variant::plain) names.push_back(declaration.name);
  });
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("every source: what comes in is handed over whole and in order") {
  for_each_source([](const SourceDeclaration& declaration, Variant variant) {
    Subject subject(declaration, variant);
    subject.read(plain_lines(50), 7);
    CHECK(subject.intake.records() == plain_lines(50));
  });
}

TEST_CASE("every source: nothing is read while the intake is closed, everything once it is open again") {
  for_each_source([](const SourceDeclaration& declaration, Variant variant) {
    Subject subject(declaration, variant);
    subject.intake.close_after = 1;
    subject.read(plain_lines(60), 5);
    const std::uint64_t reads = subject.intake.reads;
    subject.doors.loop.advance(1s);
    CHECK(subject.intake.reads == reads);
    subject.source->resume();  // too early: still closed
    subject.doors.loop.run_ready();
    CHECK(subject.intake.reads == reads);
    subject.intake.is_open = true;
    subject.source->resume();
    subject.doors.loop.run_ready();
    for (int i = 0; i < 100 && subject.intake.records().size() < 60; ++i) {
      subject.intake.make_safe();
      subject.doors.loop.run_ready();
    }
    CHECK(subject.intake.records() == plain_lines(60));
  });
}

TEST_CASE("every source: pause and resume stop and continue the reading at any time") {
  for_each_source([](const SourceDeclaration& declaration, Variant variant) {
    Subject subject(declaration, variant);
    subject.intake.close_after = 3;
    subject.read(plain_lines(40), 3);
    subject.intake.is_open = true;
    for (int i = 0; i < 2000 && subject.intake.records().size() < 40; ++i) {
      subject.source->pause();
      const std::uint64_t reads = subject.intake.reads;
      while (subject.doors.loop.run_one()) {
      }
      // A piece that was already on its way from the disk may still arrive.
      CHECK(subject.intake.reads <= reads + (declaration.type == SourceSettings::Type::file ? 1 : 0));
      subject.source->resume();
      subject.intake.make_safe();
      subject.doors.loop.run_one();
    }
    CHECK(subject.intake.records() == plain_lines(40));
  });
}

TEST_CASE(
    "every source: memory that is replayed is the live memory, from the beginning and from any checkpoint") {
  for_each_source([](const SourceDeclaration& declaration, Variant variant) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      CAPTURE(seed);
      FakeRandom random(seed);
      Subject subject(declaration, variant);
      subject.read(hostile_lines(random), 1 + random.below(50));
      const std::string live = saved(*subject.source);
      const auto& entries = subject.intake.appended;
      for (std::uint64_t at = 0; at <= entries.size(); ++at) {
        const auto before = subject.make();
        FakeIntake::replay({entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(at)}, *before);
        const std::string checkpoint = saved(*before);
        const auto after = subject.make();
        Decoder in(checkpoint);
        REQUIRE(after->load(in));
        CHECK(in.complete());
        CHECK(saved(*after) == checkpoint);
        FakeIntake::replay(entries, *after, at + 1);
        CHECK(saved(*after) == live);
        CHECK(after->summary() == subject.source->summary());
      }
    }
  });
}

TEST_CASE("every source: a memory that is cut short or damaged is refused or loaded, never worse") {
  for_each_source([](const SourceDeclaration& declaration, Variant variant) {
    Subject subject(declaration, variant);
    subject.read(plain_lines(20), 64);
    const std::string bytes = saved(*subject.source);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      Decoder in(std::string_view(bytes).substr(0, size));
      CHECK_FALSE(subject.make()->load(in));
    }
    FakeRandom random(7);
    for (int i = 0; i < 300 && !bytes.empty(); ++i) {
      std::string damaged = bytes;
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
      Decoder in(damaged);
      const auto source = subject.make();
      static_cast<void>(source->load(in));
      static_cast<void>(saved(*source));
    }
  });
}

TEST_CASE("every source: hostile bytes in any cut give the same records") {
  for_each_source([](const SourceDeclaration& declaration, Variant variant) {
    if (declaration.type == SourceSettings::Type::file) return;  // has no cuts
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
      CAPTURE(seed);
      FakeRandom random(seed);
      const Lines lines = hostile_lines(random);
      const auto appended = [&](std::size_t cut) {
        Subject subject(declaration, variant);
        subject.read(lines, cut);
        std::vector<std::pair<FakeIntake::Kind, std::string>> records;
        for (const auto& entry : subject.intake.appended) {
          if (entry.kind != FakeIntake::Kind::event) records.emplace_back(entry.kind, entry.payload);
        }
        return records;
      };
      const auto whole = appended(1u << 20);
      CHECK(whole.size() > 1);
      CHECK(appended(1) == whole);
      CHECK(appended(1 + random.below(100)) == whole);
    }
  });
}

TEST_CASE("every source: stop calls back once, when everything it appended is safe") {
  for_each_source([](const SourceDeclaration& declaration, Variant variant) {
    Subject subject(declaration, variant);
    subject.read(plain_lines(10), 64);
    int done = 0;
    subject.source->stop([&] { ++done; });
    subject.doors.loop.run_ready();
    CHECK(done == 0);
    subject.intake.make_safe();
    subject.doors.loop.run_ready();
    subject.doors.loop.advance(10s);
    CHECK(done == 1);
    CHECK(subject.source->status().state == SourceStatus::State::stopped);
  });
}

}  // namespace
}  // namespace tidemark
