// Identity: what a data directory remembers about itself: its lineage, its timelines, how often it was
// started.
//
// Kept in data_dir/lineage, replaced atomically at every start (the run number goes up, durably, before
// anything carries it) and whenever it changes.
//
//   magic "TMLINEA1"  version u32  body length u32  body  checksum u64 over all before it
//   body: lineage (16 bytes)  run u32  next checkpoint u64  forks (count, then timeline u32, parent u32,
//   position u64)
//         flags u8 (bit 0 ended, bit 1 had_checkpoint)  accepted (text)  client ids (count, then name, id)
//         restore (restore_order.h)
//         -- counts varint, texts length-prefixed
// Value.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/ancestry.h"
#include "base/ids.h"
#include "base/result.h"
#include "pipeline/restore_order.h"
#include "platform/files.h"
#include "platform/random.h"

namespace tidemark {

struct Identity {
  Lineage lineage;
  RunId run;
  CheckpointId next_checkpoint{1};  // a lower bound; names of checkpoints count on across lineages
  Ancestry ancestry;
  // A stop that deletes has begun to delete: nothing of this lineage counts any more.
  bool ended = false;
  bool had_checkpoint = false;  // one was completed: that there is none must be said
  // What the command line of `run` asked for (`--from none`, `--from chk-7`) and what has been done, until
  // the next clean stop: the same command line, given again by a service manager after a crash, must not do
  // it once more. Empty for a plain `run`.
  std::string accepted;
  std::map<std::string, std::string> client_ids;  // of MQTT, by "sources.NAME" and "sinks.NAME"
  // From where the next start resumes instead of the newest checkpoint, until a checkpoint of it stands.
  std::optional<RestoreOrder> restore;
};

// A new lineage, from the machine's randomness; counts on where `previous` ended.
Identity new_identity(Random& random, const std::optional<Identity>& previous);
// The id that a broker knows us by: made once, at random, so that two boards of one name are two clients.
const std::string& client_id_of(Identity& identity, const std::string& name, Random& random);

// Parts of it that a savepoint carries too.
void encode_forks(Encoder& out, const Ancestry& ancestry);
Ancestry decode_forks(Decoder& in);
void encode_client_ids(Encoder& out, const std::map<std::string, std::string>& ids);
std::map<std::string, std::string> decode_client_ids(Decoder& in);

std::string encode_identity(const Identity& identity);
Result<Identity> decode_identity(std::string_view bytes);

std::string identity_path(const std::string& data_dir);
// not_found when the directory has never been started.
Result<Identity> read_identity(Files& files, const std::string& data_dir);
Status write_identity(Files& files, const std::string& data_dir, const Identity& identity);

}  // namespace tidemark
