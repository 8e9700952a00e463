#include "pipeline/identity.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/format.h"

namespace tidemark {
namespace {

constexpr std::string_view kMagic = "TMLINEA1";
constexpr std::uint32_t kVersion = 1;

void encode_body(Encoder& out, const Identity& identity) {
  for (const std::uint8_t byte : identity.lineage.bytes) out.u8(byte);
  out.u32(identity.run.value);
  out.u64(identity.next_checkpoint.value);
  encode_forks(out, identity.ancestry);
  out.u8(static_cast<std::uint8_t>((identity.ended ? 1 : 0) | (identity.had_checkpoint ? 2 : 0)));
  out.bytes(identity.accepted);
  encode_client_ids(out, identity.client_ids);
  out.u8(identity.restore ? 1 : 0);
  if (identity.restore) encode_restore_order(out, *identity.restore);
}

bool decode_body(Decoder& in, Identity& identity) {
  for (std::uint8_t& byte : identity.lineage.bytes) byte = in.u8();
  identity.run.value = in.u32();
  identity.next_checkpoint.value = in.u64();
  identity.ancestry = decode_forks(in);
  const std::uint8_t flags = in.u8();
  identity.ended = (flags & 1) != 0;
  identity.had_checkpoint = (flags & 2) != 0;
  identity.accepted = in.bytes();
  identity.client_ids = decode_client_ids(in);
  if (in.u8() != 0) identity.restore = decode_restore_order(in);
  return in.complete();
}

}  // namespace

void encode_forks(Encoder& out, const Ancestry& ancestry) {
  out.varint(ancestry.forks().size());
  for (const Fork& fork : ancestry.forks()) {
    out.u32(fork.timeline.value);
    out.u32(fork.parent.value);
    out.u64(fork.at.value);
  }
}

Ancestry decode_forks(Decoder& in) {
  std::vector<Fork> forks;
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) {
    Fork fork;
    fork.timeline.value = in.u32();
    fork.parent.value = in.u32();
    fork.at.value = in.u64();
    forks.push_back(fork);
  }
  return Ancestry(std::move(forks));
}

void encode_client_ids(Encoder& out, const std::map<std::string, std::string>& ids) {
  out.varint(ids.size());
  for (const auto& [name, id] : ids) {
    out.bytes(name);
    out.bytes(id);
  }
}

std::map<std::string, std::string> decode_client_ids(Decoder& in) {
  std::map<std::string, std::string> ids;
  for (std::uint64_t n = in.varint(); n > 0 && !in.failed(); --n) {
    const std::string name(in.bytes());
    ids[name] = std::string(in.bytes());
  }
  return ids;
}

Identity new_identity(Random& random, const std::optional<Identity>& previous) {
  Identity identity;
  for (std::size_t i = 0; i < identity.lineage.bytes.size(); i += 8) {
    const std::uint64_t bits = random.next();
    for (std::size_t b = 0; b < 8; ++b)
      identity.lineage.bytes[i + b] = static_cast<std::uint8_t>(bits >> (8 * b));
  }
  if (previous) {
    identity.run = previous->run;
    identity.next_checkpoint = previous->next_checkpoint;
    identity.client_ids = previous->client_ids;
  }
  return identity;
}

const std::string& client_id_of(Identity& identity, const std::string& name, Random& random) {
  std::string& id = identity.client_ids[name];
  if (id.empty()) id = format("tidemark-{:016x}", random.next());
  return id;
}

std::string encode_identity(const Identity& identity) {
  Encoder body;
  encode_body(body, identity);
  Encoder out;
  out.raw(kMagic);
  out.u32(kVersion);
  out.u32(static_cast<std::uint32_t>(body.size()));
  out.raw(body.view());
  out.u64(checksum(out.view()));
  return out.take();
}

Result<Identity> decode_identity(std::string_view bytes) {
  const auto damaged = [](std::string_view what) { return fail(std::string(what), Error::Kind::corrupt); };
  if (bytes.size() < kMagic.size() + 16 || !bytes.starts_with(kMagic)) return damaged("is no lineage file");
  Decoder in(bytes.substr(kMagic.size()));
  if (const std::uint32_t version = in.u32(); version != kVersion)
    return damaged(format("has version {}, this program reads {}", version, kVersion));
  const std::string_view body = in.raw(in.u32());
  const std::uint64_t sum = in.u64();
  if (!in.complete() || sum != checksum(bytes.substr(0, bytes.size() - 8)))
    return damaged("does not match its checksum");
  Identity identity;
  Decoder from(body);
  if (!decode_body(from, identity)) return damaged("does not decode");
  return identity;
}

std::string identity_path(const std::string& data_dir) {
  return join_path(data_dir, "lineage");
}

Result<Identity> read_identity(Files& files, const std::string& data_dir) {
  const std::string path = identity_path(data_dir);
  auto bytes = read_file(files, path, 1u << 20);
  if (!bytes) return pass_on(bytes);
  auto identity = decode_identity(*bytes);
  if (!identity)
    return fail(
        format(
            "{} {}; it names the history that journal and checkpoints belong to. Restore it from a copy, or "
            "begin anew with `tidemark run --from none`",
            path, identity.error().message),
        Error::Kind::corrupt);
  return identity;
}

Status write_identity(Files& files, const std::string& data_dir, const Identity& identity) {
  return write_file_atomically(files, identity_path(data_dir), encode_identity(identity));
}

}  // namespace tidemark
