#include "base/format.h"
#include "base/invariant.h"
#include "decode/cbor.h"
#include "decode/csv.h"
#include "decode/decoder.h"
#include "decode/influx.h"
#include "decode/json.h"
#include "decode/msgpack.h"
#include "decode/sparkplug.h"
#include "decode/text.h"

namespace tidemark {
namespace {

constexpr FormatDeclaration kFormats[] = {
    {FormatSettings::Type::json, "json", json_refuses, make_json_decoder},
    {FormatSettings::Type::csv, "csv", csv_refuses, make_csv_decoder},
    {FormatSettings::Type::text, "text", text_refuses, make_text_decoder},
    {FormatSettings::Type::influx, "influx", influx_refuses, make_influx_decoder},
    {FormatSettings::Type::msgpack, "msgpack", json_refuses, make_msgpack_decoder},
    {FormatSettings::Type::cbor, "cbor", json_refuses, make_cbor_decoder},
    {FormatSettings::Type::sparkplug, "sparkplug", sparkplug_refuses, make_sparkplug_decoder,
     make_sparkplug_table},
};

const FormatDeclaration& declaration_of(FormatSettings::Type type) {
  for (const FormatDeclaration& declaration : kFormats)
    if (declaration.type == type) return declaration;
  invariant_broken("every format is registered", std::source_location::current());
}

}  // namespace

std::string to_text(const DecodeError& error) {
  return error.offset ? format("{} at byte {}", error.what, *error.offset) : error.what;
}

std::expected<bool, DecodeError> RecordDecoder::next(const Payload&, std::span<Value>, Arena&) {
  invariant_broken("only a format whose payloads hold several records is asked for the next",
                   std::source_location::current());
}

std::string RecordDecoder::text(const Payload& payload) const {
  return std::string(payload.bytes);
}

std::span<const FormatDeclaration> format_registry() {
  return kFormats;
}

const FormatDeclaration* find_format(std::string_view name) {
  for (const FormatDeclaration& declaration : kFormats)
    if (declaration.name == name) return &declaration;
  return nullptr;
}

std::string_view format_name(FormatSettings::Type type) {
  return declaration_of(type).name;
}

Result<std::unique_ptr<RecordDecoder>> make_decoder(const DecoderOptions& options) {
  const FormatDeclaration& declaration = declaration_of(options.format.type);
  for (std::size_t slot = 0; slot < options.fields.size(); ++slot)
    if (auto why = declaration.refuses(options.format, options.fields.path(slot)))
      return fail(*std::move(why), Error::Kind::usage);
  return declaration.make(options);
}

std::optional<std::string> field_refused(const FormatSettings& format_settings, const RecordPath& path) {
  return declaration_of(format_settings.type).refuses(format_settings, path);
}

}  // namespace tidemark
