// Appliance::Work: the parts of a running appliance and how they hold together. Internal to pipeline/:
// startup.cc makes the parts in order, appliance.cc runs and stops them.
//
// Ownership: this owns every part. Parts are declared in the order in which they depend on each other, so
// they are destroyed in the opposite one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/store.h"
#include "config/diagnostics.h"
#include "journal/reader.h"
#include "journal/writer.h"
#include "pipeline/appliance.h"
#include "pipeline/ballast.h"
#include "pipeline/checkpointer.h"
#include "pipeline/delivery.h"
#include "pipeline/engine.h"
#include "pipeline/flow.h"
#include "pipeline/identity.h"
#include "pipeline/kept_lookups.h"
#include "pipeline/lookup_watch.h"
#include "pipeline/missed_entries.h"
#include "pipeline/plan.h"
#include "pipeline/prior_state.h"
#include "pipeline/procedure.h"
#include "pipeline/restarts.h"
#include "pipeline/taps.h"
#include "platform/files.h"
#include "platform/sd_notify.h"
#include "sources/source.h"

namespace tidemark {

class SqliteConnections;

class Appliance::Work final : public EngineOutput {
 public:
  Work(Platform& platform, ServiceNotifier& notifier, ApplianceOptions options);
  ~Work() override;

  void start(std::function<void(Status)> ready);
  void stop(bool command, std::function<void(Status)> stopped, bool drain = false);
  void reload(Settings settings, std::function<void(Status)> done);
  void reload_refused(const std::string& why);
  StatusReport status() const;
  CheckpointStore* store() { return store_.get(); }
  std::shared_ptr<CheckpointStore> shared_store() { return store_; }
  Checkpointer* checkpointer() { return checkpointer_.get(); }
  Platform& platform() { return platform_; }
  void create_savepoint(SavepointTarget target, std::function<void(Result<CheckpointId>)> done);
  void stop_with_savepoint(SavepointTarget target, std::function<void(Status)> stopped);
  void on_ended(std::function<void()> ended) { ended_ = std::move(ended); }
  Result<std::unique_ptr<Tap>> tap(const std::string& name, TapEvents events);
  Result<StateSlice> show_state(const std::string& pipeline, const KeyFilter& filter, std::uint32_t from,
                                std::size_t most, const ShowState& show) const;
  bool accepts_checkpoints() const { return phase_ == Phase::running && !reloading_; }
  void resume_pipeline(const std::string& name, std::function<void(Status)> done);

  // EngineOutput
  void result(const Emission& emission) override;
  void unnumbered(const ResultSchema& schema, std::span<const Value> values) override;
  bool full() const override;
  void noticed(std::string_view subject, std::string_view kind, std::string_view text) override;

 private:
  enum class Phase { starting, replaying, running, stopping, stopped, failed };

  // choose_start.cc
  Status take_directory();
  Status know_identity();
  void name_clients(const Settings& settings);
  Status begin_lineage(const std::optional<Identity>& previous);
  Result<bool> state_exists();
  Status choose_checkpoint();
  Status load_checkpoint(const Manifest& manifest);
  void take_order(bool done_before);
  Status take_savepoint();
  Status move_in();
  Status check_named(const std::vector<Manifest>& candidates, CheckpointId named) const;
  void recall_sources(const Manifest& state, std::map<std::string, std::string>& memories) const;

  // begin_restore.cc
  Status begin_restore();
  Status note_order();
  Status remember_order();
  Result<std::optional<Position>> last_followed(const JournalFolder& folder);
  void remember_later(const JournalFolder& folder);
  std::string way_without_replay() const;
  void order_done();

  // evolution.cc
  struct Configured {
    std::shared_ptr<const Settings> settings;
    std::unique_ptr<Plan> plan;
    std::string name;  // its fingerprint, as journal and manifests name it
  };
  std::string present_name() const;
  const Plan& present_plan() const;
  Result<Configured> configuration(const std::string& name);
  std::vector<Engine::StateSummary> state_before() const;
  Status check_evolution(const Plan& next) const;
  Status put_in_force(Configured next);
  Status remake_sources(const Configured& next);
  std::optional<std::size_t> kept_source(const Settings& next, const SourceSettings& settings) const;
  std::unique_ptr<Source> new_source(const Settings& whole, const SourceSettings& settings, Intake& intake);
  std::vector<const ResultSchema*> schemas_for(std::size_t sink) const;
  void route();
  void keep_result(const std::string& sink, const Emission& emission, std::optional<Timeline> issued_on);
  Delivery& keeping_for(const std::string& sink);
  std::vector<Delivery*> stale_deliveries() const;
  void remake_deliveries(const std::vector<Delivery*>& stale);
  void open_deliveries();
  Later<bool> close_deliveries(std::vector<Delivery*> stale);
  static bool idle(const std::vector<Delivery*>& deliveries);
  void number_on_present_timeline();
  std::string memory_of(std::size_t source) const;

