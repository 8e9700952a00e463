// RecordDecoder turns the bytes of one record into the values of the fields that somebody reads.
//
// A record is good or bad as a whole, whatever is read of it: every decoder validates all of a record, the
// fields that nobody reads included. So a pipeline that is added never changes which records the others see.
// A field that the record does not have is NULL.
// Pure: the same bytes give the same values in every run and on every machine.
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
#include "base/value.h"
#include "config/settings.h"
#include "decode/fields.h"

namespace tidemark {

// Why a record is bad.
struct DecodeError {
  std::string what;  // "field n: 1.5 is no int"
  std::optional<std::size_t>
      offset;  // of the byte where it is wrong, from 0; none when `what` names the field
};

// "field n: 1.5 is no int", "a string without its end at byte 12".
std::string to_text(const DecodeError& error);

class RecordDecoder {
 public:
  virtual ~RecordDecoder() = default;
  // Records to come lie in these bytes, ended by line ends, which stay as they are until the next expect().
  // Only makes it quicker.
  virtual void expect(std::string_view /*bytes*/) {}
  // Fills the slots; slots.size() is the field set's. Texts are views into `payload` or `arena`. After an
  // error the slots hold anything.
  virtual std::expected<void, DecodeError> decode(std::string_view payload, std::span<Value> slots,
                                                  Arena& arena) = 0;
};

struct DecoderOptions {
  const FormatSettings& format;
  const FieldSet& fields;  // copied as far as needed
  const LimitSettings& limits;
};

// One line of the registry (formats.cc): adding a format is its file and this line.
struct FormatDeclaration {
  FormatSettings::Type type;
  std::string_view name;
  // Why records of this format never have the field; nothing when they may.
  std::optional<std::string> (*refuses)(const FormatSettings&, const RecordPath&);
  std::unique_ptr<RecordDecoder> (*make)(const DecoderOptions&);
};

std::span<const FormatDeclaration> format_registry();

// Fails with what `refuses` says of the first field that it refuses.
Result<std::unique_ptr<RecordDecoder>> make_decoder(const DecoderOptions& options);

// Why no record of this format can have the field, with the nearest name that it can have; nothing when it
// may.
std::optional<std::string> field_refused(const FormatSettings& format, const RecordPath& path);

}  // namespace tidemark
