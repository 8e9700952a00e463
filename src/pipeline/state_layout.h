// StateLayout: what the state of a pipeline means, apart from its bytes: by which keys and windows it is
// kept, and which aggregates lie side by side in an entry, in which order.
//
// It stands in every manifest, so that a later configuration can be compared with the state that is there,
// and take over what it still means, without the configuration that made it. Texts are canonical
// (expressions/ast.h): spaces, letter case and the order of declaration decide nothing.
// Pure. Values.   Format: FORMAT.md, section "layout/UID"
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace tidemark {

struct StateLayout {
  enum class Kind : std::uint8_t {
    stateless = 0,
    running = 1,
    windowed = 2,  // an entry a window
    absence = 3,
    paned = 4,    // an entry a pane, which several windows share
    session = 5,  // an entry a session
    count = 6,    // an entry so many records, which several windows share
  };
  Kind kind = Kind::stateless;
  std::vector<std::string> keys;
  std::string window;         // type, sizes and kind of time; empty without a window
  bool pending_flag = false;  // an entry begins with a flag: waits for `emit = "every …"`, or is silent
  bool last_use = false;      // then follows when it was last used, where there is a `ttl`, or absence
  bool order = false;         // then the order of making, where the oldest may have to go
  std::int64_t allowed_lateness_ns = 0;
  std::vector<std::string> aggregates;

  bool operator==(const StateLayout&) const = default;
};

void save_layout(const StateLayout& layout, Encoder& out);
bool load_layout(Decoder& in, StateLayout& layout);

// Of keys, window and aggregates: the same for two layouts exactly when entries mean the same.
std::uint64_t fingerprint_of(const StateLayout& layout);

// What becomes of state that is laid out as `before` under a plan that lays it out as `after`.
struct StateChange {
  enum class Kind {
    none,        // the entries stay as they are
    aggregates,  // the keys stay, aggregates come, go or change places
    other_state  // keys or windows differ: no entry means anything to `after`
  } kind = Kind::none;
  std::string difference;  // other_state: "key_by was a, b and is a"
  // aggregates: by aggregate of `after`, where it stood in `before`; nothing: it starts empty
  std::vector<std::optional<std::size_t>> from;
  std::vector<std::string> added, removed;
};
StateChange compare(const StateLayout& before, const StateLayout& after);

}  // namespace tidemark