  // reload.cc
  Procedure change_configuration(Settings settings, std::function<void(Status)> done);
  bool drained_all() const;

  // lookups.cc
  void watch_lookups();
  void exchange_lookup(const std::string& name, std::shared_ptr<const LookupTable> table);
  void trim_lookups(Position oldest);
  bool stays(std::size_t source, const Settings& next) const;
  void reloaded(Status status, const std::function<void(Status)>& done);

  // journal_tail.cc
  Status open_journal_tail();
  bool begun_without_checkpoint() const;
  void remember_abandoned(const JournalFolder& folder, Position after);
  static constexpr std::size_t kNoSource = ~std::size_t{0};
  std::size_t source_index(const Entry& entry);
  void remember(Position position, const Entry& entry);
  Status check_joins(const JournalExtent& extent);
  Result<std::string> first_configuration();
  Status begin_with(const std::string& name);

  // startup.cc
  Procedure start_up();
  Status compile_plan();
  void make_flow();
  std::unique_ptr<Delivery> new_delivery(std::size_t sink);
  std::unique_ptr<Delivery> make_delivery(std::shared_ptr<const SinkSettings> settings,
                                          Delivery::MakeSink make_sink, bool only_keeps);
  std::string id_prefix() const;
  Status restore_pending();
  void note_other_outboxes();
  Status check_sinks_usable() const;
  Status check_nothing_lost() const;
  void make_checkpointer();
  Status replay_some(JournalReader& reader, std::size_t entries, bool& done);
  bool replay_entry(Position position, const Entry& entry);
  Status store_configuration(const Settings& settings, Position at);
  void journal_configuration();
  Status connect_sources();
  void started(Status status);

  // standing_still.cc
  void watch_pipelines();
  void feed_missed();
  Status replay_missed();
  void give_up_missed(std::size_t pipeline, const std::string& why);
  bool give_up_for_room(bool failed_only);
  void answer_resumes();

  // take_savepoint.cc
  void write_savepoint(SavepointTarget target, std::function<void(Status)> done);

  // appliance.cc
  std::vector<Delivery*> every_delivery() const;
  void tell_sources_safe(Position through);
  Procedure shut_down(bool command, bool drain);
  Status fork_durably(Position at);
  void fork_timeline(Position at);
  void journal_moved();
  void make_room();
  void hurry_for_sinks();
  void disk_full(const Error& error);
  void lay_in_ballast(const Manifest& manifest);
  bool hold() const;
  void look_at_free_space();
  void completed(const Manifest& manifest);
  void remove_old_journal();
  void describe(Manifest& manifest);
  void diverged(const ResultSchema& schema, ResultNumber number);
  bool covered_by_last() const;
  void finish_stop(Status status);
  bool replay_done() const { return phase_ != Phase::starting && phase_ != Phase::replaying; }
  std::string phase_text() const;
  void add_degraded(StatusReport& report) const;

  Platform& platform_;
  ServiceNotifier& notifier_;
  ApplianceOptions options_;
  const Settings& settings_;  // the present ones
  std::string data_dir_;

