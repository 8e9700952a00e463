// JSON records: one object a record (RFC 8259), read with simdjson. A payload may hold several, as an array
// of objects; or, with `records`, in an array somewhere inside of an object (json_elements.h), and then a
// field that a record does not have, or has as null, is that of the object around it.
//
// The whole document is validated, fields that nobody reads included, by one of two ways that accept the same
// and give the same. Ordinary records are read straight from their tokens (json_tokens.h, json_walk.h); what
// that does not accept goes through simdjson's DOM parser, whose word is the last. simdjson's On-Demand
// parser would be given the fields to read instead: it accepts broken JSON in the parts nobody asks for,
// answers lookups of a doubled member by the order of the lookups, and compares member names without their
// escapes. A record's fate and values would then depend on which pipelines are configured. It is also fixed
// at compile time, which on a distribution's baseline amd64 is without vector instructions; tokens and DOM
// are found with the best that the machine has.
//
//   doubled member      the last one wins, with everything inside it
//   integer             64 bits, signed; a larger one anywhere in the record is an error, not a float
//   object or array     read as a scalar: its JSON text, without spaces, floats in their shortest form
//   null                NULL, as is a member that is absent or an index that is past the end
//   typed field         int also takes a float without fraction, float also an integer; nothing else is
//                       converted. Its name is matched with the path as the configuration writes it: "temp",
//                       "pos.lat". Checked in every record, whether a pipeline reads it or not
//   limits              max_fields members in all objects together; max_depth objects and arrays inside
//                       another
#pragma once

#include "decode/decoder.h"

namespace tidemark {

std::unique_ptr<RecordDecoder> make_json_decoder(const DecoderOptions& options);
std::optional<std::string> json_refuses(const FormatSettings& format, const RecordPath& path);

}  // namespace tidemark
