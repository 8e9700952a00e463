// Appliance: Tidemark itself. Sources, journal, pipelines, checkpoints and sinks of one configuration, wired
// together and driven by one loop.
//
// start() is the page to read first: startup.cc, from the lock on the data directory to the first connection.
// Destroying an Appliance is a crash: nothing is written, flushed or acknowledged. stop() is the clean way.
// Errors: whatever can be waited out (disk full, broker away) shows in status() and is tried again; an error
// handed to `ready` means that this start cannot go on without somebody's decision, and says which. Threads:
// loop only; callbacks on the loop.  Lifetime: platform and notifier outlive it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "checkpoint/manifest.h"
#include "config/loader.h"
#include "config/settings.h"
#include "pipeline/savepoint.h"
#include "pipeline/status.h"
#include "platform/platform.h"
#include "platform/written_bytes.h"
#include "sinks/sink.h"
#include "sources/source.h"

namespace tidemark {

class ServiceNotifier;

// Where a start resumes from: `run --from`.
struct StartPoint {
  enum class Kind { latest, none, checkpoint, savepoint } kind = Kind::latest;
  CheckpointId id;        // checkpoint
  std::string path = {};  // savepoint
};

struct ApplianceOptions {
  Settings settings;
  StartPoint from;
  bool abandon_replay = false;  // go on from the checkpoint without replaying what follows, on a new timeline
  // State of pipelines, and results kept for sinks, that the configuration does not have are dropped.
  bool allow_non_restored_state = false;
  // For reading back the configurations that a replay needs. No secret is asked for.
  LoaderEnvironment environment = {};
  std::string control_socket;  // noted in the LOCK file, so that the command line finds it
  std::string version;
  // A trial puts others in their places.
  std::function<std::unique_ptr<Source>(SourceContext)> make_source = tidemark::make_source;
  std::function<std::unique_ptr<Sink>(SinkContext)> make_sink = tidemark::make_sink;
};

// What watches a source or a pipeline; it ends when this goes.
class Tap {
 public:
  virtual ~Tap() = default;
};
struct TapEvents {
  std::function<bool()> ready;                        // false: what passes now is missed
  std::function<void(const std::string& json)> show;  // one object (taps.h)
  std::function<void()> missed;
};

class Appliance {
 public:
  Appliance(Platform& platform, ServiceNotifier& notifier, ApplianceOptions options);
  ~Appliance();

  // Once. `ready` when sources are being connected, or with the reason why it cannot start.
  void start(std::function<void(Status)> ready);

  // Stops reading, processes what was read, delivers, writes a final checkpoint. `command`: by `tidemark
  // stop` rather than by a signal, for checkpoint.on_stop. During the start it ends the start.
  void stop(bool command, std::function<void(Status)> stopped);
  // The same at a command, for a permanent end: every open window is closed in between, by an entry of the
  // journal, so that a replay does the same. Error::busy when it is not running.
  void drain(std::function<void(Status)> stopped);
  // Called when every source was bounded and has ended.
  void on_ended(std::function<void()> ended);

  // From here on another configuration, one that load_settings() and check_plan() let through. `done` when it
  // is in force, or with the reason why everything runs on as it was: keys that only a start can change,
  // state that it would drop.
  void reload(Settings settings, std::function<void(Status)> done);
  // The file could not even be read: status says so until the next good one.
  void reload_refused(const std::string& why);

  void create_checkpoint(std::function<void(Result<CheckpointId>)> done);
  // Manifests that are complete, ascending; a damaged one stands as its error.
  struct Listed {
    CheckpointId id;
    Result<Manifest> manifest;
  };
  // A checkpoint now, as one file that can be carried away; answered when `target` is synced. With
  // stop_with_savepoint() the instance then stops, having processed nothing beyond it, and acknowledges
  // nothing of it before it is safe.
  void create_savepoint(SavepointTarget target, std::function<void(Result<CheckpointId>)> done);
  void stop_with_savepoint(SavepointTarget target, std::function<void(Status)> stopped);
  void list_checkpoints(std::function<void(Result<std::vector<Listed>>)> done);
  void verify_checkpoint(CheckpointId id, std::function<void(Status)> done);
  // Lets a pipeline that stands still go on; `done` when that is durable. not_found: there is none of this
  // name; usage: it does not stand still.
  void resume_pipeline(const std::string& name, std::function<void(Status)> done);

  // Removes a completed checkpoint. Error::usage for the newest, on which the next one builds.
  void delete_checkpoint(CheckpointId id, std::function<void(Status)> done);
  // A checkpoint as it is stored, for a command that must not open the store itself: its manifest, encoded;
  // or rows of a segment of it from byte `from` on, about 1 MiB of them.
  struct Piece {
    std::string bytes;
    bool last = true;
  };
  void read_manifest(CheckpointId id, std::function<void(Result<Piece>)> done);
  void read_rows(CheckpointId id, std::string segment, std::uint64_t from,
                 std::function<void(Result<Piece>)> done);

  // Shows what passes the source or comes out of the pipeline of this name from now on.
  Result<std::unique_ptr<Tap>> tap(const std::string& name, TapEvents events);
  // Shows some keyed state of a pipeline as it is now: rows as JSON objects with their key's bytes, in no
  // order. Looks at no more than `most` places, from `from` on, which is 0 first and then what was returned
  // as `next`.
  struct StateSlice {
    std::optional<std::uint32_t> next;  // none: all was shown
    std::vector<std::string> columns;
    Position position;
  };
  using ShowState = std::function<void(std::string_view key, std::string row)>;
  Result<StateSlice> show_state(const std::string& pipeline, const struct KeyFilter& filter,
                                std::uint32_t from, std::size_t most, const ShowState& show) const;

  StatusReport status() const;
  bool running() const;  // started, and not yet stopping

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

// The compiled configuration's mistakes (expressions, fields, schemas) go to `diagnostics`; what `check` runs
// after load_settings, and start() before anything else.
class Diagnostics;
void check_plan(const Settings& settings, Diagnostics& diagnostics);

// For the command line with no instance running: the same questions, read-only, on a data directory. Takes
// the LOCK for their duration; Error::busy when an instance holds it.
struct OfflineDoors {
  class Files& files;
  class SqliteOpener& sqlite;
};
Result<std::vector<Appliance::Listed>> list_checkpoints_offline(const OfflineDoors& doors,
                                                                const Settings& settings);
Status verify_checkpoint_offline(const OfflineDoors& doors, const Settings& settings, CheckpointId id);
Result<Manifest> read_checkpoint_offline(const OfflineDoors& doors, const Settings& settings,
                                         CheckpointId id);

// Error::usage when no other one verifies, without `force`.
Status delete_checkpoint_offline(const OfflineDoors& doors, const Settings& settings, CheckpointId id,
                                 bool force);

// Forgets the keyed state of a pipeline, by its name or uid: a new checkpoint like the newest, without it.
// The instance must have been stopped in order. not_found: the newest checkpoint holds none of it.
struct DroppedState {
  CheckpointId from, as;  // the checkpoint it was in, and the new one
  std::uint64_t keys = 0;
};
Result<DroppedState> drop_state_offline(const OfflineDoors& doors, const Settings& settings,
                                        const std::string& pipeline, std::int64_t wall_ns);

// What is written where in a data directory, for whoever counts it; all else is a sink's.
std::vector<WrittenBytes::Place> written_places(const std::string& data_dir);

// What the LOCK file of a data directory says about its holder: the control socket's path. not_found when
// there is no such file. It may be stale; connecting tells.
Result<std::string> control_socket_of(class Files& files, const std::string& data_dir);

}  // namespace tidemark