  std::unique_ptr<FileLock> lock_;
  std::shared_ptr<const Settings> present_;  // the same; what is made of them keeps them
  std::unique_ptr<Plan> present_plan_;       // null while it is the one in force
  Identity identity_;
  std::shared_ptr<CheckpointStore> store_;
  SourceTable names_;
  std::vector<std::size_t> index_of_name_;  // source_index(), by number
  JournalExtent extent_;
  std::vector<Manifest> retained_;  // that verify and belong to the present
  std::vector<CheckpointId> damaged_;
  std::optional<Manifest> resumed_;
  std::optional<RestoreOrder> order_;      // where this start resumes from, if somebody said
  std::string asked_;                      // by the command line, as long as it has not been done
  Ancestry before_;                        // the history without the timeline that a restore begins
  std::optional<Manifest> newest_;         // on it: what sources remember
  std::vector<CheckpointId> left_behind_;  // of this lineage, on branches that were left
  Position remembered_through_;  // sources remember the entries up to here; not once more in the replay
  Position barrier_;             // resumed_'s position, or 0
  std::unique_ptr<JournalWriter> journal_;  // null: journal off
  struct Abandoned {
    JournalFolder folder;
    Position after;
  };
  std::optional<Abandoned> abandoned_;  // what of the journal sources still remember, beside what is replayed
  PriorState prior_;                    // of the checkpoint, until there is an engine
  std::map<std::string, std::string> retired_;  // PriorState::retired, and "source/NAME" of sources
  Configured in_force_;                         // evolution.cc
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Flow> flow_;
  std::vector<std::unique_ptr<Source>> sources_;  // of in_force_, as are the next two
  std::vector<Intake*> intakes_;
  std::vector<std::shared_ptr<const Settings>> sources_made_from_;
  // Of the present sinks, in their order; then those that only keep.
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  std::vector<Delivery*> to_open_;
  std::vector<Delivery*> routes_;       // by sink of in_force_
  std::vector<std::string> rewritten_;  // owners of tables, for the checkpointer to come
  std::shared_ptr<SqliteConnections> connections_;
  struct Switch {
    Position position;
    JournalTime time;
    std::string to;
  };
  std::string recorded_;  // the configuration that the journal, or else the checkpoint, ends with
  bool configuration_changed_ = false;  // by this start
  bool reloading_ = false;
  KeptLookups kept_lookups_;  // on the bulk lane, but for the start
  std::unique_ptr<LookupWatch> lookup_watch_;
  bool lookups_to_trim_ = true;  // tables may be kept that others have followed
  std::string reload_refused_;   // why the last reload was; empty after a good one
  std::int64_t loaded_ns_ = 0;   // when the present configuration was read
  std::function<void()> stop_after_reload_;
  std::optional<Switch> switch_;  // the replay stands before an entry that names another configuration
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<Restarts> restarts_;
  std::unique_ptr<MissedEntries> missed_;
  std::unique_ptr<JournalReader> missed_reader_;                            // of the replay
  Position missed_read_;                                                    // the last it gave
  std::vector<std::pair<Position, std::function<void(Status)>>> resuming_;  // until their entry is durable

  Phase phase_ = Phase::starting;
  bool forked_ = false;  // this start began a timeline: a checkpoint before any source connects
  std::uint64_t replayed_ = 0;
  std::string resumed_text_ = "nothing";
  std::string start_error_;
  MonotonicTime begun_{};
  bool disk_low_ = false;  // less than limits.min_free: input waits
  MonotonicTime disk_looked_at_{};
  std::unique_ptr<Timer> disk_timer_;
  std::unique_ptr<Ballast> ballast_;
  std::vector<std::string> reports_;  // what was found and must be seen: damage, divergence
  Taps taps_;
  std::function<void(Status)> ready_, stopped_;
  std::function<void()> ended_;
  std::size_t sources_stopping_ = 0;
  // A stop waits with its acknowledgements until this is written.
  std::optional<SavepointTarget> final_savepoint_;
  std::function<void(bool)> sources_stopped_;
  Procedure procedure_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

std::string type_name_of(SourceSettings::Type type);

// What the command line asks for beyond a plain `run`: "run --from chk-7"; empty when nothing.
std::string text_of_request(const ApplianceOptions& options);

constexpr std::uint64_t kJournalSegment = 8u << 20;  // at most so large
constexpr std::uint64_t kJournalAhead = 128u
                                        << 10;  // zeros ahead of small syncs: one in 25 makes a file longer

// The channels' lineage and timeline, which the plan does not know.
void assign_channels(Plan& plan, const Lineage& lineage, Timeline timeline);

std::string lock_path(const std::string& data_dir);
std::string journal_folder(const std::string& data_dir);
std::string outbox_folder(const std::string& data_dir);
std::string sinks_folder(const std::string& data_dir);  // what sinks remember

// What stands in a manifest's section "delivered" for each channel that a sink receives.
std::string delivered_line(const Delivery& delivery, const ResultSchema& schema);

}  // namespace tidemark
