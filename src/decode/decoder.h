// RecordDecoder turns a payload, the bytes of one journal entry, into the values of the fields that somebody
// reads. In most formats a payload is one record; in some it holds any number of them, one after another.
//
// A record is good or bad as a whole, whatever is read of it: every decoder validates all of a record, the
// fields that nobody reads included. So a pipeline that is added never changes which records the others see.
// A payload that is not well-formed is bad as a whole: where its records begin and end cannot be told. In one
// that is, a bad record is bad alone, and those beside it count.
// A field that the record does not have is NULL.
// Pure: the same payloads give the same values in every run and on every machine; in formats with a memory
// (memory.h), the same ones before them too.
// Threads: one at a time (a decoder keeps buffers between records).  Lifetime: see decode().
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "base/times.h"
#include "base/value.h"
#include "config/settings.h"
#include "decode/fields.h"

namespace tidemark {

// Why a record is bad.
struct DecodeError {
  std::string what;  // "field n: 1.5 is no int"
  // Of the byte where it is wrong, from 0 and within the record; none when `what` names the field.
  std::optional<std::size_t> offset;
};

// "field n: 1.5 is no int", "a string without its end at byte 12".
std::string to_text(const DecodeError& error);

// One entry of the journal, for its source's decoder.
struct Payload {
  Payload() = default;
  Payload(std::string_view its_bytes, std::string_view its_topic = {}, JournalTime its_arrival = {})
      : bytes(its_bytes), topic(its_topic), received(its_arrival) {}
  std::string_view bytes;
  std::string_view topic;  // that it came under (mqtt); else empty
  JournalTime received;
};

enum class Found : std::uint8_t {
  record,   // the payload is one record, and the slots hold it
  several,  // it holds any number of records, none included: next() hands them out
};

class DecoderMemory;  // memory.h
class EntryTable;

class RecordDecoder {
 public:
  virtual ~RecordDecoder() = default;
  // Payloads to come lie in these bytes, ended by line ends, which stay as they are until the next expect().
  // Only makes it quicker.
  virtual void expect(std::string_view /*bytes*/) {}
  // A payload gives the same whenever it is decoded, and text() of one that is a record is the payload: some
  // may be decoded before their turn.
  virtual bool may_run_ahead() const { return false; }
  // Takes up a payload. With Found::record it fills the slots; slots.size() is the field set's. Texts are
  // views into the payload or `arena`. An error is that of the whole payload. After an error or
  // Found::several the slots hold anything.
  virtual std::expected<Found, DecodeError> decode(const Payload& payload, std::span<Value> slots,
                                                   Arena& arena) = 0;
  // After Found::several: the next record, as decode() would; false when there is none left. An error is that
  // of one record, and the next call goes on behind it. `payload` holds the same bytes in every call; they
  // may lie elsewhere.
  virtual std::expected<bool, DecodeError> next(const Payload& payload, std::span<Value> slots, Arena& arena);
  // The record that was found last, good or bad, as a person reads it: for dead letters. Of the payload as a
  // whole before the first next().
  virtual std::string text(const Payload& payload) const;
  // What it remembers from payload to payload; null in formats whose payloads stand for themselves.
  virtual DecoderMemory* memory() { return nullptr; }
};

struct DecoderOptions {
  const FormatSettings& format;
  const FieldSet& fields;  // copied as far as needed
  const LimitSettings& limits;
  std::uint64_t hash_seed = 0;  // of what it remembers
};

// One line of the registry (formats.cc): adding a format is its file and this line.
struct FormatDeclaration {
  FormatSettings::Type type;
  std::string_view name;
  // Why records of this format never have the field; nothing when they may.
  std::optional<std::string> (*refuses)(const FormatSettings&, const RecordPath&);
  std::unique_ptr<RecordDecoder> (*make)(const DecoderOptions&);
  // A table for DecoderMemory::adopt(), empty; null in formats that remember nothing.
  std::unique_ptr<EntryTable> (*make_table)(std::uint64_t hash_seed) = nullptr;
};

std::span<const FormatDeclaration> format_registry();

// Its line of the registry; null when there is no such format.
const FormatDeclaration* find_format(std::string_view name);
std::string_view format_name(FormatSettings::Type type);

// Fails with what `refuses` says of the first field that it refuses.
Result<std::unique_ptr<RecordDecoder>> make_decoder(const DecoderOptions& options);

// Why no record of this format can have the field, with the nearest name that it can have; nothing when it
// may.
std::optional<std::string> field_refused(const FormatSettings& format, const RecordPath& path);

}  // namespace tidemark
